/** A template of one channel, compiled from the files and partials that it is made of. */
import { join } from 'node:path'
import type { Channel, Renderer, TemplateFile } from '../../channels/channel.ts'
import type { PartialFile, Partials } from '../../core/template/partials.ts'
import { error, type Problem } from '../problem.ts'
import type { FilesByName, TemplateFolder } from './files.ts'

export const PARTIAL = /^_([A-Za-z0-9][\w.-]*)\.liquid$/

/** By name; the operator's take precedence. One that cannot be read is reported elsewhere, and left out. */
export function partialsOf(shipped: TemplateFolder, own: TemplateFolder | null): Partials {
  const partials = new Map<string, PartialFile>()
  for (const [file, read] of [...shipped.shared, ...(own?.shared ?? [])]) {
    const name = PARTIAL.exec(file)?.[1]
    // Editors end a file with a line break, which is not part of the text.
    if (name !== undefined && read !== null)
      partials.set(name, { path: read.path, text: read.text.replace(/\r?\n$/, '') })
  }
  return partials
}

/** Those of the wanted files that exist; the operator's take precedence over the shipped ones. */
export function overlay(
  shipped: FilesByName | undefined,
  own: FilesByName | undefined,
  wanted: readonly string[],
): FilesByName {
  const files = new Map<string, TemplateFile | null>()
  for (const name of wanted) {
    const file = own?.has(name) ? own.get(name) : shipped?.get(name)
    if (file !== undefined) files.set(name, file)
  }
  return files
}

/** The files and partials of a template. */
export interface Sources {
  readonly own: FilesByName
  readonly shared: FilesByName
  readonly partials: Partials
}

/** Null if the folder has no files for the channel, or if a file is wrong. */
export function compile(
  channel: Channel,
  { own, shared, partials }: Sources,
  shown: string,
  problems: Problem[],
): Renderer<unknown> | null {
  if (own.size === 0) return null
  const files = new Map<string, TemplateFile>()
  for (const [name, file] of [...shared, ...own]) {
    // Reported when the file was read.
    if (file === null) return null
    files.set(name, file)
  }
  const compiled = channel.compile({ files, partials })
  if (compiled.ok) return compiled.renderer
  const paths = new Set([...files.values(), ...partials.values()].map(({ path }) => path))
  for (const { path, line, column, message } of compiled.problems) {
    // The path of a missing file is only its name.
    const file = paths.has(path) ? path : join(shown, path)
    problems.push(error('wrong_template', file, { line, column }, message))
  }
  return null
}
