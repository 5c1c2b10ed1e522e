/** The string leaves of slack.yaml: each is compiled once, and rendered to a string within the limit of its field. */
import type { PartialFile, Partials } from '../../../core/template/partials.ts'
import { type RenderView, TemplateError } from '../../../core/template/template.ts'
import type { Position, TemplateFile, TemplateProblem, YamlValue } from '../../channel.ts'
import { piecesOf, type ValueEngine, type ValueTemplate, type WithValues } from '../../values.ts'
import { cut, cutLinkWords, cutMrkdwn } from './limits.ts'
import { fillMrkdwn, fillPlain } from './literal.ts'
import { cleanText, finishUrl, mrkdwnEngine, plainEngine, urlEngine } from './text.ts'

export const TEMPLATE_FILE = 'slack.yaml'

const LONGEST_LINK_WORDS = 500

/** A template file while it is compiled. All problems are collected, to be reported together. */
export interface CompileContext {
  readonly file: TemplateFile
  readonly yaml: YamlValue
  readonly partials: Partials | undefined
  readonly problems: TemplateProblem[]
}

export type NodePath = readonly (string | number)[]

/** The state of one rendering. */
export interface RenderingState {
  readonly view: RenderView
  readonly notes: Set<string>
  /** Whether anything in the blocks was cut. */
  cut: boolean
}

/** Renders one node of the template; undefined if it is left out. */
export type Render<T> = (rendering: RenderingState) => T | undefined

/** Of a key that is not known there. */
export function unknownKey(context: CompileContext, path: NodePath, known: readonly string[]): void {
  const message = `unknown key ${JSON.stringify(path.at(-1))}; known here are ${known.join(', ')}`
  problemAt(context, context.yaml.keyAt(path), message)
}

export function problem(context: CompileContext, path: NodePath, message: string): void {
  problemAt(context, context.yaml.at(path), message)
}

function problemAt(
  context: CompileContext,
  { line, column }: Position,
  message: string,
  path = context.file.path,
): void {
  context.problems.push({ path, line, column, message })
}

/** Text in Slack's mrkdwn or plain text, cut to `longest`; undefined if it is empty. */
export function textLeaf(
  context: CompileContext,
  raw: unknown,
  path: NodePath,
  kind: 'mrkdwn' | 'plain',
  longest: number,
): Render<string> {
  const { render, partials } = leaf(context, raw, path, kind === 'mrkdwn' ? mrkdwnEngine : plainEngine)
  const at = locationOf(context, path)
  const text = typeof raw === 'string' ? raw : ''
  if (kind === 'mrkdwn') refuseLinks(context, text, path, partials)
  const usesRaw = [text, ...partials.map((partial) => partial.text)].some((part) => /\|\s*raw\b/.test(part))
  const [write, shorten] = kind === 'mrkdwn' ? [fillMrkdwn, cutMrkdwn] : [fillPlain, cut]
  return (rendering) => {
    const { text, values } = render(rendering)
    const filled = cleanText(write(text, values)).trim()
    const rendered = kind === 'mrkdwn' ? cutLinkWords(filled, LONGEST_LINK_WORDS) : filled
    if (rendered !== filled) {
      rendering.notes.add(`the words of a link cut to ${LONGEST_LINK_WORDS} characters (${at})`)
      rendering.cut = true
    }
    if (usesRaw && /[&<>]/.test(rendered)) rendering.notes.add(`"| raw" writes markup unescaped (${at})`)
    if (rendered.length <= longest) return rendered === '' ? undefined : rendered
    rendering.notes.add(`cut to ${longest} characters (${at})`)
    rendering.cut = true
    return shorten(rendered, longest)
  }
}

/** A URL that is safe to send; undefined, with a note, if the rendered text is not one. */
export function urlLeaf(context: CompileContext, raw: unknown, path: NodePath): Render<string> {
  const { render } = leaf(context, raw, path, urlEngine)
  const at = locationOf(context, path)
  const isImage = path.at(-1) === 'image_url'
  return (rendering) => {
    const { text, values } = render(rendering)
    const url = finishUrl(piecesOf(text, values))
    if (url !== null && !(isImage && url.startsWith('mailto:'))) return url
    const what = isImage ? 'an image' : 'a button'
    rendering.notes.add(`${what} was left out, because it has no usable URL (${at})`)
    return undefined
  }
}

/** A condition: true unless it renders as nothing or as `false`. A missing variable is not a mistake here. */
export function conditionLeaf(
  context: CompileContext,
  raw: unknown,
  path: NodePath,
): (rendering: RenderingState) => boolean {
  if (typeof raw === 'boolean') return () => raw
  const { render } = leaf(context, raw, path, plainEngine)
  return ({ view }) => {
    const { text, values } = render({ view, notes: new Set(), cut: false })
    const answer = fillPlain(text, values).trim()
    return answer !== '' && answer !== 'false'
  }
}

interface Leaf {
  readonly render: (rendering: RenderingState) => WithValues
  readonly partials: readonly PartialFile[]
}

function leaf(context: CompileContext, raw: unknown, path: NodePath, engine: ValueEngine): Leaf {
  const template = compile(context, raw, path, engine)
  const at = (line: number) => locationOf(context, path, lineIn(context, path, String(raw), line))
  const render: Leaf['render'] = ({ view, notes }) => {
    try {
      const rendered = template.render(view)
      for (const name of rendered.missing)
        notes.add(`unknown variable ${name} (${at(lineOf(String(raw), name))})`)
      return rendered
    } catch (error) {
      if (!(error instanceof TemplateError)) throw error
      const place = error.path === null ? at(error.line) : `${fileName(error.path)}:${error.line}`
      throw new Error(`${place}: ${error.message}`, { cause: error })
    }
  }
  return { render, partials: template.partials }
}

const nothing: ValueTemplate = {
  unknown: [],
  partials: [],
  render: () => ({ text: '', values: [], missing: [] }),
}

function compile(context: CompileContext, raw: unknown, path: NodePath, engine: ValueEngine): ValueTemplate {
  if (typeof raw !== 'string') {
    problem(context, path, 'must be text; put it in quotes')
    return nothing
  }
  const { column } = context.yaml.at(path)
  const report = (error: TemplateError) =>
    error.path === null
      ? problemAt(context, { line: lineIn(context, path, raw, error.line), column }, error.message)
      : problemAt(context, error, error.message, error.path)
  try {
    const template = engine.compile(raw, undefined, context.partials)
    template.unknown.forEach(report)
    return template
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error
    report(error)
    return nothing
  }
}

// What a template writes: outputs, and the tags that write a value too.
const WRITTEN = /\{\{.*?\}\}|\{%-?\s*(?:echo|cycle|liquid|render)\b.*?%\}/gs
const MARKDOWN_LINK = '[text](url) is not a link in Slack; write <url|text> or {{ url | slack_link: "text" }}'
const OPEN_LINK = 'a value within <…> could mention people; write {{ value | slack_link: "label" }}'

/** A value between < and > that the template wrote itself could become `<!channel>`, however well it is escaped. */
function linkMistakes(text: string): string[] {
  const skeleton = text.replace(WRITTEN, '\u0000').replace(/\{%.*?%\}/gs, '')
  return [
    ...(/\]\((?:https?:|mailto:|\u0000)/.test(skeleton) ? [MARKDOWN_LINK] : []),
    ...(/<[^<>]*\u0000/.test(skeleton) ? [OPEN_LINK] : []),
  ]
}

function refuseLinks(
  context: CompileContext,
  text: string,
  path: NodePath,
  partials: readonly PartialFile[],
): void {
  for (const mistake of linkMistakes(text)) problem(context, path, mistake)
  for (const partial of partials) {
    for (const mistake of linkMistakes(partial.text)) {
      const line = lineOf(partial.text, mistake === OPEN_LINK ? '<' : '](')
      problemAt(context, { line, column: 1 }, mistake, partial.path)
    }
  }
}

/** `slack.yaml:7`, for notes. */
function locationOf(context: CompileContext, path: NodePath, line = context.yaml.at(path).line): string {
  return `${fileName(context.file.path)}:${line}`
}

function fileName(path: string): string {
  return path.split('/').at(-1) ?? path
}

/** The line of the file on which a line of the leaf is. In quotes, `\n` is a line of the leaf and none of the file. */
function lineIn({ file, yaml }: CompileContext, path: NodePath, leaf: string, line: number): number {
  const first = yaml.at(path).line
  const wanted = first + line - 1
  const words = leaf.split('\n')[line - 1]?.trim() ?? ''
  return file.text.split('\n')[wanted - 1]?.includes(words) ? wanted : first
}

function lineOf(text: string, part: string): number {
  return text.slice(0, Math.max(text.indexOf(part), 0)).split('\n').length
}
