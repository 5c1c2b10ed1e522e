/** What a reader of the channel sees of a message, as plain text. */
import type { SlackMessage } from './message.ts'

interface Block {
  readonly type?: unknown
  readonly text?: unknown
  readonly fields?: unknown
  readonly elements?: unknown
}

export function toText({ text, blocks }: SlackMessage): string {
  const drawn = blocks.map(drawBlock).filter((block) => block.length > 0)
  return drawn.length === 0 ? plain(text) : drawn.map((block) => block.join('\n')).join('\n\n')
}

function drawBlock(block: Block): string[] {
  switch (block.type) {
    case 'header':
      return [textOf(block.text)]
    case 'section':
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

/** A field is a label over a value; side by side they are read more easily. */
function field(element: unknown): string {
  return textOf(element).replace('\n', ': ')
}

function button(element: unknown): string {
  const url = property(element, 'url')
  return `[ ${textOf(property(element, 'text'))} ]${typeof url === 'string' ? ` ${url}` : ''}`
}

function textOf(value: unknown): string {
  const text = property(value, 'text')
  return typeof text === 'string' ? plain(text) : ''
}

/** Takes Slack's markup away: dates and links become their words, entities their characters. */
export function plain(text: string): string {
  return text
    .replace(/<!date\^[^|>]*\|([^>]*)>/g, '$1')
    .replace(/<([^|>]*)\|([^>]*)>/g, '$2 ($1)')
    .replace(/[*`]/g, '')
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&amp;', '&')
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

function property(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined
}
