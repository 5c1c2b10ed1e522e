import t from 'tap'
import { type Remedy, wordsFor } from '../../src/files/failure.ts'

const remedy: Remedy = { use: 'write', rename: 'correct store.url', permit: 'give it to the service (chown)' }

t.test('a failure of the file system is said in words', async (t) => {
  const error = (code: string, more = {}) =>
    Object.assign(new Error(code), { code, syscall: 'open', path: '/data/store.db', ...more })
  const cases: Readonly<Record<string, RegExp>> = {
    ENOSPC: /^the disk that holds \/data is full; make room$/,
    EDQUOT: /^the disk quota for \/data is used up; make room, or raise the quota$/,
    EROFS: /^\/data is mounted read-only; mount it writable/,
    EACCES: /may not use \/data\/store\.db; give it to the service \(chown\)$/,
    EPERM: /may not use \/data\/store\.db/,
    ENOENT: /^there is no folder \/data; make it, or correct store\.url$/,
    ENOTDIR: /is a file, not a folder; correct store\.url$/,
    EEXIST: /^\/data\/store\.db exists already; correct store\.url$/,
    EISDIR: /store\.db is a folder/,
    ELOOP: /symbolic link that leads back to itself/,
    ENAMETOOLONG: /too long/,
    EMFILE: /LimitNOFILE/,
    ENFILE: /LimitNOFILE/,
    EIO: /look into the system log/,
  }
  for (const [code, words] of Object.entries(cases))
    t.match(wordsFor(error(code), '/data/store.db', remedy), words, code)
  t.equal(wordsFor(new Error('no such table'), '/data/store.db', remedy), null)
  const made = (code: string) =>
    wordsFor(error(code, { syscall: 'mkdir', path: '/data' }), '/data/store.db', remedy)
  t.equal(made('ENOENT'), 'no folder can be made in /; correct store.url')
  t.equal(made('EEXIST'), 'a part of /data is a file, not a folder; correct store.url')
  t.match(
    made('EACCES'),
    /^there is no folder \/data, and this user \(uid \d+\) may not make it; give it to the service \(chown\)$/,
  )
  const beside = error('EACCES', { path: '/data/.store.12.part' })
  t.match(
    wordsFor(beside, '/data/store.db', remedy),
    /may not use \/data; /,
    'not the name of a temporary file',
  )
  const read = (code: string) => wordsFor(error(code), '/data/store.db', { ...remedy, use: 'read' })
  t.equal(read('ENOENT'), 'there is no file /data/store.db; correct store.url')
  t.match(read('EACCES'), /^this user \(uid \d+\) may not read \/data\/store\.db; /)
})
