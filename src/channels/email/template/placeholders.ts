/**
 * Keeps values out of Markdown. While a template is rendered every value is set aside and a placeholder takes its
 * place; it comes back when the parsed document is written out. So no value can ever be read as Markdown, whether
 * it is in a paragraph, a code span, a table or the target of a link.
 */
import { createEngine, type Template } from '../../../core/template/template.ts'

export interface SetAside {
  /** Markdown, with a placeholder for each value. */
  readonly markdown: string
  readonly values: readonly string[]
  readonly missing: readonly string[]
}

export interface MarkdownTemplate extends Pick<Template, 'unknown'> {
  /** Throws a TemplateError where the template fails as a whole. */
  render(view: object): SetAside
}

// Noncharacters: Unicode keeps them for use inside a program, and Markdown gives them no meaning.
const OPEN = '\uFDD0'
const CLOSE = '\uFDD1'
const PLACEHOLDER = /\uFDD0(\d+)\uFDD1/g

// Of the current rendering: rendering is synchronous, so there is never a second one.
let values: string[] = []
const engine = createEngine((value) => {
  // A captured block arrives as a value that holds placeholders: they are resolved first.
  values.push(fill(oneLine(value), values))
  return OPEN + (values.length - 1) + CLOSE
})

/** Throws a TemplateError that says where the template is wrong. */
export function compileMarkdown(text: string): MarkdownTemplate {
  const template = engine.compile(text)
  return {
    unknown: template.unknown,
    render(view) {
      values = []
      const { text: markdown, missing } = template.render(view)
      return { markdown, values, missing }
    },
  }
}

/** Puts the values back. */
export function fill(text: string, values: readonly string[]): string {
  if (!text.includes(OPEN)) return text
  return text.replaceAll(PLACEHOLDER, (_, index) => values[Number(index)] ?? '')
}

/** A value never breaks a line, and never holds what no mail can carry. */
export function oneLine(text: string): string {
  return text.toWellFormed().replaceAll(/[\p{Cc}\u2028\u2029]+/gu, ' ')
}
