/**
 * Slack's mrkdwn as HTML. Slack knows no lists in it: a line that begins with a bullet is a line. Every text is
 * escaped where it is written, and the tags are constants: no message can add one of its own.
 */
import { escapeHtml } from '../../core/html.ts'
import { type Clock, dateWords } from './date.ts'
import { withEmoji } from './emoji.ts'

const FENCE = /```([\s\S]+?)```/
const QUOTE = /^(?:&gt;|>) ?/
const QUOTE_TO_END = /^(?:&gt;&gt;&gt;|>>>) ?/
const TOKEN = /<([^<>]*)>|`([^`\n]+)`|[*_~]/g
const tags: Readonly<Record<string, string>> = { '*': 'b', _: 'i', '~': 's' }

/** Text as Slack draws it, in `p`, `blockquote` and `pre`. */
export function mrkdwn(text: string, clock: Clock): string {
  return (
    text
      .split(FENCE)
      // Every second part stood between fences.
      .map((part, index) =>
        index % 2 === 1 ? `<pre>${inCode(part.replace(/^\n/, ''), clock)}</pre>` : lines(part, clock),
      )
      .join('')
  )
}

/** Text of a plain_text element, which is not parsed but for its emoji. */
export function plainText(text: string): string {
  return escapeHtml(withEmoji(decode(text))).replaceAll('\n', '<br>')
}

/** Where a link may lead; null for anything but an http, https or mailto URL. */
export function safeLink(url: unknown): string | null {
  if (typeof url !== 'string' || !URL.canParse(url)) return null
  const { protocol, href } = new URL(url)
  return ['http:', 'https:', 'mailto:'].includes(protocol) ? href : null
}

export function anchor(url: string, className: string, inner: string): string {
  const attributes = `href="${escapeHtml(url)}" target="_blank" rel="noopener noreferrer"`
  return `<a${className && ` class="${className}"`} ${attributes}>${inner}</a>`
}

function lines(text: string, clock: Clock): string {
  const groups: { quoted: boolean; lines: string[] }[] = []
  let toEnd = false
  // Slack draws no empty line around a code block.
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
    .map(({ quoted, lines }) => {
      const tag = quoted ? 'blockquote' : 'p'
      return `<${tag}>${lines.map((line) => inline(line, clock, '')).join('<br>')}</${tag}>`
    })
    .join('')
}

/** One line; `within` are the marks that are open around it, so that each nests but once. */
function inline(text: string, clock: Clock, within: string): string {
  let html = ''
  let done = 0
  const token = new RegExp(TOKEN)
  for (let match = token.exec(text); match !== null; match = token.exec(text)) {
    const [whole, angle, code] = match
    const isMark = angle === undefined && code === undefined
    const end = isMark ? closing(text, match.index, whole) : match.index + whole.length
    if (end === null || (isMark && within.includes(whole))) continue
    html += words(text.slice(done, match.index))
    if (angle !== undefined) html += reference(angle, clock)
    else if (code !== undefined) html += `<code>${inCode(code, clock)}</code>`
    else {
      const inner = inline(text.slice(match.index + 1, end - 1), clock, within + whole)
      html += `<${tags[whole]}>${inner}</${tags[whole]}>`
    }
    done = end
    token.lastIndex = end
  }
  return html + words(text.slice(done))
}

/** Where the text that this mark opens ends, after its second mark; null where it opens none. */
function closing(text: string, open: number, mark: string): number | null {
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

/** Nothing but links and dates is parsed in code. */
function inCode(text: string, clock: Clock): string {
  return text
    .split(/<([^<>]*)>/)
    .map((part, index) => (index % 2 === 1 ? reference(part, clock) : escapeHtml(decode(part))))
    .join('')
}

/** What stands between < and >. */
function reference(inner: string, clock: Clock): string {
  const bar = inner.indexOf('|')
  const target = decode(bar === -1 ? inner : inner.slice(0, bar))
  const label = bar === -1 ? '' : inner.slice(bar + 1)
  if (target.startsWith('!date^')) return date(target, label, clock)
  if (/^[!@#]/.test(target)) {
    const name = target.replace(/^!(?:subteam\^)?/, '@')
    const shown = label === '' ? escapeHtml(name) : `${target.startsWith('#') ? '#' : ''}${words(label)}`
    return `<span class="mention">${shown}</span>`
  }
  const url = safeLink(target)
  if (url === null) return words(label === '' ? `<${target}>` : label)
  return anchor(url, '', label.trim() === '' ? escapeHtml(target.replace(/^mailto:/, '')) : words(label))
}

function date(target: string, fallback: string, clock: Clock): string {
  const [, seconds = '', format = '', url] = target.split('^')
  // The years that a date can have: Slack shows the fallback for any other.
  if (!/^-?\d{1,11}$/.test(seconds)) return words(fallback)
  const time = Number(seconds) * 1000
  const shown = escapeHtml(dateWords(time, format, clock))
  const link = safeLink(url)
  const iso = new Date(time).toISOString()
  const html = `<time datetime="${iso}" title="${escapeHtml(decode(fallback))}">${shown}</time>`
  return link === null ? html : anchor(link, '', html)
}

function words(text: string): string {
  return escapeHtml(withEmoji(decode(text)))
}

function decode(text: string): string {
  return text.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&')
}
