/**
 * `npm run package`: makes hookbridge-VERSION.tgz of what `npm run bundle` has made. It installs without a registry: its
 * package.json lists no dependencies, for they are in the bundle.
 */
import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { packagedManifest } from './manifest.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const { values } = parseArgs({ options: { destination: { type: 'string', default: '.' } } })
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
// As npm does, it takes what is there: an image is built without all of it.
const packed = ['README.md', 'LICENSE', 'dist', ...manifest.files.filter((file: string) => file !== 'src')]

const stage = mkdtempSync(join(tmpdir(), 'hookbridge-package-'))
try {
  for (const name of packed.filter((file) => existsSync(join(root, file))))
    cpSync(join(root, name), join(stage, name), { recursive: true })
  writeFileSync(join(stage, 'package.json'), `${JSON.stringify(packagedManifest(manifest), null, 2)}\n`)
  const args = ['pack', '--loglevel=error', '--pack-destination', resolve(values.destination)]
  process.stdout.write(execFileSync('npm', args, { cwd: stage, encoding: 'utf8' }))
} finally {
  rmSync(stage, { recursive: true, force: true })
}
