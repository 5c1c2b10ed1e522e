/**
 * Keeps values out of the text that is parsed. While a template is rendered, a mark is inserted in place of every value;
 * the value is put back once its context is known: a paragraph, a code span, a table or the target of a link. So no value
 * can ever be read as markup.
 */
import { randomBytes } from 'node:crypto'
import type { Partials } from '../core/template/partials.ts'
import {
  createEngine,
  type Engine,
  type Fields,
  type Filter,
  type Template,
} from '../core/template/template.ts'
import type { UrlPiece } from '../core/template/urls/url.ts'

/** A rendered text, with a mark for each value. */
export interface WithValues {
  readonly text: string
  readonly values: readonly string[]
  readonly missing: readonly string[]
}

export interface ValueTemplate extends Pick<Template, 'unknown' | 'partials'> {
  /** Throws a TemplateError where the template fails as a whole. */
  render(view: object): WithValues
}

export interface ValueEngine {
  compile: (...args: Parameters<Engine['compile']>) => ValueTemplate
}

// Noncharacters, which have no meaning in Markdown, around a number that no sender can know: no value can imitate a mark, not even
// with `raw`.
const OPEN = `\uFDD0${randomBytes(6).toString('hex')}\uFDD0`
const CLOSE = '\uFDD1'
const MARK = new RegExp(`${OPEN}(\\d+)${CLOSE}`, 'g')

export interface ValueEngineOptions {
  readonly filters?: Readonly<Record<string, Filter>>
  /** Matches values that need no escaping in any context: no mark is made for them, which saves time. */
  readonly plain?: RegExp
}

/** Values are stored without line breaks and control characters, unless their last filter is `raw` or a safe one. */
export function createValueEngine({ filters, plain }: ValueEngineOptions = {}): ValueEngine {
  // Of the current rendering: rendering is synchronous, so there is never a second one.
  let values: string[] = []
  let inlines = false
  const engine = createEngine((value) => {
    if (inlines && plain?.test(value)) return value
    // A captured block is a value that contains marks, which are resolved first.
    values.push(oneLine(fill(value, values)))
    return OPEN + (values.length - 1) + CLOSE
  }, filters)
  return {
    compile(text: string, fields?: Fields, partials?: Partials) {
      const template = engine.compile(text, fields, partials)
      // What follows a `<` may be read as a mention, whatever it is.
      const mayInline = ![text, ...template.partials.map((partial) => partial.text)].some((part) =>
        part.includes('<'),
      )
      return {
        unknown: template.unknown,
        partials: template.partials,
        render(view) {
          values = []
          inlines = mayInline
          const rendered = template.render(view)
          return { text: rendered.text, values, missing: rendered.missing }
        },
      }
    },
  }
}

/** Writes a value. `around`: the characters before and after it, or blanks; a colon, to be safe, if that is another value. */
export type WriteValue = (value: string, around: string) => string

/** Puts the values back, each as `write` gives it. */
export function fill(text: string, values: readonly string[], write: WriteValue = asItIs): string {
  if (values.length === 0) return text
  const parts = text.split(OPEN)
  let before = parts[0] ?? ''
  let filled = before
  for (let index = 1; index < parts.length; index += 1) {
    const part = parts[index] ?? ''
    const end = part.indexOf(CLOSE)
    const after = part.slice(end + 1)
    const follows = after === '' && index + 1 < parts.length ? ':' : after.charAt(0) || ' '
    const precedes = before === '' && index > 1 ? ':' : before.charAt(before.length - 1) || ' '
    filled += write(values[Number(part.slice(0, end))] ?? '', precedes + follows) + after
    before = after
  }
  return filled
}

function asItIs(value: string): string {
  return value
}

/** The texts between values, and the values. */
export function piecesOf(text: string, values: readonly string[]): readonly UrlPiece[] {
  return text
    .split(MARK)
    .map(
      (part, index): UrlPiece => (index % 2 === 1 ? { value: values[Number(part)] ?? '' } : { text: part }),
    )
    .filter((piece) => !('text' in piece && piece.text === ''))
}

const PRINTABLE = /^[\x20-\x7e]*$/

/**
 * A value in one line of text: without line breaks and control characters, without noncharacters and lone surrogates, and
 * without the marks that change the direction of what follows them.
 */
export function oneLine(text: string): string {
  if (PRINTABLE.test(text)) return text
  return text
    .toWellFormed()
    .replaceAll(/[\p{Cc}\u2028\u2029]+/gu, ' ')
    .replaceAll(/[\u202a-\u202e\u2066-\u2069]/g, '')
    .replaceAll(/[\ufdd0-\ufdef\ufffe\uffff]/g, '\ufffd')
}
