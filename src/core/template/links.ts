/** The configuration's `links`: URLs of the pages about the subjects of events. */

import type { View } from '../event.ts'
import { wildcard } from '../match/wildcard.ts'
import { createEngine, eventFields, type Template, TemplateError } from './template.ts'
import { hasDotSegment } from './url.ts'

interface LinkProblem {
  /** The event type or wildcard whose template is wrong. */
  readonly key: string
  readonly message: string
  /** Counted from 1 within the template. */
  readonly line: number
  readonly column: number
}

export interface Links {
  /** The templates, by event type or wildcard. */
  readonly byType: Readonly<Record<string, string>>
  /** The URL for an event; empty where no template is for its type, or its values make none. Throws where the template fails. */
  readonly urlOf: (view: View) => string
  /** The variables of the event's template that it does not have, as written. */
  readonly missing: (view: View) => readonly string[]
}

export type CompiledLinks =
  | { readonly ok: true; readonly links: Links }
  | { readonly ok: false; readonly problems: readonly LinkProblem[] }

// A value can fill in a path or a query; it never chooses the host.
const FIXED_HOST = /^https?:\/\/[^\s/?#\\{}]+(?:[/?#]|$)/i
// In place of an empty value; a text that contains it is not a URL, so that there is no link.
const HOLE = '\u0000'
const engine = createEngine((text) => (text === '' ? HOLE : encodeURIComponent(text.toWellFormed())))

/**
 * Compiles URL templates by event type or wildcard. An exact type takes precedence over wildcards, of which the
 * first that matches is used. Values are percent-encoded.
 */
export function compileLinks(byType: Readonly<Record<string, string>>): CompiledLinks {
  const exact = new Map<string, Template>()
  const wild: { readonly test: (type: string) => boolean; readonly template: Template }[] = []
  const problems: LinkProblem[] = []
  for (const [key, text] of Object.entries(byType)) {
    const compiled = compile(key, text)
    if ('message' in compiled) problems.push(compiled)
    else if (key.includes('*')) wild.push({ test: wildcard(key), template: compiled })
    else exact.set(key, compiled)
  }
  if (problems.length > 0) return { ok: false, problems }
  const templateFor = ({ event: { type } }: View) =>
    exact.get(type) ?? wild.find(({ test }) => test(type))?.template
  const urlOf = (view: View) => {
    const template = templateFor(view)
    return template === undefined ? '' : render(template, view)
  }
  const missing = (view: View) => templateFor(view)?.render(view).missing ?? []
  return { ok: true, links: { byType, urlOf, missing } }
}

function compile(key: string, text: string): Template | LinkProblem {
  if (!FIXED_HOST.test(text)) {
    const message = 'must start with http:// or https:// and a host without variables'
    return { key, message, line: 1, column: 1 }
  }
  try {
    const template = engine.compile(text, eventFields)
    const [unknown] = template.unknown
    if (unknown !== undefined) throw unknown
    return template
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error
    return { key, message: error.message, line: error.line, column: error.column }
  }
}

/** Empty where a value is missing, or changes the path, since the link would lead to a wrong page. */
function render(template: Template, view: View): string {
  const { text, missing } = template.render(view)
  const leads = missing.length === 0 && /^https?:\/\/[^\s\p{Cc}]+$/iu.test(text) && URL.canParse(text)
  return leads && !hasDotSegment(text) ? text : ''
}
