/** Every way in which people and machines change files is seen once, and nothing else is. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { fingerprint } from '../../../src/config/file/fingerprint.ts'
import { FileWatch } from '../../../src/config/file/watch.ts'
import { type Loaded, loadConfig, reloadConfig } from '../../../src/config/load.ts'
import { environment } from '../../support/config-fixtures.ts'
import { replaceFile } from '../../support/replace.ts'
import { temporaryFolder } from '../../support/service.ts'
import { until } from '../../support/until.ts'

const yaml = `sources: { cuuro: { svix: { secrets: [{ file: secrets/signing }] } } }
templates: templates
receivers: { here: { console: {} } }
routes: [{ receivers: [here] }]
`

const LOOK_EVERY = 20

interface Watched {
  readonly folder: string
  readonly path: (...names: string[]) => string
  /** Makes a change, waits until it is reported, and reads the files again, as the service does. */
  expectReport(what: string, change: () => void): Promise<void>
  /** Rewrites files without a change, then changes one, and fails if both were reported. */
  expectNone(what: string, change: () => void): Promise<void>
}

function watched(t: Test, folder = temporaryFolder(t)): Watched {
  const path = (...names: string[]) => join(folder, ...names)
  mkdirSync(path('templates/default'), { recursive: true })
  writeFileSync(path('config.yaml'), yaml)
  writeFileSync(path('templates/default/console.txt'), 'first')
  if (!readable(path('secrets/signing'))) {
    mkdirSync(path('secrets'), { recursive: true })
    writeFileSync(path('secrets/signing'), environment.SECRET)
  }
  const load = () => {
    const loaded = loadConfig(path('config.yaml'), environment)
    return loaded.ok ? loaded.compiled.files : loaded.files
  }
  let files = load()
  let count = 0
  const onChange = () => {
    count += 1
    files = load()
  }
  const watch = new FileWatch({ files: () => files, onChange }, LOOK_EVERY)
  watch.start()
  t.teardown(() => watch.stop())
  let expected = 0
  const expectReport = async (what: string, change: () => void) => {
    change()
    expected += 1
    await until(() => count >= expected, what)
    t.equal(count, expected, what)
  }
  let marks = 0
  const expectNone = async (what: string, change: () => void) => {
    change()
    await expectReport(`only what followed: ${what}`, () => {
      marks += 1
      writeFileSync(path('config.yaml'), `${yaml}# ${marks}\n`)
    })
  }
  return { folder, path, expectReport, expectNone }
}

function readable(path: string): boolean {
  try {
    return readFileSync(path).length > 0
  } catch {
    return false
  }
}

t.test('files are written, replaced, removed and brought back', async (t) => {
  const { path, expectReport } = watched(t)
  await expectReport('written in place', () => writeFileSync(path('config.yaml'), `${yaml}# longer\n`))
  await expectReport('renamed over the old one', () => replaceFile(path('config.yaml'), `${yaml}# LONGER\n`))
  await expectReport('moved away and written anew, as vim does', () => {
    renameSync(path('config.yaml'), path('config.yaml~'))
    writeFileSync(path('config.yaml'), yaml)
  })
  await expectReport('removed', () => rmSync(path('config.yaml')))
  await expectReport('back', () => writeFileSync(path('config.yaml'), yaml))
  await expectReport('a broken one', () => writeFileSync(path('config.yaml'), 'routes: ['))
  await expectReport('fixed', () => writeFileSync(path('config.yaml'), yaml))
  await expectReport('emptied', () => writeFileSync(path('config.yaml'), ''))
  await expectReport('an empty folder in its place', () => {
    rmSync(path('config.yaml'))
    mkdirSync(path('config.yaml'))
  })
  await expectReport('a file again', () => {
    rmSync(path('config.yaml'), { recursive: true })
    writeFileSync(path('config.yaml'), yaml)
  })
  const tested = 'tests: [{ file: sample.json, expect: { receivers: [here] } }]\n'
  await expectReport('with a test whose event is in a file', () =>
    writeFileSync(path('config.yaml'), yaml + tested),
  )
  await expectReport('the file of a test', () => writeFileSync(path('sample.json'), '{"event":"a"}'))
})

t.test('a pipe is no configuration, and what follows it is seen', async (t) => {
  const folder = temporaryFolder(t)
  const file = join(folder, 'config.yaml')
  execFileSync('mkfifo', [file])
  const { files, ...loaded } = reloadConfig(file, environment) as Extract<Loaded, { ok: false }>
  t.match(loaded, { ok: false, problems: [{ message: /came through a pipe/ }] })
  rmSync(file)
  writeFileSync(file, yaml)
  t.not(files.get(file), fingerprint(file))
  t.ok(files.has(file))
})

t.test('templates: a changed one, a new one in a new folder, a removed folder', async (t) => {
  const { path, expectReport } = watched(t)
  await expectReport('a template in place', () =>
    writeFileSync(path('templates/default/console.txt'), 'other'),
  )
  await expectReport('a new folder with a template', () => {
    mkdirSync(path('templates/startup.created'))
    writeFileSync(path('templates/startup.created/console.txt'), 'new')
  })
  await expectReport('a template in the new folder', () =>
    replaceFile(path('templates/startup.created/console.txt'), 'newer'),
  )
  await expectReport('a shared file', () =>
    writeFileSync(path('templates/layout.html'), '<p>{{ content }}</p>'),
  )
  await expectReport('a folder less', () => rmSync(path('templates/startup.created'), { recursive: true }))
  await expectReport('the whole folder replaced by another', () => {
    mkdirSync(path('next/default'), { recursive: true })
    writeFileSync(path('next/default/console.txt'), 'of another folder')
    renameSync(path('templates'), path('previous'))
    renameSync(path('next'), path('templates'))
  })
  await expectReport('within that', () =>
    writeFileSync(path('templates/default/console.txt'), 'of another again'),
  )
  await expectReport('the whole folder gone', () => rmSync(path('templates'), { recursive: true }))
  await expectReport('and back', () => mkdirSync(path('templates')))
})

t.test('secrets, and links that are swapped as Kubernetes does', async (t) => {
  const folder = temporaryFolder(t)
  const version = (name: string, text: string) => {
    mkdirSync(join(folder, 'secrets', name), { recursive: true })
    writeFileSync(join(folder, 'secrets', name, 'signing'), text)
  }
  const swap = (name: string) => {
    symlinkSync(name, join(folder, 'secrets/..data_tmp'))
    renameSync(join(folder, 'secrets/..data_tmp'), join(folder, 'secrets/..data'))
  }
  version('..2026_1', environment.SECRET)
  swap('..2026_1')
  symlinkSync('..data/signing', join(folder, 'secrets/signing'))
  const { expectReport, expectNone, path } = watched(t, folder)
  await expectReport('another secret', () => {
    version('..2026_2', 'whsec_YW5vdGhlciBvbmUgb2YgdGhlbQ==')
    swap('..2026_2')
  })
  await expectNone('a link to the same text', () => {
    version('..2026_3', 'whsec_YW5vdGhlciBvbmUgb2YgdGhlbQ==')
    swap('..2026_3')
  })
  await expectReport('in place, behind the links', () =>
    writeFileSync(path('secrets/..2026_3/signing'), environment.SECRET),
  )
  await expectReport('gone', () => rmSync(path('secrets/..data')))
})

t.test('a file that is touched, rewritten as it was, or hidden is no change', async (t) => {
  const { path, expectReport, expectNone } = watched(t)
  await expectNone('touched', () => {
    const now = new Date()
    utimesSync(path('templates/default/console.txt'), now, now)
  })
  await expectNone('replaced by a copy', () =>
    replaceFile(
      path('templates/default/console.txt'),
      readFileSync(path('templates/default/console.txt'), 'utf8'),
    ),
  )
  await expectNone("an editor's own file", () =>
    writeFileSync(path('templates/default/.console.txt.swp'), 'x'),
  )
  await expectNone('a file that is not of the configuration', () => writeFileSync(path('notes.txt'), 'x'))
  await expectReport('of the same length, with the times of before', () => {
    const file = path('templates/default/console.txt')
    const old = new Date(Date.now() - 3_600_000)
    writeFileSync(file, 'thirs')
    utimesSync(file, old, old)
  })
})

t.test('what stays wrong is reported once, and a stopped watch reports nothing', async (t) => {
  const file = join(temporaryFolder(t), 'a')
  writeFileSync(file, '1')
  const files = new Map([[file, fingerprint(file)]])
  const other = join(file, '../b')
  let reported = 0
  let control = 0
  // The first never reads its files again; the second shows that so many looks have passed.
  const onChange = () => {
    reported += 1
  }
  const watch = new FileWatch({ files: () => files, onChange }, LOOK_EVERY)
  const onControl = () => {
    control += 1
  }
  const clock = new FileWatch(
    { files: () => new Map([[other, `${control}`]]), onChange: onControl },
    LOOK_EVERY,
  )
  watch.start()
  watch.start()
  clock.start()
  t.teardown(() => {
    watch.stop()
    clock.stop()
  })
  writeFileSync(file, '2')
  await until(() => reported === 1, 'the change')
  const before = control
  for (let count = 1; count <= 3; count += 1) {
    writeFileSync(other, `${count}`)
    await until(() => control === before + count, 'time to pass')
  }
  t.equal(reported, 1, 'once')
  writeFileSync(file, '3')
  await until(() => reported === 2, 'the next change')
  watch.stop()
  writeFileSync(file, '4')
  writeFileSync(other, 'the last')
  await until(() => control === before + 4, 'time to pass')
  t.equal(reported, 2)
})

t.test('fingerprints never wait, and never throw', async (t) => {
  const folder = temporaryFolder(t)
  t.equal(fingerprint(join(folder, 'nowhere')), 'ENOENT')
  t.equal(fingerprint('/dev/zero'), 'not a regular file')
  const large = join(folder, 'large')
  writeFileSync(large, Buffer.alloc(5_000_000))
  t.match(fingerprint(large), /^5000000 bytes/)
  t.equal(fingerprint(folder), fingerprint(folder))
  symlinkSync('loop', join(folder, 'loop'))
  t.equal(fingerprint(join(folder, 'loop')), 'ELOOP')
})
