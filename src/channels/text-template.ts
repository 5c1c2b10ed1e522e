/** Messages of plain text, each from one template file: for channels that need nothing more. */
import { type Engine, type Template, TemplateError } from '../core/template/template.ts'
import type { Compiled, RenderResult, TemplateFiles } from './channel.ts'

export interface TextMessage {
  readonly text: string
}

/** Compiles the first of `names` that the template folder has. */
export function compileText(
  engine: Engine,
  names: readonly string[],
  { files, partials }: TemplateFiles,
): Compiled<TextMessage> {
  const file = names.map((name) => files.get(name)).find((found) => found !== undefined)
  const path = file?.path ?? names[0] ?? ''
  if (file === undefined)
    return { ok: false, problems: [{ path, line: 1, column: 1, message: 'is missing' }] }
  const problem = (error: TemplateError) => ({
    path: error.path ?? path,
    line: error.line,
    column: error.column,
    message: error.message,
  })
  try {
    const template = engine.compile(file.text, undefined, partials)
    if (template.unknown.length > 0) return { ok: false, problems: template.unknown.map(problem) }
    return { ok: true, renderer: { render: (view) => render(template, view, path) } }
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error
    return { ok: false, problems: [problem(error)] }
  }
}

function render(template: Template, view: object, path: string): RenderResult<TextMessage> {
  try {
    const { text, missing } = template.render(view)
    const notes = missing.map((name) => `unknown variable ${name} (${path})`)
    return { ok: true, message: { text: text.trim() }, notes }
  } catch (error) {
    if (error instanceof TemplateError) return { ok: false, reason: error.message }
    throw error
  }
}
