/** What a reader of the channel sees of a message, as plain text. */
import type { SlackMessage } from './message.ts'
import { decode, type MrkdwnWriter, readMrkdwn } from './mrkdwn.ts'

interface Block {
  readonly type?: unknown
  readonly text?: unknown
  readonly fields?: unknown
  readonly elements?: unknown
}

export function toText({ text, blocks }: SlackMessage): string {
  const writer = withoutUrls(blocks.flatMap(buttonUrls))
  const drawn = blocks.map((block) => drawBlock(block, writer)).filter((block) => block.length > 0)
  return drawn.length === 0 ? plain(text) : drawn.map((block) => block.join('\n')).join('\n\n')
}

/** The URL of a button is below its label; for a link to the same page, only its text is shown. */
function withoutUrls(shown: readonly string[]): MrkdwnWriter {
  const link: MrkdwnWriter['link'] = (url, label) =>
    shown.includes(url) ? label : plainWriter.link(url, label)
  return { ...plainWriter, link }
}

function buttonUrls({ type, elements }: Block): string[] {
  if (type !== 'actions') return []
  return list(elements).map((element) => String(property(element, 'url')))
}

function drawBlock(block: Block, writer: MrkdwnWriter): string[] {
  const textOf = (value: unknown) => textIn(value, writer)
  const field = (value: unknown) => textOf(value).replace('\n', ': ')
  switch (block.type) {
    case 'header':
      return [textOf(block.text)]
    case 'section':
      // A field is a label over a value; side by side they are read more easily.
      return [textOf(block.text), ...list(block.fields).map(field)].filter((text) => text !== '')
    case 'context':
      return [list(block.elements).map(textOf).join(' · ')]
    case 'actions':
      return [list(block.elements).map(button).join('  ')]
    case 'divider':
      return ['─'.repeat(20)]
    default:
      return []
  }
}

function button(element: unknown): string {
  const url = property(element, 'url')
  return `[ ${textIn(property(element, 'text'), plainWriter)} ]${typeof url === 'string' ? ` ${url}` : ''}`
}

function textIn(value: unknown, writer: MrkdwnWriter): string {
  const text = property(value, 'text')
  if (typeof text !== 'string') return ''
  return property(value, 'type') === 'mrkdwn' ? readMrkdwn(text, writer).join('\n') : decode(text)
}

/** The words of a text in mrkdwn. */
export function plain(text: string): string {
  return readMrkdwn(text, plainWriter).join('\n')
}

const plainWriter: MrkdwnWriter = {
  text: (text) => text,
  verbatim: (text) => text,
  mark: (_mark, inner) => inner,
  code: (inner) => inner,
  codeBlock: (inner) => inner,
  lines: (lines, quoted) => lines.map((line) => (quoted ? `> ${line}` : line)).join('\n'),
  link: (url, label) => ([label, `${label}/`, `mailto:${label}`].includes(url) ? label : `${label} (${url})`),
  mention: (name) => name,
  date: (_time, _format, _url, fallback) => fallback,
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

function property(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined
}
