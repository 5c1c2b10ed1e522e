import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Spec, Validation } from '@cyclonedx/cyclonedx-library'
import t, { type Test } from 'tap'
import { sbom } from '../../build/sbom.ts'

const integrity = `sha512-${Buffer.alloc(64, 1).toString('base64')}`

function project(t: Test, locked: object): string {
  const root = t.testdir()
  const manifests = {
    '.': { name: 'product', version: '1.2.3', license: 'MIT' },
    'node_modules/@a/b': { name: '@a/b', version: '2.0.0', license: '(MIT OR Apache-2.0)' },
    'node_modules/c': { name: 'c', version: '3.0.0', license: 'ISC' },
    'node_modules/d': { name: 'd', version: '4.0.0', license: 'MIT' },
  }
  for (const [folder, manifest] of Object.entries(manifests)) {
    mkdirSync(join(root, folder), { recursive: true })
    writeFileSync(join(root, folder, 'package.json'), JSON.stringify(manifest))
  }
  writeFileSync(join(root, 'package-lock.json'), JSON.stringify({ packages: locked }))
  return root
}

const files = ['src/main.ts', 'node_modules/c/x.js', 'node_modules/c/y.js', 'node_modules/@a/b/z.js']

t.test(
  'each package once, with its checksum and its licence, and none that is not in the bundle',
  async (t) => {
    const text = sbom(
      project(t, { 'node_modules/@a/b': { integrity }, 'node_modules/c': { integrity } }),
      files,
    )
    t.equal(await new Validation.JsonStrictValidator(Spec.Version.v1dot6).validate(text), null, 'it is valid')
    const { metadata, components, dependencies } = JSON.parse(text)
    t.match(metadata, { component: { type: 'application', name: 'product', version: '1.2.3' } })
    const hashes = [{ alg: 'SHA-512', content: '01'.repeat(64) }]
    t.match(components, [
      { group: '@a', name: 'b', version: '2.0.0', purl: 'pkg:npm/%40a/b@2.0.0', hashes },
      { name: 'c', version: '3.0.0', purl: 'pkg:npm/c@3.0.0', hashes },
    ])
    t.equal(components.length, 2)
    t.match(components, [
      { licenses: [{ expression: '(MIT OR Apache-2.0)' }] },
      { licenses: [{ license: { id: 'ISC' } }] },
    ])
    t.match(dependencies, [
      { ref: 'pkg:npm/%40a/b@2.0.0' },
      { ref: 'pkg:npm/c@3.0.0' },
      { ref: 'pkg:npm/product@1.2.3', dependsOn: ['pkg:npm/%40a/b@2.0.0', 'pkg:npm/c@3.0.0'] },
    ])
  },
)

t.test('the same bundle has the same text', async (t) => {
  const root = project(t, { 'node_modules/@a/b': { integrity }, 'node_modules/c': { integrity } })
  t.equal(sbom(root, files), sbom(root, files.toReversed()))
})

t.test('a package whose checksum is not known cannot be listed', async (t) => {
  const root = project(t, { 'node_modules/c': { integrity } })
  t.throws(() => sbom(root, files), { message: 'package-lock.json has no checksum of node_modules/@a/b' })
  const weak = project(t, {
    'node_modules/@a/b': { integrity: 'sha1-AAAA' },
    'node_modules/c': { integrity },
  })
  t.throws(() => sbom(weak, files), { message: 'sha1-AAAA is no SHA-512' })
})
