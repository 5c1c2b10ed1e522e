/** The templates that ship with the product and the operator's, which take precedence, compiled for every channel. */
import { realpathSync } from 'node:fs'
import { join } from 'node:path'
import type { Channel, Renderer, TemplateFile } from '../../channels/channel.ts'
import type { NamedRenderer, RenderDeps } from '../../core/template/render.ts'
import type { Note } from '../file/fingerprint.ts'
import { shippedTemplates } from '../package.ts'
import { meant, type Problem, START, warning } from '../problem.ts'
import { compile, overlay, PARTIAL, partialsOf } from './compile.ts'
import { type FilesByName, readTemplateFolder, type TemplateFolder, type UnreadFolder } from './files.ts'
import { readShipped, type Shipped, shipped } from './shipped.ts'

export interface Templates {
  /** The names of all templates, of any channel. */
  readonly names: ReadonlySet<string>
  /**
   * The templates to try for an event, in order: the route's, the one named like the event type, `default`, and the
   * `default` that ships with the product, if the operator replaced it.
   */
  readonly renderers: RenderDeps['renderers']
  /** Whether no part of a template is the operator's, and the files that ship are not being edited. */
  readonly isAsShipped: (channel: string, name: string) => boolean
  /** The operator's templates that do not ship with the product. */
  readonly own: readonly string[]
}

export interface LoadedTemplates {
  readonly templates: Templates
  /** The operator's files that can be read. */
  readonly ownFiles: readonly TemplateFile[]
  readonly problems: readonly Problem[]
}

export interface OperatorFolder {
  readonly folder: string
  /** The path to show to the operator. */
  readonly shown: string
  readonly note: Note
}

const DEFAULT = 'default'
const RENDER_TAG = /\{%-?\s*render\s+["']([^"']+)["']/g
const SHIPPED_DEFAULT = 'default, as shipped'

/** Loads all templates, and compiles the operator's. */
export function loadTemplates(channels: readonly Channel[]): LoadedTemplates
export function loadTemplates(
  channels: readonly Channel[],
  operator: OperatorFolder,
): LoadedTemplates | UnreadFolder
export function loadTemplates(
  channels: readonly Channel[],
  operator?: OperatorFolder,
): LoadedTemplates | UnreadFolder {
  const problems: Problem[] = []
  if (operator === undefined || isSame(operator.folder, shippedTemplates)) {
    // The shipped folder itself may be edited during development, so it is read each time.
    const base = operator === undefined ? shipped(problems) : readShipped(operator.note, problems)
    const templates = compileAll(channels, base, null, problems)
    const isAsShipped = () => operator === undefined
    return { templates: { ...templates, isAsShipped, own: [] }, ownFiles: [], problems }
  }
  const base = shipped(problems)
  const own = readTemplateFolder(operator.folder, operator.shown, problems, operator.note)
  if ('code' in own) return own
  problems.push(...unknownFiles(channels, own))
  const names = [...own.templates.keys()].filter((name) => !base.folder.templates.has(name))
  const ownFiles = [own.shared, ...own.templates.values()]
    .flatMap((files) => [...files.values()])
    .filter((file) => file !== null)
  problems.push(...unusedPartials(own, base.folder, ownFiles))
  const templates = compileAll(channels, base, own, problems)
  const isAsShipped = (channel: string, name: string) =>
    channels.every((one) => one.name !== channel || !changes(own, one, name))
  return { templates: { ...templates, isAsShipped, own: names }, ownFiles, problems }
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
  base: Shipped,
  own: TemplateFolder | null,
  problems: Problem[],
): Omit<Templates, 'isAsShipped' | 'own'> {
  const { folder } = base
  const names = new Set([...folder.templates.keys(), ...(own?.templates.keys() ?? [])])
  // By channel, then by name. Names from payloads are only looked up here, never used as paths.
  const compiled = new Map<string, ReadonlyMap<string, NamedRenderer>>()
  const last = new Map<string, NamedRenderer>()
  const partials = own !== null && hasPartials(own) ? partialsOf(folder, own) : base.partials
  for (const channel of channels) {
    const shared = overlay(folder.shared, own?.shared, channel.sharedFiles ?? [])
    const byName = new Map<string, NamedRenderer>()
    for (const name of names) {
      const renderer = rendererOf(channel, name, shared)
      if (renderer !== null) byName.set(name, { name, renderer })
    }
    compiled.set(channel.name, byName)
    const renderer =
      own !== null && changes(own, channel, DEFAULT) ? base.renderer(channel, DEFAULT, []) : null
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

  function rendererOf(channel: Channel, name: string, shared: FilesByName): Renderer<unknown> | null {
    if (own === null || !changes(own, channel, name)) return base.renderer(channel, name, problems)
    const files = overlay(folder.templates.get(name), own.templates.get(name), channel.templateFiles)
    const shown = join(own.templates.has(name) ? own.shown : folder.shown, name)
    return compile(channel, { own: files, shared, partials }, shown, problems)
  }
}

/** Whether the operator's files change a template that ships. */
function changes(own: TemplateFolder, channel: Channel, name: string): boolean {
  const files = own.templates.get(name)
  return (
    channel.templateFiles.some((file) => files?.has(file)) ||
    channel.sharedFiles?.some((file) => own.shared.has(file)) === true ||
    hasPartials(own)
  )
}

function hasPartials(own: TemplateFolder): boolean {
  return [...own.shared.keys()].some((name) => PARTIAL.test(name))
}

/** Files of the operator that no channel reads, probably because of a misspelt name. */
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

/** Partials that no template renders, and that do not replace one that ships with the product. */
function unusedPartials(
  own: TemplateFolder,
  shipped: TemplateFolder,
  files: readonly TemplateFile[],
): Problem[] {
  const rendered = new Set(
    files.flatMap(({ text }) => [...text.matchAll(RENDER_TAG)].map(([, name]) => `_${name}.liquid`)),
  )
  return [...own.shared.keys()]
    .filter((name) => PARTIAL.test(name) && !rendered.has(name) && !shipped.shared.has(name))
    .map((name) => {
      const hint = `use it with {% render "${PARTIAL.exec(name)?.[1]}" %}, or remove it`
      return warning(
        'unused_template',
        join(own.shown, name),
        START,
        'no template renders this partial',
        hint,
      )
    })
}

/** The name that the file would have as a partial. */
function partialsLike(name: string): string[] {
  const [, stem] = /^_*([\w-]+)/.exec(name) ?? []
  return name.startsWith('_') || name.endsWith('.liquid') ? [`_${stem}.liquid`] : []
}
