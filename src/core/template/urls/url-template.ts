/** URLs with the values of an event: `https://app.example.com/analyses/{{ data.id }}`. */
import type { View } from '../../event.ts'
import { createEngine, type Fields, TemplateError } from '../template.ts'
import { hasDotSegment } from './url.ts'

export interface UrlTemplate {
  /** Empty where a value is missing or empty, or changes the path: the URL would lead to a wrong page. */
  readonly urlOf: (view: View) => string
  /** The variables that the event does not have, as written. */
  readonly missing: (view: View) => readonly string[]
}

// A value can fill in a path or a query; it never chooses the host.
const FIXED_HOST = /^https?:\/\/[^\s/?#\\{}]+(?:[/?#]|$)/i
// Stands for an empty value: a text that contains it is not a URL, so there is no link.
const HOLE = '\u0000'
const engine = createEngine((text) => (text === '' ? HOLE : encodeURIComponent(text.toWellFormed())))

/** Values are percent-encoded. Throws a TemplateError. */
export function compileUrlTemplate(text: string, fields: Fields): UrlTemplate {
  if (!FIXED_HOST.test(text)) {
    throw new TemplateError('must start with http:// or https:// and a host without variables', 1, 1)
  }
  const template = engine.compile(text, fields)
  const [unknown] = template.unknown
  if (unknown !== undefined) throw unknown
  return {
    urlOf(view) {
      const { text: url, missing } = template.render(view)
      const leads = missing.length === 0 && /^https?:\/\/[^\s\p{Cc}]+$/iu.test(url) && URL.canParse(url)
      return leads && !hasDotSegment(url) ? url : ''
    },
    missing: (view) => template.render(view).missing,
  }
}
