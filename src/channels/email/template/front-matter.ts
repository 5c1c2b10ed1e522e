/** The front matter of email.md: `subject`, and `preheader` if there is one. */
import { isObject } from '../../../core/json/json.ts'
import type { Position, TemplateFile, TemplateProblem } from '../../channel.ts'

export interface FrontMatter {
  readonly subject: Field
  /** The words that a mailbox shows next to the subject. */
  readonly preheader: Field | null
}

export interface Field {
  readonly text: string
  readonly at: Position
}

const KEYS = ['subject', 'preheader']

/** Adds what is wrong to `problems`; null if there is no usable subject. */
export function readFrontMatter(file: TemplateFile, problems: TemplateProblem[]): FrontMatter | null {
  const { yaml, path } = file
  const mapping = yaml?.value
  if (!yaml || !isObject(mapping)) {
    const message =
      'a front matter is missing: begin the file with ---, `subject: "…"` and --- on lines of their own'
    problems.push({ path, line: 1, column: 1, message })
    return null
  }
  for (const key of Object.keys(mapping)) {
    if (KEYS.includes(key)) continue
    problems.push({ path, ...yaml.keyAt([key]), message: `unknown key "${key}" (known: ${KEYS.join(', ')})` })
  }
  const subject = field('subject')
  const preheader = field('preheader')
  if (subject === null && !('subject' in mapping)) {
    problems.push({ path, line: 1, column: 1, message: '`subject:` is missing from the front matter' })
  }
  return subject && { subject, preheader }

  function field(key: string): Field | null {
    if (!yaml || !isObject(mapping) || !Object.hasOwn(mapping, key)) return null
    const text = mapping[key]
    const at = yaml.at([key])
    if (typeof text === 'string' && text.trim() !== '') return { text, at }
    problems.push({ path, ...at, message: `"${key}" must be text and not empty` })
    return null
  }
}
