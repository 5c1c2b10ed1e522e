import {
  analyzeSync,
  Liquid,
  LiquidError,
  type LiquidOptions,
  type Template as LiquidTemplate,
} from 'liquidjs'
import type { View } from '../event.ts'
import { readVariables } from './variables.ts'

/** What a template sees: the event, and the route and receiver of the message. */
export interface RenderView extends View {
  readonly route: { readonly name: string }
  readonly receiver: { readonly name: string }
  /** The URL from the configuration's `links`; null, which is false in a template, without one. */
  readonly link: string | null
}

export interface Rendered {
  readonly text: string
  /** Variables that the template uses and the view does not have; they rendered as empty. */
  readonly missing: readonly string[]
}

export interface Template {
  /** Variables that do not exist for any event: each is a mistake. */
  readonly unknown: readonly TemplateError[]
  /** Throws a TemplateError where the template fails as a whole. */
  render(view: object): Rendered
}

export interface Engine {
  /** Throws a TemplateError that says where the template is wrong. `fields`: what it sees; a message's by default. */
  compile(text: string, fields?: Fields): Template
}

/** The variables that a template sees, and the fields of each; null where they differ from event to event. */
export type Fields = Readonly<Record<string, readonly string[] | null>>

/** The fields of `View`. */
export const eventFields: Fields = {
  event: ['id', 'type', 'source', 'received_at', 'sent_at'],
  data: null,
  payload: null,
  enriched: null,
  // Where one is configured.
  lifecycle: null,
}

/** The fields of `RenderView`. */
export const messageFields: Fields = { ...eventFields, route: ['name'], receiver: ['name'], link: [] }

/** Line and column are counted from 1 within the text that was compiled. */
export class TemplateError extends Error {
  override readonly name = 'TemplateError'
  readonly line: number
  readonly column: number

  constructor(message: string, line: number, column: number) {
    super(message)
    this.line = line
    this.column = column
  }
}

export interface Filter {
  /** The filter's result is already safe for its place, and is not escaped again. */
  readonly safe: boolean
  apply(value: unknown, ...args: unknown[]): string
}

// Operators write the templates, but the values that they loop over come from outside: the limits bound one rendering.
const PARSE_LIMIT = 200_000
const RENDER_LIMIT_MS = 1_000
const MEMORY_LIMIT = 5_000_000

// LiquidJS's filters that work on text.
const TEXT_FILTERS =
  'append base64_decode base64_encode capitalize cgi_escape date date_to_long_string date_to_rfc822 date_to_string ' +
  'date_to_xmlschema downcase escape escape_once lstrip newline_to_br normalize_whitespace number_of_words prepend ' +
  'remove remove_first remove_last replace replace_first replace_last rstrip slugify split squish strip strip_html ' +
  'strip_newlines truncate truncatewords upcase uri_escape url_decode url_encode xml_escape'

/**
 * Makes a template engine for one kind of place. `escapeText` is applied to every value that a template writes,
 * unless its last filter is `raw` or a safe one. Templates cannot run code, read files or reach prototypes.
 */
export function createEngine(
  escapeText: (text: string) => string,
  filters: Readonly<Record<string, Filter>> = {},
): Engine {
  const options: LiquidOptions = {
    outputEscape: (value: unknown) => escapeText(toText(value)),
    strictFilters: true,
    ownPropertyOnly: true,
    lenientIf: true,
    // An empty mapping instead of the file system: no template can include a file.
    templates: {},
    // Names of months and days do not depend on the machine's locale.
    locale: 'en-US',
    timezoneOffset: 0,
    parseLimit: PARSE_LIMIT,
    renderLimit: RENDER_LIMIT_MS,
    memoryLimit: MEMORY_LIMIT,
  }
  const liquid = new Liquid(options)
  for (const name of TEXT_FILTERS.split(' ')) takeText(liquid, name)
  for (const [name, filter] of Object.entries(filters)) {
    liquid.registerFilter(name, {
      raw: filter.safe,
      handler: (value: unknown, ...args: unknown[]) => filter.apply(value, ...args),
    })
  }
  let collecting: Liquid | undefined
  // Made when a variable is first missing: an engine takes milliseconds to make.
  const collector = () => {
    collecting ??= new Liquid({ ...options, catchAllErrors: true })
    return collecting
  }
  return {
    compile(text, fields = messageFields) {
      const template = compile(liquid, collector, text, fields)
      const write = readVariables(text, escapeText)
      if (write === null) return template
      return {
        unknown: template.unknown,
        render(view) {
          const written = write(view)
          return written === undefined ? template.render(view) : { text: written, missing: [] }
        },
      }
    },
  }
}

/** Gives a filter of LiquidJS structures as JSON; it would see `[object Object]`, or throw. */
function takeText(liquid: Liquid, name: string): void {
  const builtIn = liquid.filters[name]
  if (builtIn === undefined) throw new Error(`LiquidJS has no filter ${name}`)
  const { handler, raw } = typeof builtIn === 'function' ? { handler: builtIn, raw: false } : builtIn
  liquid.registerFilter(name, {
    raw: raw ?? false,
    handler(...values: unknown[]) {
      return handler.apply(this, values.map(flat) as Parameters<typeof handler>)
    },
  })
}

function flat(value: unknown): unknown {
  return typeof value === 'object' && value !== null ? toText(value) : value
}

/** A value in a message: empty for null, JSON for structures. */
export function toText(value: unknown): string {
  if (value === undefined || value === null) return ''
  if (typeof value === 'string') return value
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}

function compile(liquid: Liquid, collector: () => Liquid, text: string, fields: Fields): Template {
  const parsed = attempt(() => liquid.parse(text))
  refuseFiles(parsed)
  return {
    unknown: unknownVariables(parsed, fields),
    render(view) {
      try {
        return { text: renderOnce(liquid, parsed, view, true), missing: [] }
      } catch (error) {
        if (!isUndefinedVariable(error)) throw toTemplateError(error)
      }
      const missing = missingVariables(collector(), parsed, view)
      return { text: attempt(() => renderOnce(liquid, parsed, view, false)), missing }
    },
  }
}

const READS_FILES = ['include', 'render', 'layout']

/** It would fail only when the message is rendered, in a branch perhaps that is seldom taken. */
function refuseFiles(parsed: readonly LiquidTemplate[]): void {
  for (const template of parsed) {
    const { token } = template
    const name = 'name' in token ? String(token.name) : ''
    if (READS_FILES.includes(name)) {
      const [line = 1, column = 1] = token.getPosition()
      throw new TemplateError(
        `{% ${name} %} names another file, and a template cannot read one`,
        line,
        column,
      )
    }
    const within = template.children?.(false, true).next()
    if (within?.done === true) refuseFiles(within.value)
  }
}

// Properties that LiquidJS gives to every value.
const OF_ANY = ['size', 'first', 'last']

/** Variables that are neither known nor set in the template. */
function unknownVariables(parsed: LiquidTemplate[], fields: Fields): TemplateError[] {
  const { globals, locals } = analyzeSync(parsed, { partials: false })
  return Object.values(globals)
    .flat()
    .flatMap((variable) => {
      const [root, field] = variable.segments
      if (typeof root !== 'string') return []
      // A loop may read what it sets further down; `offset: continue` is a word of the language.
      if (Object.hasOwn(locals, root) || root === 'continue') return []
      const known = Object.hasOwn(fields, root) ? fields[root] : undefined
      if (known === null) return []
      if (known !== undefined && (typeof field !== 'string' || [...known, ...OF_ANY].includes(field)))
        return []
      const names = known === undefined ? Object.keys(fields) : known.map((name) => `${root}.${name}`)
      const { row, col } = variable.location
      const there = names.length === 0 ? `${root} has no fields` : `known: ${names.join(', ')}`
      return [new TemplateError(`unknown variable ${variable}; ${there}`, row, col)]
    })
}

function renderOnce(
  liquid: Liquid,
  parsed: LiquidTemplate[],
  view: object,
  strictVariables: boolean,
): string {
  return String(liquid.renderSync(parsed, view, { strictVariables }))
}

function isUndefinedVariable(error: unknown): boolean {
  return LiquidError.is(error) && error.name === 'UndefinedVariableError'
}

/**
 * The variables that are missing when the template is rendered, as written. Those that are only tested (`if`, `case`,
 * `default`) or in a branch that is not taken may be missing; of a loop only the first iteration that fails counts.
 */
function missingVariables(collecting: Liquid, parsed: LiquidTemplate[], view: object): string[] {
  const missing = new Set<string>()
  try {
    renderOnce(collecting, parsed, view, true)
  } catch (error) {
    collect(error)
  }
  return [...missing]

  function collect(error: unknown): void {
    if (!LiquidError.is(error)) return
    if ('errors' in error && Array.isArray(error.errors)) error.errors.forEach(collect)
    else if (isUndefinedVariable(error)) missing.add(error.token.getText())
  }
}

function attempt<T>(action: () => T): T {
  try {
    return action()
  } catch (error) {
    throw toTemplateError(error)
  }
}

function toTemplateError(error: unknown): TemplateError {
  if (LiquidError.is(error)) {
    const [line, column] = error.token?.getPosition() ?? [1, 1]
    // LiquidJS appends the position to its message; the caller adds it with the file.
    return new TemplateError(error.message.replace(/, line:\d+, col:\d+$/, ''), line ?? 1, column ?? 1)
  }
  return new TemplateError(error instanceof Error ? error.message : String(error), 1, 1)
}
