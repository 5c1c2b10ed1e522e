/** The string leaves of slack.yaml: each is compiled once, and rendered to a string that fits its place. */
import {
  type Engine,
  type RenderView,
  type Template,
  TemplateError,
} from '../../../core/template/template.ts'
import type { Position, TemplateFile, TemplateProblem, YamlValue } from '../../channel.ts'
import { cut } from './limits.ts'
import { cleanText, finishUrl, mrkdwnEngine, plainEngine, urlEngine } from './text.ts'

/** A template file while it is compiled. Problems are gathered, so that all are told at once. */
export interface Source {
  readonly file: TemplateFile
  readonly yaml: YamlValue
  readonly problems: TemplateProblem[]
}

export type Path = readonly (string | number)[]

/** One rendering while it goes on. */
export interface Rendering {
  readonly view: RenderView
  readonly notes: Set<string>
  /** Whether anything in the blocks was cut. */
  cut: boolean
}

/** Renders one place of the template; undefined where nothing is to stand there. */
export type Render<T> = (rendering: Rendering) => T | undefined

export function problem(source: Source, path: Path, message: string): void {
  problemAt(source, source.yaml.at(path), message)
}

function problemAt(source: Source, { line, column }: Position, message: string): void {
  source.problems.push({ path: source.file.path, line, column, message })
}

/** Text in Slack's mrkdwn or plain text, cut to `longest`; undefined where it is empty. */
export function textLeaf(
  source: Source,
  raw: unknown,
  path: Path,
  kind: 'mrkdwn' | 'plain',
  longest: number,
): Render<string> {
  const render = leaf(source, raw, path, kind === 'mrkdwn' ? mrkdwnEngine : plainEngine)
  const at = place(source, path)
  const text = typeof raw === 'string' ? raw : ''
  if (kind === 'mrkdwn') refuseOpenLink(source, text, path)
  const usesRaw = /\|\s*raw\b/.test(text)
  return (rendering) => {
    const rendered = cleanText(render(rendering)).trim()
    if (usesRaw && /[&<>]/.test(rendered)) rendering.notes.add(`"| raw" writes markup unescaped (${at})`)
    if (rendered.length <= longest) return rendered === '' ? undefined : rendered
    rendering.notes.add(`cut to ${longest} characters (${at})`)
    rendering.cut = true
    return cut(rendered, longest)
  }
}

/** A URL that Slack and a reader can trust to be one; undefined, with a note, where it is not. */
export function urlLeaf(source: Source, raw: unknown, path: Path): Render<string> {
  const render = leaf(source, raw, path, urlEngine)
  const at = place(source, path)
  const image = path.at(-1) === 'image_url'
  return (rendering) => {
    const url = finishUrl(render(rendering))
    if (url !== null && !(image && url.startsWith('mailto:'))) return url
    rendering.notes.add(`left out, because it has no usable URL (${at})`)
    return undefined
  }
}

/** A condition: true unless it renders as nothing or as `false`. That a variable is missing is then an answer. */
export function conditionLeaf(source: Source, raw: unknown, path: Path): (rendering: Rendering) => boolean {
  if (typeof raw === 'boolean') return () => raw
  const render = leaf(source, raw, path, plainEngine)
  return ({ view }) => {
    const text = render({ view, notes: new Set(), cut: false }).trim()
    return text !== '' && text !== 'false'
  }
}

function leaf(source: Source, raw: unknown, path: Path, engine: Engine): (rendering: Rendering) => string {
  const template = compile(source, raw, path, engine)
  const at = (line: number) => place(source, path, line)
  return ({ view, notes }) => {
    try {
      const { text, missing } = template.render(view)
      for (const name of missing) notes.add(`unknown variable ${name} (${at(lineOf(String(raw), name))})`)
      return text
    } catch (error) {
      if (!(error instanceof TemplateError)) throw error
      throw new Error(`${at(error.line)}: ${error.message}`, { cause: error })
    }
  }
}

const nothing: Template = { unknown: [], render: () => ({ text: '', missing: [] }) }

function compile(source: Source, raw: unknown, path: Path, engine: Engine): Template {
  if (typeof raw !== 'string') {
    problem(source, path, 'must be text; put it in quotes')
    return nothing
  }
  const { line, column } = source.yaml.at(path)
  const tell = (error: TemplateError) =>
    problemAt(source, { line: line + error.line - 1, column }, error.message)
  try {
    const template = engine.compile(raw)
    template.unknown.forEach(tell)
    return template
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error
    tell(error)
    return nothing
  }
}

// A value between < and > that the template wrote itself could become `<!channel>`, however well it is escaped.
function refuseOpenLink(source: Source, text: string, path: Path): void {
  const skeleton = text.replace(/\{\{.*?\}\}/gs, '\u0000').replace(/\{%.*?%\}/gs, '')
  if (!/<[^>]*\u0000/.test(skeleton)) return
  problem(source, path, 'a value within <…> could mention people; write {{ value | slack_link: "label" }}')
}

/** `slack.yaml:7`, for notes. `line` is counted from 1 within the leaf. */
function place(source: Source, path: Path, line = 1): string {
  const name = source.file.path.split('/').at(-1)
  return `${name}:${source.yaml.at(path).line + line - 1}`
}

function lineOf(text: string, part: string): number {
  return text.slice(0, Math.max(text.indexOf(part), 0)).split('\n').length
}
