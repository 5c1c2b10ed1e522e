/**
 * The templates that ship with the product: read once, like its code, and each compiled when a message first needs it. Tests
 * verify that they compile.
 */
import { join } from 'node:path'
import type { Channel, Renderer } from '../../channels/channel.ts'
import type { Partials } from '../../core/template/partials.ts'
import type { Note } from '../file/fingerprint.ts'
import { shippedTemplates } from '../package.ts'
import { formatProblem, type Problem } from '../problem.ts'
import { compile, overlay, partialsOf } from './compile.ts'
import { readTemplateFolder, type TemplateFolder, type UnreadFolder, unparsed } from './files.ts'

export interface Shipped {
  readonly folder: TemplateFolder
  readonly partials: Partials
  /** Null if the template has no files for the channel, or if one is wrong. */
  renderer(channel: Channel, name: string, problems: Problem[]): Renderer<unknown> | null
}

let kept: Shipped | undefined

export function shipped(problems: Problem[]): Shipped {
  if (kept !== undefined) return kept
  const wrong: Problem[] = []
  const folder = existing(readTemplateFolder(shippedTemplates, shippedTemplates, wrong, () => {}, unparsed))
  const sources = sourcesIn(folder)
  const made = new Map<Channel, Map<string, Renderer<unknown>>>()
  const read: Shipped = {
    ...sources,
    renderer(channel, name) {
      const found = made.get(channel)?.get(name)
      if (found !== undefined) return found
      if (sources.sourcesOf(channel, name).own.size === 0) return null
      const renderer = compiledAtFirst((problems) => sources.compile(channel, name, problems))
      const ofChannel = made.get(channel) ?? new Map<string, Renderer<unknown>>()
      made.set(channel, ofChannel.set(name, renderer))
      return renderer
    },
  }
  // Not kept if something is wrong, so that it is reported each time.
  if (wrong.length === 0) kept = read
  problems.push(...wrong)
  return read
}

/** Reads the folder again and compiles its templates at once, because somebody is working on them. */
export function readShipped(note: Note, problems: Problem[]): Shipped {
  const folder = existing(readTemplateFolder(shippedTemplates, shippedTemplates, problems, note))
  const sources = sourcesIn(folder)
  return { ...sources, renderer: sources.compile }
}

function existing(folder: TemplateFolder | UnreadFolder): TemplateFolder {
  if ('code' in folder)
    throw new Error(`the shipped templates cannot be read (${folder.code}): ${shippedTemplates}`)
  return folder
}

function sourcesIn(folder: TemplateFolder) {
  const partials = partialsOf(folder, null)
  const sourcesOf = (channel: Channel, name: string) => ({
    own: overlay(folder.templates.get(name), undefined, channel.templateFiles),
    shared: overlay(folder.shared, undefined, channel.sharedFiles ?? []),
    partials,
  })
  return {
    folder,
    partials,
    sourcesOf,
    compile: (channel: Channel, name: string, problems: Problem[]) =>
      compile(channel, sourcesOf(channel, name), join(folder.shown, name), problems),
  }
}

/** If this throws, the template counts as failed, and the next one is tried. */
function compiledAtFirst(make: (problems: Problem[]) => Renderer<unknown> | null): Renderer<unknown> {
  let made: Renderer<unknown> | null = null
  return {
    render(view) {
      made ??= existingRenderer(make)
      return made.render(view)
    },
  }
}

function existingRenderer(make: (problems: Problem[]) => Renderer<unknown> | null): Renderer<unknown> {
  const problems: Problem[] = []
  const renderer = make(problems)
  if (renderer === null) throw new Error(problems.map(formatProblem).join('\n'))
  return renderer
}
