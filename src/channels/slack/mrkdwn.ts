/** Reads Slack's mrkdwn. It has no lists: a line that begins with a bullet is a line like any other. */

/** Writes what is read, as HTML or plain text. Texts have no entities; `inner` is text that was written before. */
export interface MrkdwnWriter {
  text(text: string): string
  /** Text within code, in which only links and dates are parsed. */
  verbatim(text: string): string
  mark(mark: Mark, inner: string): string
  code(inner: string): string
  codeBlock(inner: string): string
  lines(lines: readonly string[], quoted: boolean): string
  /** `url` is an http, https or mailto URL. */
  link(url: string, label: string): string
  mention(name: string): string
  /** `time` in milliseconds, `format` with tokens such as {date_short}. */
  date(time: number, format: string, url: string | null, fallback: string): string
}

export type Mark = '*' | '_' | '~'

const FENCE = /```([\s\S]+?)```/
const QUOTE = /^(?:&gt;|>) ?/
const QUOTE_TO_END = /^(?:&gt;&gt;&gt;|>>>) ?/
const TOKEN = /<([^<>]*)>|`([^`\n]+)`|[*_~]/g

/** The paragraphs, quotations and code blocks of a text, as the writer writes them. */
export function readMrkdwn(text: string, writer: MrkdwnWriter): readonly string[] {
  return (
    text
      .split(FENCE)
      // Every second part was between fences.
      .flatMap((part, index) =>
        index % 2 === 1
          ? [writer.codeBlock(inCode(part.replace(/^\n/, ''), writer))]
          : readLines(part, writer),
      )
  )
}

/** Slack's three entities as their characters. */
export function decode(text: string): string {
  return text.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&')
}

/** The target of a link; null for anything but an http, https or mailto URL. */
export function safeLink(url: unknown): string | null {
  if (typeof url !== 'string' || !URL.canParse(url)) return null
  const { protocol, href } = new URL(url)
  return ['http:', 'https:', 'mailto:'].includes(protocol) ? href : null
}

function readLines(text: string, writer: MrkdwnWriter): string[] {
  const groups: { quoted: boolean; lines: string[] }[] = []
  let toEnd = false
  // Slack shows no empty line around a code block.
  for (const line of text.replace(/^\n|\n$/g, '').split('\n')) {
    toEnd ||= QUOTE_TO_END.test(line)
    const quoted = toEnd || QUOTE.test(line)
    const words = quoted ? line.replace(QUOTE_TO_END, '').replace(QUOTE, '') : line
    const last = groups.at(-1)
    if (last?.quoted === quoted) last.lines.push(words)
    else groups.push({ quoted, lines: [words] })
  }
  return groups
    .filter(({ lines }) => lines.some((line) => line !== ''))
    .map(({ quoted, lines }) =>
      writer.lines(
        lines.map((line) => inline(line, writer, '')),
        quoted,
      ),
    )
}

/** One line; `within`: the marks that are open around it, since each can be nested only once. */
function inline(text: string, writer: MrkdwnWriter, within: string): string {
  let written = ''
  let done = 0
  const words = (end?: number) =>
    done === (end ?? text.length) ? '' : writer.text(decode(text.slice(done, end)))
  const token = new RegExp(TOKEN)
  for (let match = token.exec(text); match !== null; match = token.exec(text)) {
    const [whole, angle, code] = match
    const mark = isMark(whole) ? whole : null
    const end = mark === null ? match.index + whole.length : closing(text, match.index, mark)
    if (end === null || (mark !== null && within.includes(mark))) continue
    written += words(match.index)
    if (angle !== undefined) written += reference(angle, writer)
    else if (code !== undefined) written += writer.code(inCode(code, writer))
    else if (mark !== null) {
      written += writer.mark(mark, inline(text.slice(match.index + 1, end - 1), writer, within + mark))
    }
    done = end
    token.lastIndex = end
  }
  return written + words()
}

function isMark(text: string): text is Mark {
  return text === '*' || text === '_' || text === '~'
}

/** The end of the text that this mark opens, after the closing mark; null if it opens none. */
function closing(text: string, open: number, mark: Mark): number | null {
  if (/[\p{L}\p{N}]/u.test(text.charAt(open - 1)) || /^(?:\s|$)/.test(text.charAt(open + 1))) return null
  const token = new RegExp(TOKEN)
  token.lastIndex = open + 1
  for (let match = token.exec(text); match !== null; match = token.exec(text)) {
    const at = match.index
    const ends = !/\s/.test(text.charAt(at - 1)) && !/[\p{L}\p{N}]/u.test(text.charAt(at + 1))
    if (match[0] === mark && at > open + 1 && ends) return at + 1
  }
  return null
}

function inCode(text: string, writer: MrkdwnWriter): string {
  return text
    .split(/<([^<>]*)>/)
    .map((part, index) => (index % 2 === 1 ? reference(part, writer) : writer.verbatim(decode(part))))
    .join('')
}

/** What is between < and >: a link, a date, or a mention of a person, a group or a channel. */
function reference(inner: string, writer: MrkdwnWriter): string {
  const bar = inner.indexOf('|')
  const target = decode(bar === -1 ? inner : inner.slice(0, bar))
  const label = bar === -1 ? '' : decode(inner.slice(bar + 1))
  if (target.startsWith('!date^')) return date(target, label, writer)
  if (/^[!@#]/.test(target)) {
    if (label !== '') return writer.mention(target.startsWith('#') ? `#${label}` : label)
    return writer.mention(target.replace(/^!(?:subteam\^)?/, '@'))
  }
  const url = safeLink(target)
  if (url === null) return writer.text(label === '' ? `<${target}>` : label)
  return writer.link(url, label.trim() === '' ? target.replace(/^mailto:/, '') : label)
}

function date(target: string, fallback: string, writer: MrkdwnWriter): string {
  const [, seconds = '', format = '', url] = target.split('^')
  // The years that a date can have: Slack shows the fallback for any other.
  if (!/^-?\d{1,11}$/.test(seconds)) return writer.text(fallback)
  return writer.date(Number(seconds) * 1000, format, safeLink(url), fallback)
}
