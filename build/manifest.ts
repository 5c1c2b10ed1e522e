/** A package.json, as far as it is read here. */
interface Manifest {
  readonly devEngines: { readonly runtime: { readonly version: string } }
  readonly files: readonly string[]
  readonly [key: string]: unknown
}

/** Of no use in a package: what builds and tests it, and the packages that the bundle contains. */
const LEFT_OUT = [
  'dependencies',
  'optionalDependencies',
  'devDependencies',
  'devEngines',
  'allowScripts',
  'scripts',
  'tap',
]

/** What stands in the package for the sources. The declarations are those of what programs import, and of what these name. */
const BUNDLE = [
  'dist/**/*.js',
  'dist/LICENSES.txt',
  'dist/sbom.cdx.json',
  'dist/index.d.ts',
  'dist/signing.d.ts',
  'dist/config/problem.d.ts',
]

/** The package.json of the package that contains its dependencies, from that of the checkout. */
export function packagedManifest({ devEngines, files, ...manifest }: Manifest): Record<string, unknown> {
  const kept = Object.entries(manifest).filter(([key]) => !LEFT_OUT.includes(key))
  return {
    ...Object.fromEntries(kept),
    engines: { node: devEngines.runtime.version },
    files: files.flatMap((file) => (file === 'src' ? BUNDLE : [file])),
  }
}
