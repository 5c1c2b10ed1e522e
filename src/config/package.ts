/** Where the files of this package are, in a checkout and in the built package. */
import { readFileSync } from 'node:fs'
import { findPackageJSON } from 'node:module'
import { dirname, join } from 'node:path'

const manifest = findPackageJSON(import.meta.url)
if (manifest === undefined) throw new Error(`no package.json above ${import.meta.url}`)

export const packageFolder: string = dirname(manifest)

/** What `hookbridge` runs. */
export const program: string = join(packageFolder, 'bin/hookbridge.js')

/** The templates that are used if the operator's folder has none. */
export const shippedTemplates: string = join(packageFolder, 'templates')

export const exampleConfig: string = join(packageFolder, 'config.example.yaml')

/** The configuration of `hookbridge demo`: short, to copy from. */
export const demoConfig: string = join(packageFolder, 'config.demo.yaml')

export function packageVersion(): string {
  const { version }: { readonly version: string } = JSON.parse(
    readFileSync(join(packageFolder, 'package.json'), 'utf8'),
  )
  return version
}
