/** Filters that do not exist, and those that were probably meant. */
import { nearest } from '../text/nearest.ts'
import { TemplateError } from './error.ts'

const UNDEFINED = /^undefined filter: (\S+)$/

/** As Jinja, Django, Twig and JavaScript call them, where the names are not similar. */
const otherNames: ReadonlyMap<string, string> = new Map([
  ['upper', 'upcase'],
  ['lower', 'downcase'],
  ['title', 'capitalize'],
  ['trim', 'strip'],
  ['length', 'size'],
  ['count', 'size'],
  ['tojson', 'json'],
  ['substring', 'slice'],
])

/** The same error, which names the filter that was probably meant. `known`: the names of all filters. */
export function withFilter(error: TemplateError, known: readonly string[]): TemplateError {
  const name = UNDEFINED.exec(error.message)?.[1]
  const meant = name === undefined ? undefined : (otherNames.get(name) ?? nearest(name, known))
  if (meant === undefined) return error
  return new TemplateError(`${error.message}; did you mean ${meant}?`, error.line, error.column, error.path)
}
