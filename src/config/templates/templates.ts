/** The templates that ship with the product and the operator's, which take precedence, compiled for every channel. */
import { realpathSync } from 'node:fs'
import { join } from 'node:path'
import type { Channel, Renderer, TemplateFile } from '../../channels/channel.ts'
import type { PartialFile, Partials } from '../../core/template/partials.ts'
import type { NamedRenderer, RenderDeps } from '../../core/template/render.ts'
import type { Note } from '../file/fingerprint.ts'
import { shippedTemplates } from '../package.ts'
import { error, meant, type Problem, START, warning } from '../problem.ts'
import { type FilesByName, readTemplateFolder, type TemplateFolder } from './files.ts'

export interface Templates {
  /** The names of all templates, of any channel. */
  readonly names: ReadonlySet<string>
  /**
   * The templates to try for an event, in order: the route's, the one named like the event type, `default`, and the
   * `default` that ships with the product where the operator replaced it.
   */
  readonly renderers: RenderDeps['renderers']
}

export interface LoadedTemplates {
  readonly templates: Templates
  /** The operator's templates that do not ship with the product. */
  readonly own: readonly string[]
  /** The operator's files that can be read. */
  readonly ownFiles: readonly TemplateFile[]
  readonly problems: readonly Problem[]
}

export interface OperatorFolder {
  readonly folder: string
  /** The path that the operator is shown. */
  readonly shown: string
  readonly note: Note
}

const DEFAULT = 'default'
const PARTIAL = /^_([A-Za-z0-9][\w.-]*)\.liquid$/
const SHIPPED_DEFAULT = 'default, as shipped'

/** Loads and compiles all templates. Null if the operator's folder does not exist. */
export function loadTemplates(
  channels: readonly Channel[],
  operator?: OperatorFolder,
): LoadedTemplates | null {
  const problems: Problem[] = []
  const same = operator !== undefined && isSame(operator.folder, shippedTemplates) ? operator : null
  const shipped = readTemplateFolder(
    same?.folder ?? shippedTemplates,
    shippedTemplates,
    problems,
    same?.note ?? (() => {}),
  )
  if (shipped === null) throw new Error(`the shipped templates are missing: ${shippedTemplates}`)
  if (operator === undefined || same !== null) {
    return { templates: compileAll(channels, shipped, null, problems), own: [], ownFiles: [], problems }
  }
  const own = readTemplateFolder(operator.folder, operator.shown, problems, operator.note)
  if (own === null) return null
  problems.push(...unknownFiles(channels, own))
  const names = [...own.templates.keys()].filter((name) => !shipped.templates.has(name))
  const ownFiles = [own.shared, ...own.templates.values()]
    .flatMap((files) => [...files.values()])
    .filter((file) => file !== null)
  return { templates: compileAll(channels, shipped, own, problems), own: names, ownFiles, problems }
}

function isSame(one: string, other: string): boolean {
  try {
    return realpathSync(one) === realpathSync(other)
  } catch {
    return false
  }
}

function compileAll(
  channels: readonly Channel[],
  shipped: TemplateFolder,
  own: TemplateFolder | null,
  problems: Problem[],
): Templates {
  const names = new Set([...shipped.templates.keys(), ...(own?.templates.keys() ?? [])])
  // By channel, then by name. Names from payloads are only looked up here, never used as paths.
  const compiled = new Map<string, ReadonlyMap<string, NamedRenderer>>()
  const last = new Map<string, NamedRenderer>()
  const partials = partialsOf(shipped, own)
  const shippedPartials = partialsOf(shipped, null)
  for (const channel of channels) {
    const shared = overlay(shipped.shared, own?.shared, channel.sharedFiles ?? [])
    const byName = new Map<string, NamedRenderer>()
    for (const name of names) {
      const files = overlay(shipped.templates.get(name), own?.templates.get(name), channel.templateFiles)
      const shown = join(own?.templates.has(name) === true ? own.shown : shipped.shown, name)
      const renderer = compile(channel, { own: files, shared, partials }, shown, problems)
      if (renderer !== null) byName.set(name, { name, renderer })
    }
    compiled.set(channel.name, byName)
    const renderer =
      own !== null && replaces(own, channel) ? compileShipped(channel, shipped, shippedPartials) : null
    if (renderer !== null) last.set(channel.name, { name: SHIPPED_DEFAULT, renderer })
  }
  return {
    names,
    renderers(channel, template, eventType) {
      const byName = compiled.get(channel)
      const wanted = new Set([...(template === null ? [] : [template]), eventType, DEFAULT])
      const found = [...wanted].map((name) => byName?.get(name)).filter((one) => one !== undefined)
      const fallback = last.get(channel)
      return fallback === undefined ? found : [...found, fallback]
    },
  }
}

/** By name; the operator's take precedence. One that cannot be read is reported, and missing. */
function partialsOf(shipped: TemplateFolder, own: TemplateFolder | null): Partials {
  const partials = new Map<string, PartialFile>()
  for (const [file, read] of [...shipped.shared, ...(own?.shared ?? [])]) {
    const name = PARTIAL.exec(file)?.[1]
    // An editor ends a file with a line break, which is no part of a text.
    if (name !== undefined && read !== null)
      partials.set(name, { path: read.path, text: read.text.replace(/\r?\n$/, '') })
  }
  return partials
}

/** Of the wanted files those that exist; the operator's take precedence over the shipped ones. */
function overlay(
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

function replaces(own: TemplateFolder, channel: Channel): boolean {
  const files = own.templates.get(DEFAULT)
  return (
    channel.templateFiles.some((name) => files?.has(name)) ||
    channel.sharedFiles?.some((name) => own.shared.has(name)) === true ||
    [...own.shared.keys()].some((name) => PARTIAL.test(name))
  )
}

function compileShipped(
  channel: Channel,
  shipped: TemplateFolder,
  partials: Partials,
): Renderer<unknown> | null {
  const files = overlay(shipped.templates.get(DEFAULT), undefined, channel.templateFiles)
  const shared = overlay(shipped.shared, undefined, channel.sharedFiles ?? [])
  return compile(channel, { own: files, shared, partials }, join(shipped.shown, DEFAULT), [])
}

/** What a template is made of. */
interface Sources {
  readonly own: FilesByName
  readonly shared: FilesByName
  readonly partials: Partials
}

/** Null where the folder has no files for the channel, or a file is wrong. */
function compile(
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

/** Files of the operator that no channel reads, most likely because of a misspelt name. */
function unknownFiles(channels: readonly Channel[], { shown, templates, shared }: TemplateFolder): Problem[] {
  const known = channels.flatMap(({ templateFiles }) => templateFiles)
  const knownShared = channels.flatMap(({ sharedFiles = [] }) => sharedFiles)
  const warn = (path: string, name: string, names: readonly string[]) =>
    warning('unknown_file', path, START, 'no channel reads a file with this name', meant(name, names))
  return [
    ...[...shared.keys()]
      .filter((name) => !knownShared.includes(name) && !PARTIAL.test(name))
      .map((name) => warn(join(shown, name), name, [...knownShared, ...partialsLike(name)])),
    ...[...templates].flatMap(([template, files]) =>
      [...files.keys()]
        .filter((name) => !known.includes(name))
        .map((name) => {
          const path = join(shown, template, name)
          if (!PARTIAL.test(name)) return warn(path, name, [...known, ...partialsLike(name)])
          const hint = `move it to ${join(shown, name)}`
          return warning('unknown_file', path, START, 'a partial is at the top of the templates folder', hint)
        }),
    ),
  ]
}

/** What the file would be called as a partial. */
function partialsLike(name: string): string[] {
  const [, stem] = /^_*([\w-]+)/.exec(name) ?? []
  return name.startsWith('_') || name.endsWith('.liquid') ? [`_${stem}.liquid`] : []
}
