/** Renders the files of a template as a mail: subject, HTML part and text part. */
import {
  createEngine,
  type Engine,
  type Fields,
  messageFields,
  type Rendered,
  type RenderView,
  type Template,
  TemplateError,
} from '../../../core/template/template.ts'
import type {
  Compiled,
  Renderer,
  RenderResult,
  TemplateFile,
  TemplateFiles,
  TemplateProblem,
} from '../../channel.ts'
import { createValueEngine, oneLine, type ValueTemplate } from '../../values.ts'
import { readFrontMatter } from './front-matter.ts'
import { toHtml } from './html.ts'
import { fillHtml } from './html-values.ts'
import { createParser } from './markdown.ts'
import { toPlainText } from './text.ts'
import { wrapLine } from './wrap.ts'

export interface Mail {
  readonly subject: string
  /** The words that a mailbox shows next to the subject; empty if there are none. They are in the HTML part. */
  readonly preheader: string
  readonly html: string
  readonly text: string
}

export const templateFiles = ['email.md', 'email.html', 'email.txt'] as const
export const sharedFiles = ['layout.html', 'layout.txt'] as const

const LONGEST_SUBJECT = 200
/** Stands for the text while the lines around it are wrapped. */
const CONTENT = '\u0000'

/** What a layout sees: the fields of the message, and the parts that it surrounds. */
const layoutFields: Fields = { ...messageFields, subject: [], preheader: [], content: [] }

const headers = createEngine(oneLine)
const plain = createEngine(oneLine)
/** For Markdown and HTML. */
const valueEngine = createValueEngine()

/** The parts of a mail; each keeps the path of its file, so that a note can name it. */
interface Parts {
  readonly subject: Part<Template>
  readonly preheader: Part<Template> | null
  readonly body: Part<ValueTemplate>
  readonly parse: ReturnType<typeof createParser>
  readonly layout: Part<ValueTemplate>
  readonly textLayout: Part<Template> | null
  readonly html: Part<ValueTemplate> | null
  readonly text: Part<Template> | null
}

interface Part<T> {
  readonly template: T
  readonly file: TemplateFile
}

/** `email.md` and `layout.html` are required; `email.html` and `email.txt` replace a part completely. */
export function compile({ files, partials }: TemplateFiles): Compiled<Mail> {
  const problems: TemplateProblem[] = []
  const markdown = files.get('email.md')
  const layoutFile = files.get('layout.html')
  if (markdown === undefined) return missing('email.md', 'it holds the subject and the words')
  if (layoutFile === undefined) return missing('layout.html', 'it is the page around every mail')

  const front = readFrontMatter(markdown, problems)
  const at = { line: markdown.bodyLine, column: 1 }
  const subject =
    front?.subject &&
    part(markdown, front.subject.at, () => headers.compile(front.subject.text, undefined, partials))
  const preheader =
    front?.preheader &&
    part(markdown, front.preheader.at, () =>
      headers.compile(front.preheader?.text ?? '', undefined, partials),
    )
  const body = part(markdown, at, () => valueEngine.compile(markdown.body, undefined, partials))
  const layout = whole(layoutFile, valueEngine, layoutFields)
  const textLayout = whole(files.get('layout.txt'), plain, layoutFields)
  const ownHtml = whole(files.get('email.html'), valueEngine)
  const ownText = whole(files.get('email.txt'), plain)
  if (!subject || !body || !layout || problems.length > 0) return { ok: false, problems }
  return {
    ok: true,
    renderer: renderer({
      subject,
      preheader: preheader ?? null,
      body,
      parse: createParser(),
      layout,
      textLayout,
      html: ownHtml,
      text: ownText,
    }),
  }

  function whole<T extends Pick<Template, 'unknown'>>(
    file: TemplateFile | undefined,
    engine: { compile: (...args: Parameters<Engine['compile']>) => T },
    fields?: Fields,
  ): Part<T> | null {
    return file === undefined
      ? null
      : part(file, { line: 1, column: 1 }, () => engine.compile(file.text, fields, partials))
  }

  function part<T extends Pick<Template, 'unknown'>>(
    file: TemplateFile,
    start: { line: number; column: number },
    make: () => T,
  ): Part<T> | null {
    try {
      const template = make()
      template.unknown.forEach(report)
      return { template, file }
    } catch (error) {
      if (!(error instanceof TemplateError)) throw error
      report(error)
      return null
    }

    function report(error: TemplateError): void {
      if (error.path !== null) {
        const { path, line, column, message } = error
        problems.push({ path, line, column, message })
        return
      }
      const line = start.line + error.line - 1
      const column = error.line === 1 ? start.column + error.column - 1 : error.column
      problems.push({ path: file.path, line, column, message: error.message })
    }
  }
}

function missing(path: string, why: string): Compiled<Mail> {
  return { ok: false, problems: [{ path, line: 1, column: 1, message: `${path} is missing: ${why}` }] }
}

function renderer(parts: Parts): Renderer<Mail> {
  return {
    render(view) {
      try {
        return render(parts, view)
      } catch (error) {
        if (error instanceof TemplateError) return { ok: false, reason: error.message }
        throw error
      }
    },
  }
}

function render(parts: Parts, view: RenderView): RenderResult<Mail> {
  const notes: string[] = []
  const fullSubject = oneLine(output(parts.subject)).trim()
  const subject = cut(fullSubject, LONGEST_SUBJECT)
  if (subject !== fullSubject) notes.push(`the subject is cut at ${LONGEST_SUBJECT} characters`)
  const { text: markdown, values, missing } = parts.body.template.render(view)
  note(parts.body.file, missing)
  const tokens = parts.parse(markdown)
  // A complete HTML page of the operator does not include it.
  const preheader = parts.preheader && !parts.html ? oneLine(output(parts.preheader)).trim() : ''
  return { ok: true, message: { subject, preheader, html: htmlPart(), text: textPart() }, notes }

  function textPart(): string {
    if (parts.text) return output(parts.text)
    const content = toPlainText(tokens, values)
    if (!parts.textLayout) return `${content}\n`
    const around = output(parts.textLayout, { ...view, subject, preheader, content: CONTENT })
    const lines = around.split('\n').map((line) => (line.includes(CONTENT) ? line : wrapLine(line)))
    return lines.join('\n').replace(CONTENT, () => content)
  }

  function htmlPart(): string {
    if (parts.html) return page(parts.html)
    return page(parts.layout, { ...view, subject, preheader, content: toHtml(tokens, values) })
  }

  function output({ template, file }: Part<Template>, seen: object = view): string {
    const rendered: Rendered = template.render(seen)
    note(file, rendered.missing)
    return rendered.text
  }

  function page({ template, file }: Part<ValueTemplate>, seen: object = view): string {
    const { text, values, missing } = template.render(seen)
    note(file, missing)
    return fillHtml(text, values)
  }

  function note(file: TemplateFile, names: readonly string[]): void {
    for (const name of names) notes.push(`unknown variable ${name} (${file.path}${lineOf(file, name)})`)
  }
}

function lineOf(file: TemplateFile, variable: string): string {
  const before = file.text.indexOf(variable)
  return before === -1 ? '' : `:${file.text.slice(0, before).split('\n').length}`
}

function cut(text: string, longest: number): string {
  const characters = [...text]
  return characters.length <= longest
    ? text
    : `${characters
        .slice(0, longest - 1)
        .join('')
        .trimEnd()}…`
}
