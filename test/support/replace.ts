import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'

/** As careful editors save: a new file beside the old one, renamed over it. */
export function replaceFile(path: string, text: string): void {
  const beside = join(dirname(path), `.${basename(path)}.new`)
  writeFileSync(beside, text)
  renameSync(beside, path)
}

/** Replaces a text that the file must hold. */
export function edit(path: string, from: string, to: string): void {
  const text = readFileSync(path, 'utf8')
  if (!text.includes(from)) throw new Error(`${path} does not hold ${from}`)
  replaceFile(path, text.replaceAll(from, to))
}
