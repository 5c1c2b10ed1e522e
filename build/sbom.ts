/** The software bill of materials: the packages in the bundle, as CycloneDX JSON, for those who look for flawed ones. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Contrib, Enums, Models, Serialize, Spec } from '@cyclonedx/cyclonedx-library'
import parseLicence from 'spdx-expression-parse'
import { packageFolders } from './packages.ts'

interface LockedPackage {
  readonly version: string
  readonly integrity?: string
}

interface Manifest {
  readonly name: string
  readonly version: string
  readonly description: string
  readonly license: string
}

const builder = new Contrib.FromNodePackageJson.Builders.ComponentBuilder(
  new Contrib.FromNodePackageJson.Factories.ExternalReferenceFactory(),
  new Contrib.License.Factories.LicenseFactory(parseLicence),
)

/** Of the packages that these files come from. The same bundle has the same text: it holds neither a time nor a chance. */
export function sbom(root: string, files: readonly string[]): string {
  const lock: { readonly packages: Readonly<Record<string, LockedPackage>> } = read(
    join(root, 'package-lock.json'),
  )
  const product = component(join(root, 'package.json'), Enums.ComponentType.Application)
  const bom = new Models.Bom({ metadata: new Models.Metadata({ component: product }) })
  for (const folder of packageFolders(files)) {
    const part = component(join(root, folder, 'package.json'), Enums.ComponentType.Library)
    const { integrity } = lock.packages[folder] ?? {}
    if (integrity === undefined) throw new Error(`package-lock.json has no checksum of ${folder}`)
    part.hashes.set(Enums.HashAlgorithm['SHA-512'], sha512(integrity))
    bom.components.add(part)
    product.dependencies.add(part.bomRef)
  }
  const serializer = new Serialize.JsonSerializer(new Serialize.JSON.Normalize.Factory(Spec.Spec1dot6))
  return `${serializer.serialize(bom, { sortLists: true, space: 2 })}\n`
}

function component(manifest: string, type: Enums.ComponentType): Models.Component {
  const { name, version, description, license }: Manifest = read(manifest)
  const made = builder.makeComponent({ name, version, description, license }, type)
  if (made === undefined) throw new Error(`${manifest} names no package`)
  // An @ in a name is written %40 there, and nothing else in the names that npm allows needs to be.
  made.purl = `pkg:npm/${name.replace('@', '%40')}@${version}`
  made.bomRef.value = made.purl
  return made
}

/** npm writes checksums in base64, CycloneDX in hexadecimal. */
function sha512(integrity: string): string {
  const [, base64] = /^sha512-(\S+)$/.exec(integrity) ?? []
  if (base64 === undefined) throw new Error(`${integrity} is no SHA-512`)
  return Buffer.from(base64, 'base64').toString('hex')
}

function read<T>(file: string): T {
  return JSON.parse(readFileSync(file, 'utf8'))
}
