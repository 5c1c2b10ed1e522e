/** The licences under which bundled packages are given away: each wants its own words to go with it. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { packageFolders } from './packages.ts'

const LICENCE_FILE = /^(?:licen[cs]e|copying|notice)(?:[.-]|$)/i

interface Manifest {
  readonly name: string
  readonly version: string
  readonly license?: string
  readonly author?: string | { readonly name: string }
}

/**
 * Of all packages that these files come from, sorted: name, version, and the words of the licence. Throws where a package
 * says nothing of a licence.
 */
export function licences(root: string, files: readonly string[]): string {
  const texts = new Map(packageFolders(files).map((folder) => licence(join(root, folder))))
  const sorted = [...texts].sort(([a], [b]) => (a < b ? -1 : 1))
  return `Hookbridge contains these packages.\n\n${sorted.map(([name, text]) => `${name}\n\n${text}\n`).join(`\n${'-'.repeat(80)}\n\n`)}`
}

function licence(folder: string): [name: string, text: string] {
  const { name, version, license, author }: Manifest = JSON.parse(
    readFileSync(join(folder, 'package.json'), 'utf8'),
  )
  const files = readdirSync(folder).filter((file) => LICENCE_FILE.test(file))
  if (files.length > 0) {
    const texts = files.map((file) => readFileSync(join(folder, file), 'utf8').trim())
    return [`${name} ${version}`, texts.join('\n\n')]
  }
  if (license === undefined) throw new Error(`${name} says nothing of a licence, and cannot be given away`)
  const by = typeof author === 'string' ? author : author?.name
  return [`${name} ${version}`, `${license}${by === undefined ? '' : `, by ${by}`}`]
}
