import { styleText } from 'node:util'
import { STEERING, withoutSteering } from '../../core/json/json.ts'
import { piecesOf, widthOf } from '../../core/text/width.ts'

/** The output and the environment of a command: those of the process, or a recorder in tests. */
export interface Terminal {
  readonly out: NodeJS.WritableStream & { readonly isTTY?: boolean; readonly columns?: number }
  readonly err: NodeJS.WritableStream & { readonly isTTY?: boolean }
  /** For answers to questions; left out if no one can answer. */
  readonly in?: NodeJS.ReadableStream & { readonly isTTY?: boolean }
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
  /** Columns of a list if the output is not a terminal; without it, lists are as wide as their content. */
  readonly listColumns?: number
  /** How the user runs this program, with which printed commands begin. See command-name.ts. */
  readonly command: string
}

/** 0 fine, 1 the thing checked is wrong, 2 bad usage; 78 (EX_CONFIG) is for systemd: see `serve`. */
export type ExitCode = 0 | 1 | 2 | 78

/** A command failed for a reason that the user can fix; printed without a stack. */
export class CommandError extends Error {
  override readonly name = 'CommandError'
  readonly exitCode: ExitCode

  constructor(message: string, exitCode: ExitCode = 1) {
    super(message)
    this.exitCode = exitCode
  }
}

export type Style = Parameters<typeof styleText>[0]

/** Colours a text if the stream is a terminal and NO_COLOR is not set. */
export function colour(terminal: Terminal, style: Style, text: string): string {
  const wanted = terminal.out.isTTY === true && !terminal.env.NO_COLOR && terminal.env.TERM !== 'dumb'
  return wanted ? styleText(style, text, { validateStream: false }) : text
}

/** Columns for running text: those of the terminal, if there is one, up to a readable width. */
export function textWidth({ out }: Terminal): number {
  // A terminal that does not know its size reports 0.
  return out.isTTY === true ? Math.min(out.columns || 80, WIDEST_TEXT) : 80
}

/** Columns for a list; if the output is not a terminal, programs read its lines. */
export function listWidth({ out, listColumns = Number.POSITIVE_INFINITY }: Terminal): number {
  return out.isTTY === true ? out.columns || 80 : listColumns
}

export function print(terminal: Terminal, text: string): void {
  terminal.out.write(`${text}\n`)
}

export function printJson(terminal: Terminal, value: unknown): void {
  print(terminal, withoutSteering(JSON.stringify(value, null, 2)))
}

const WIDEST_TEXT = 100

const STEERING_CHARACTERS = new RegExp(`[\\u0000-\\u001f${STEERING}]`, 'g')

/** On one line, without control characters: text from outside must neither control the terminal nor fake a line. */
export function printable(text: string): string {
  return text.replace(STEERING_CHARACTERS, (char) => {
    const code = char.charCodeAt(0)
    if (char === '\n') return '\\n'
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16)}`
  })
}

/** The same for a text of several lines. */
export function printableLines(text: string): string {
  return text.split('\n').map(printable).join('\n')
}

/** On a terminal, wrapped, with the lines after the first indented; otherwise on one line, for programs that read it. */
export function wrapped(terminal: Terminal, stream: 'out' | 'err', text: string): string {
  if (terminal[stream].isTTY !== true) return text
  // Quoted text, such as a command to copy, stays on one line.
  const whole = text.replace(/"[^"\n]*"|`[^`\n]*`/g, (quoted) => quoted.replaceAll(' ', '\u00a0'))
  const indent = '  '
  return wrap(whole, textWidth(terminal) - indent.length)
    .join(`\n${indent}`)
    .replaceAll('\u00a0', ' ')
}

/** Prints a text in a frame with a title, wrapped if it is wider than `width` columns. */
export function printFramed(terminal: Terminal, title: string, text: string, width = 74): void {
  const edge = (part: string) => colour(terminal, 'dim', part)
  print(terminal, `\n${edge('┌─')} ${colour(terminal, 'bold', printable(title))}`)
  for (const line of wrap(printableLines(text), width)) print(terminal, `${edge('│')} ${line}`)
  print(terminal, edge('└─'))
}

/**
 * Breaks at spaces if possible; a longer word is not broken, so that an address can be copied, unless `hard`. The lines of
 * an indented paragraph are indented alike.
 */
export function wrap(text: string, width: number, hard = false): string[] {
  return text.split('\n').flatMap((paragraph) => {
    const [indent = ''] = /^ +(?=[^ ])/.exec(paragraph) ?? []
    if (indent !== '' && indent.length < width / 2) {
      return wrap(paragraph.slice(indent.length), width - indent.length, hard).map((line) => indent + line)
    }
    const lines: string[] = []
    let line = ''
    for (const word of paragraph.split(' ')) {
      const joined = line === '' ? word : `${line} ${word}`
      if (widthOf(joined) <= width) line = joined
      else if (hard && widthOf(word) > width) {
        // It has to be broken anyway, so the rest of the line is filled.
        const pieces = piecesOf(joined, width)
        lines.push(...pieces.slice(0, -1).map((piece) => piece.trim()))
        line = (pieces.at(-1) ?? '').trimStart()
      } else {
        if (line !== '') lines.push(line)
        line = word
      }
    }
    return [...lines, line]
  })
}
