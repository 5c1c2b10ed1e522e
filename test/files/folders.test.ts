import { mkdirSync, statSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { makeFolders } from '../../src/files/folders.ts'

t.test('a folder is made with those above it', async (t) => {
  const root = t.testdir({ file: '' })
  const mode = (path: string) => statSync(join(root, path)).mode & 0o777
  makeFolders(join(root, 'a/b/c'), 0o700)
  t.same([mode('a'), mode('a/b'), mode('a/b/c')], [0o700, 0o700, 0o700])
  makeFolders(join(root, 'a/b'), 0o755)
  t.equal(mode('a/b'), 0o700, 'what is there stays as it is')
  mkdirSync(join(root, 'elsewhere'))
  symlinkSync(join(root, 'elsewhere'), join(root, 'link'))
  makeFolders(join(root, 'link/d'))
  t.ok(statSync(join(root, 'elsewhere/d')).isDirectory())
  makeFolders('/')
  t.throws(() => makeFolders(join(root, 'file')), { code: 'EEXIST' })
  t.throws(() => makeFolders(join(root, 'file/d')), { code: 'ENOTDIR' })
})

t.test('where the system makes none, it ends', { skip: process.platform !== 'linux' }, async (t) => {
  t.throws(() => makeFolders('/proc/x/y'), { code: 'ENOENT', syscall: 'mkdir', path: '/proc/x' })
})
