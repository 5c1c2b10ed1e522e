/** slack.yaml: the text and the blocks of a message. */
import { isObject, type Json, ownProperty } from '../../../core/json/json.ts'
import type { RenderView } from '../../../core/template/template.ts'
import type { Compiled, RenderResult, TemplateFiles } from '../../channel.ts'
import { oneLine } from '../../values.ts'
import type { SlackMessage } from '../message.ts'
import { blockList } from './blocks.ts'
import {
  type CompileContext,
  problem,
  type Render,
  type RenderingState,
  TEMPLATE_FILE,
  textLeaf,
  unknownKey,
} from './leaf.ts'
import { cutMrkdwn, limitBlocks } from './limits.ts'
import { literal } from './literal.ts'
import { LONGEST_TEXT } from './shape.ts'

const topKeys = ['text', 'blocks']

/** Compiles `slack.yaml`; every problem has a line and a column. */
export function compileTemplate({ files, partials }: TemplateFiles): Compiled<SlackMessage> {
  const file = files.get(TEMPLATE_FILE)
  if (file === undefined || file.yaml === null || !isObject(file.yaml.value)) {
    const message = file === undefined ? 'is missing' : 'must be a mapping with the keys text and blocks'
    return { ok: false, problems: [{ path: file?.path ?? TEMPLATE_FILE, line: 1, column: 1, message }] }
  }
  const context: CompileContext = { file, yaml: file.yaml, partials, problems: [] }
  const root = file.yaml.value
  for (const key of Object.keys(root)) {
    if (!topKeys.includes(key)) unknownKey(context, [key], topKeys)
  }
  if (ownProperty(root, 'text') === undefined) {
    problem(context, [], 'the key text is missing; it is the notification, and what a screen reader reads')
  }
  const text = textLeaf(context, ownProperty(root, 'text') ?? '', ['text'], 'mrkdwn', LONGEST_TEXT)
  const list = blockList(context, ownProperty(root, 'blocks'))
  if (context.problems.length > 0) return { ok: false, problems: context.problems }
  return { ok: true, renderer: { render: (view) => render(text, list, view) } }
}

function render(text: Render<string>, list: Render<Json[]>, view: RenderView): RenderResult<SlackMessage> {
  // A copy, because Liquid's increment tag modifies its context.
  const ownView = { ...view }
  const notes = new Set<string>()
  try {
    const inText: RenderingState = { view: ownView, notes, cut: false }
    const inBlocks: RenderingState = { view: ownView, notes, cut: false }
    const rendered = text(inText)
    if (rendered === undefined)
      notes.add('the text rendered as nothing; type and source of the event replace it')
    const limited = limitBlocks((list(inBlocks) ?? []).filter(isObject), inBlocks.cut, view.event.id)
    const message = { text: rendered ?? replacementText(view), blocks: limited.blocks }
    return { ok: true, message, notes: [...notes, ...limited.notes] }
  } catch (error) {
    return { ok: false, reason: error instanceof Error ? error.message : String(error) }
  }
}

function replacementText({ event }: RenderView): string {
  return cutMrkdwn(literal(oneLine(`${event.type} from ${event.source}`)).trim(), LONGEST_TEXT)
}
