/** The configuration's `links`: URLs of the pages about the subjects of events. */

import type { View } from '../../event.ts'
import { wildcard } from '../../match/wildcard.ts'
import { eventFields, TemplateError } from '../template.ts'
import { compileUrlTemplate, type UrlTemplate } from './url-template.ts'

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

/**
 * Compiles URL templates by event type or wildcard. An exact type takes precedence over wildcards, of which the
 * first that matches is used. Values are percent-encoded.
 */
export function compileLinks(byType: Readonly<Record<string, string>>): CompiledLinks {
  const exact = new Map<string, UrlTemplate>()
  const wild: { readonly test: (type: string) => boolean; readonly template: UrlTemplate }[] = []
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
  const urlOf = (view: View) => templateFor(view)?.urlOf(view) ?? ''
  const missing = (view: View) => templateFor(view)?.missing(view) ?? []
  return { ok: true, links: { byType, urlOf, missing } }
}

function compile(key: string, text: string): UrlTemplate | LinkProblem {
  try {
    return compileUrlTemplate(text, eventFields)
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error
    return { key, message: error.message, line: error.line, column: error.column }
  }
}
