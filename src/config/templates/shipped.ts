/** The templates that ship with the product: read once, as its code is, and each compiled once. */
import { join } from 'node:path'
import type { Channel, Renderer } from '../../channels/channel.ts'
import type { Partials } from '../../core/template/partials.ts'
import type { Note } from '../file/fingerprint.ts'
import { shippedTemplates } from '../package.ts'
import type { Problem } from '../problem.ts'
import { compile, overlay, partialsOf } from './compile.ts'
import { readTemplateFolder, type TemplateFolder } from './files.ts'

export interface Shipped {
  readonly folder: TemplateFolder
  readonly partials: Partials
  /** Null where the template has no files for the channel, or one is wrong. */
  renderer(channel: Channel, name: string, problems: Problem[]): Renderer<unknown> | null
}

let kept: Shipped | undefined

export function shipped(problems: Problem[]): Shipped {
  if (kept !== undefined) return kept
  const wrong: Problem[] = []
  const read = readShipped(() => {}, wrong)
  // What is wrong is reported each time.
  if (wrong.length === 0) kept = read
  problems.push(...wrong)
  return read
}

/** Reads the folder once more. */
export function readShipped(note: Note, problems: Problem[]): Shipped {
  const folder = readTemplateFolder(shippedTemplates, shippedTemplates, problems, note)
  if (folder === null) throw new Error(`the shipped templates are missing: ${shippedTemplates}`)
  const partials = partialsOf(folder, null)
  const made = new Map<Channel, Map<string, Renderer<unknown>>>()
  return {
    folder,
    partials,
    renderer(channel, name, problems) {
      const found = made.get(channel)?.get(name)
      if (found !== undefined) return found
      const own = overlay(folder.templates.get(name), undefined, channel.templateFiles)
      const shared = overlay(folder.shared, undefined, channel.sharedFiles ?? [])
      const renderer = compile(channel, { own, shared, partials }, join(folder.shown, name), problems)
      if (renderer === null) return null
      const ofChannel = made.get(channel) ?? new Map<string, Renderer<unknown>>()
      made.set(channel, ofChannel.set(name, renderer))
      return renderer
    },
  }
}
