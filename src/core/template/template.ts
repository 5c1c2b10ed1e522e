import { type Context, Liquid, type LiquidOptions } from 'liquidjs'
import type { View } from '../event.ts'
import { toClosures } from './closures/closures.ts'
import { meteredOperators, meterFilters } from './cost.ts'
import { registerDates } from './dates/dates.ts'
import type { TemplateError } from './error.ts'
import { registerMoney } from './money.ts'
import { withFilter } from './other-filters.ts'
import { noPartials, type PartialFile, type Partials, partialsOf, toMapping } from './partials.ts'
import { isUndefinedVariable, missingVariables, renderOnce, toTemplateError } from './rendering.ts'
import type { Summary } from './summary/summary.ts'
import { type Fields, unknownVariables } from './unknown-variables.ts'
import { readVariables } from './variables.ts'

export { TemplateError } from './error.ts'
export type { Fields } from './unknown-variables.ts'

/** What a template sees: the event, and the route and receiver of the message. */
export interface RenderView extends View {
  readonly event: View['event'] & {
    /** The title that the configuration gives the source; its key by default. */
    readonly source_title: string
  }
  /** Who and what, found by the names of fields. */
  readonly summary: Summary
  readonly route: { readonly name: string }
  readonly receiver: { readonly name: string }
  /** The URL from the configuration's `links`; null, which is false in a template, without one. */
  readonly link: string | null
  /** Why the message comes to this receiver and not to the one that it was for; null where it is no fallback. */
  readonly fallback: { readonly receiver: string; readonly reason: string } | null
}

export interface Rendered {
  readonly text: string
  /** Variables that the template uses and the view does not have; they rendered as empty. */
  readonly missing: readonly string[]
}

export interface Template {
  /** Variables that do not exist for any event: each is a mistake. */
  readonly unknown: readonly TemplateError[]
  /** Those that it renders, directly or by another one. */
  readonly partials: readonly PartialFile[]
  /** Throws a TemplateError where the template fails as a whole. */
  render(view: object): Rendered
}

export interface Engine {
  /**
   * Throws a TemplateError that says where the template is wrong. `fields`: what it sees; a message's by default.
   * `partials`: what `{% render %}` finds; the same value is compiled once.
   */
  compile(text: string, fields?: Fields, partials?: Partials): Template
}

/** The fields of `View`. */
export const eventFields: Fields = {
  event: ['id', 'type', 'source', 'subject', 'received_at', 'sent_at'],
  data: null,
  payload: null,
  enriched: null,
  lifecycle: ['name', 'stage', 'is_last', 'started_at', 'elapsed', 'approximate', 'stages'],
}

/** The fields of `RenderView`. */
export const messageFields: Fields = {
  ...eventFields,
  event: [...(eventFields.event ?? []), 'source_title'],
  summary: ['name', 'what', 'score', 'facts', 'time', 'id'],
  route: ['name'],
  receiver: ['name'],
  link: [],
  fallback: ['receiver', 'reason'],
}

export interface Filter {
  /** The filter's result is already safe for its place, and is not escaped again. */
  readonly safe: boolean
  apply(value: unknown, ...args: unknown[]): string
}

// Operators write the templates, but the values that they loop over come from outside: the limits bound one rendering.
const PARSE_LIMIT = 200_000
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
    outputEscape(this: { readonly context: Context }, value: unknown) {
      const text = toText(value)
      this.context.memoryLimit.use(text.length)
      return escapeText(text)
    },
    operators: meteredOperators,
    strictFilters: true,
    ownPropertyOnly: true,
    lenientIf: true,
    // Names of months and days do not depend on the machine's locale.
    locale: 'en-US',
    timezoneOffset: 0,
    parseLimit: PARSE_LIMIT,
    memoryLimit: MEMORY_LIMIT,
  }
  const makers = new WeakMap<Partials, Maker>()
  const makerFor = (partials: Partials): Maker => {
    const made = makers.get(partials) ?? createMaker(options, filters, partials)
    makers.set(partials, made)
    return made
  }
  return {
    compile(text, fields = messageFields, partials = noPartials) {
      const template = compile(makerFor(partials), text, fields, escapeText)
      const write = readVariables(text, escapeText)
      if (write === null) return template
      return {
        ...template,
        render(view) {
          const written = write(view)
          return written === undefined ? template.render(view) : { text: written, missing: [] }
        },
      }
    },
  }
}

/** LiquidJS with the filters of a place and the partials of a configuration. */
interface Maker {
  readonly liquid: Liquid
  readonly partials: Partials
  /** A missing variable does not stop the rendering. */
  readonly collector: () => Liquid
}

function createMaker(
  options: LiquidOptions,
  filters: Readonly<Record<string, Filter>>,
  partials: Partials,
): Maker {
  // A mapping instead of the file system: no template can read a file. With a cache each partial is parsed once.
  const all: LiquidOptions = { ...options, templates: toMapping(partials), cache: true }
  const liquid = new Liquid(all)
  registerDates(liquid)
  registerMoney(liquid)
  for (const name of TEXT_FILTERS.split(' ')) takeText(liquid, name)
  for (const [name, filter] of Object.entries(filters)) {
    liquid.registerFilter(name, {
      raw: filter.safe,
      handler: (value: unknown, ...args: unknown[]) => filter.apply(value, ...args),
    })
  }
  meterFilters(liquid)
  let collecting: Liquid | undefined
  // Made when a variable is first missing: an engine takes milliseconds to make.
  const collector = () => {
    collecting ??= new Liquid({ ...all, catchAllErrors: true })
    return collecting
  }
  return { liquid, partials, collector }
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

function compile(
  { liquid, partials, collector }: Maker,
  text: string,
  fields: Fields,
  escapeText: (text: string) => string,
): Template {
  const attempt = <T>(action: () => T): T => {
    try {
      return action()
    } catch (error) {
      throw withFilter(toTemplateError(error, partials), Object.keys(liquid.filters))
    }
  }
  const parsed = attempt(() => liquid.parse(text))
  const rendered = attempt(() => partialsOf(liquid, parsed, partials))
  const write = attempt(() => toClosures(liquid, parsed, { toText, escapeText }))
  return {
    unknown: attempt(() => unknownVariables(parsed, fields, partials)),
    partials: rendered,
    render(view) {
      const written = write?.(view)
      if (written !== undefined) return { text: written, missing: [] }
      try {
        return { text: renderOnce(liquid, parsed, view, true), missing: [] }
      } catch (error) {
        if (!isUndefinedVariable(error)) throw toTemplateError(error, partials)
      }
      const missing = missingVariables(collector(), parsed, view)
      return { text: attempt(() => renderOnce(liquid, parsed, view, false)), missing }
    },
  }
}
