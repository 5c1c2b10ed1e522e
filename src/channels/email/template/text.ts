/** The text part: parsed Markdown, written to be read in a terminal. */
import type { Token } from 'markdown-it'
import { padTo, widthOf } from '../../../core/text/width.ts'
import { fill } from '../../values.ts'
import { isEmptyHead } from './html.ts'
import { linkTarget } from './markdown.ts'
import { WIDTH, wrapLine } from './wrap.ts'

// A longer label, such as one that comes from a value, has its own width, or it would widen all the others.
const WIDEST_LABEL = 30
const GAP = '  '

interface Writer {
  readonly values: readonly string[]
  readonly blocks: string[]
  /** What the first line of the next block begins with, and what its other lines begin with. */
  first: string
  rest: string
  /** One entry for each open list: the number of its next item, or null for a bullet. */
  readonly lists: (number | null)[]
  /** How far each open item or quotation is indented. */
  readonly indents: string[]
  tight: boolean
}

/** Writes tokens as text, wrapped at 72 columns, without a line break at the end. */
export function toPlainText(tokens: readonly Token[], values: readonly string[]): string {
  const writer: Writer = { values, blocks: [], first: '', rest: '', lists: [], indents: [], tight: false }
  for (let index = 0; index < tokens.length; index++) {
    const token = tokens[index]
    if (token?.type === 'table_open') {
      const start = index
      while (index < tokens.length && tokens[index]?.type !== 'table_close') index += 1
      add(writer, table(tokens.slice(start, index), values))
    } else if (token !== undefined) {
      write(writer, token, tokens[index - 1])
    }
  }
  return writer.blocks.join('').trimEnd()
}

function write(writer: Writer, token: Token, previous: Token | undefined): void {
  switch (token.type) {
    case 'inline': {
      writer.tight = previous?.hidden === true
      const isParagraph = previous?.type === 'paragraph_open' && !writer.tight
      const text = inline(token.children ?? [], writer.values, isParagraph)
      add(writer, previous?.type === 'heading_open' ? heading(text, previous.tag) : wrap(writer, text))
      break
    }
    case 'fence':
    case 'code_block':
      add(writer, indentLines(fill(token.content, writer.values).trimEnd(), '    '))
      break
    case 'hr':
      add(writer, '-'.repeat(WIDTH - writer.rest.length))
      break
    case 'bullet_list_open':
      writer.lists.push(null)
      break
    case 'ordered_list_open':
      writer.lists.push(Number(token.attrGet('start') ?? 1))
      break
    case 'bullet_list_close':
    case 'ordered_list_close':
      writer.lists.pop()
      endOfList(writer)
      break
    case 'list_item_open':
      openIndent(writer, marker(writer))
      break
    case 'blockquote_open':
      openIndent(writer, '> ')
      break
    case 'list_item_close':
    case 'blockquote_close':
      writer.indents.pop()
      setIndent(writer)
  }
}

/** Adds a block; its lines are indented as the open lists and quotations ask. */
function add(writer: Writer, text: string): void {
  if (text === '') return
  const lines = text.split('\n').map((line, index) => (index === 0 ? writer.first : writer.rest) + line)
  writer.blocks.push(`${lines.join('\n').trimEnd()}${writer.tight ? '\n' : '\n\n'}`)
  writer.tight = false
  writer.first = writer.rest
}

function endOfList(writer: Writer): void {
  const last = writer.blocks.pop()
  if (last !== undefined) writer.blocks.push(writer.lists.length === 0 ? `${last.trimEnd()}\n\n` : last)
}

function marker(writer: Writer): string {
  const number = writer.lists.pop() ?? null
  writer.lists.push(number === null ? null : number + 1)
  return number === null ? '- ' : `${number}. `
}

function openIndent(writer: Writer, mark: string): void {
  const before = writer.first
  writer.indents.push(mark === '> ' ? mark : ' '.repeat(mark.length))
  setIndent(writer)
  writer.first = before + mark
}

function setIndent(writer: Writer): void {
  writer.rest = writer.indents.join('')
  writer.first = writer.rest
}

function heading(text: string, tag: string): string {
  const underline = tag === 'h1' ? '=' : '-'
  return `${text}\n${underline.repeat(Math.min(widthOf(text), WIDTH))}`
}

/** `isParagraph`: not an item of a list, a heading or a cell. */
function inline(children: readonly Token[], values: readonly string[], isParagraph = false): string {
  const words: string[] = []
  // For each open link, how many words precede it, and its target.
  const open: { readonly start: number; readonly target: string | null }[] = []
  for (const [index, token] of children.entries()) {
    switch (token.type) {
      case 'text':
      case 'code_inline':
      case 'image':
        words.push(fill(token.content, values))
        break
      case 'softbreak':
        words.push(' ')
        break
      case 'hardbreak':
        words.push('\n')
        break
      case 'link_open':
        open.push({ start: words.length, target: linkTarget(String(token.attrGet('href')), values) })
        break
      case 'link_close': {
        const link = open.pop()
        const label = words.slice(link?.start).join('')
        if (!link?.target || link.target === label) break
        // Alone in a paragraph, as a button is, it has a line of its own.
        const isAlone = index === children.length - 1 && link.start === 0
        const gap = isAlone && isParagraph ? '\n' : ' '
        words.push(label === '' ? link.target : `:${gap}${link.target}`)
      }
    }
  }
  return words.join('')
}

/** A table without a head has labels and values in two columns; one with a head has bars between its cells. */
function table(tokens: readonly Token[], values: readonly string[]): string {
  const rows: string[][] = []
  const head = !isEmptyHead(tokens, 0)
  for (const token of tokens) {
    if (token.type === 'tr_open') rows.push([])
    if (token.type === 'inline') rows.at(-1)?.push(inline(token.children ?? [], values).replaceAll('\n', ' '))
  }
  const filled = rows.filter((row) => row.some((cell) => cell !== ''))
  if (head) return filled.map((row) => row.join(' | ')).join('\n')
  const widths = filled.map(([label = '']) => widthOf(label)).filter((width) => width <= WIDEST_LABEL)
  const width = widths.reduce((widest, one) => Math.max(widest, one), 0)
  return filled.map(([label = '', ...cells]) => fact(label, cells.join('  '), width)).join('\n')
}

/** The lines after the first are indented to the column of the values. */
function fact(label: string, value: string, width: number): string {
  const indent = ' '.repeat(width + GAP.length)
  const lines = wrapLine(value, WIDTH - indent.length).split('\n')
  return `${padTo(label, width)}${GAP}${lines.join(`\n${indent}`)}`.trimEnd()
}

function indentLines(text: string, indent: string): string {
  return text
    .split('\n')
    .map((line) => indent + line)
    .join('\n')
}

function wrap(writer: Writer, text: string): string {
  const width = WIDTH - Math.max(writer.first.length, writer.rest.length)
  return text
    .split('\n')
    .map((line) => wrapLine(line, width))
    .join('\n')
}
