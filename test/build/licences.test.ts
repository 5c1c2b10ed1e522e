import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { licences } from '../../build/licences.ts'

/** A folder with packages: what their manifests say, and their other files. */
function packages(
  t: Test,
  all: Readonly<Record<string, { manifest: object; files?: Readonly<Record<string, string>> }>>,
): string {
  const root = t.testdir()
  for (const [path, { manifest, files = {} }] of Object.entries(all)) {
    const folder = join(root, 'node_modules', path)
    mkdirSync(folder, { recursive: true })
    writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest))
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
  }
  return root
}

t.test('each package once, by its name, with all its words', async (t) => {
  const root = packages(t, {
    b: {
      manifest: { name: 'b', version: '1.0.0' },
      files: { 'LICENSE-MIT.txt': 'MIT\n', NOTICE: 'By B.\n' },
    },
    '@a/a': { manifest: { name: '@a/a', version: '2.0.0', license: 'ISC', author: { name: 'A' } } },
    'b/node_modules/c': { manifest: { name: 'c', version: '3.0.0', license: 'MIT', author: 'C' } },
  })
  const files = [
    'src/main.ts',
    'node_modules/b/x.js',
    'node_modules/b/lib/y.js',
    'node_modules/@a/a/index.js',
  ]
  const line = '-'.repeat(80)
  t.equal(
    licences(root, [...files, 'node_modules/b/node_modules/c/index.js']),
    `Hookbridge contains these packages.\n\n@a/a 2.0.0\n\nISC, by A\n\n${line}\n\nb 1.0.0\n\nMIT\n\nBy B.\n\n${line}\n\nc 3.0.0\n\nMIT, by C\n`,
  )
})

t.test('a package without a licence cannot be given away', async (t) => {
  const root = packages(t, { closed: { manifest: { name: 'closed', version: '1.0.0' } } })
  t.throws(() => licences(root, ['node_modules/closed/index.js']), /^closed says nothing of a licence/)
})
