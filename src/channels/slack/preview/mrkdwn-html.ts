/** Slack's texts as HTML. Every text is escaped where it is written, and the tags are constants: no text can add one. */
import { escapeHtml } from '../../../core/text/html.ts'
import { decode, type Mark, type MrkdwnWriter, readMrkdwn } from '../mrkdwn.ts'
import { dateWords, type ReaderClock } from './date.ts'
import { withEmoji } from './emoji.ts'

const tags: Readonly<Record<Mark, string>> = { '*': 'b', _: 'i', '~': 's' }

/** Text in mrkdwn, in `p`, `blockquote` and `pre`. */
export function mrkdwnHtml(text: string, clock: ReaderClock): string {
  return readMrkdwn(text, htmlWriter(clock)).join('')
}

/** Text of a plain_text element, in which only emoji are interpreted. */
export function plainTextHtml(text: string): string {
  return words(decode(text)).replaceAll('\n', '<br>')
}

export function anchor(url: string, className: string, inner: string): string {
  const attributes = `href="${escapeHtml(url)}" target="_blank" rel="noopener noreferrer"`
  return `<a${className && ` class="${className}"`} ${attributes}>${inner}</a>`
}

function htmlWriter(clock: ReaderClock): MrkdwnWriter {
  return {
    text: words,
    verbatim: escapeHtml,
    mark: (mark, inner) => `<${tags[mark]}>${inner}</${tags[mark]}>`,
    code: (inner) => `<code>${inner}</code>`,
    codeBlock: (inner) => `<pre>${inner}</pre>`,
    lines(lines, quoted) {
      const tag = quoted ? 'blockquote' : 'p'
      return `<${tag}>${lines.join('<br>')}</${tag}>`
    },
    link: (url, label) => anchor(url, '', words(label)),
    mention: (name) => `<span class="mention">${words(name)}</span>`,
    date(time, format, url, fallback) {
      const iso = new Date(time).toISOString()
      const shown = escapeHtml(dateWords(time, format, clock))
      const html = `<time datetime="${iso}" title="${escapeHtml(fallback)}">${shown}</time>`
      return url === null ? html : anchor(url, '', html)
    },
  }
}

function words(text: string): string {
  return escapeHtml(withEmoji(text))
}
