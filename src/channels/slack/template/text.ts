/** Text that is safe where Slack reads it: escaping, URLs, and the filters that write Slack's own markup. */
import { createEngine, type Engine, type Filter, toText } from '../../../core/template/template.ts'

const LONGEST_URL = 3_000

const LONGEST_LABEL = 500
const DEFAULT_DATE_FORMAT = '{date_short_pretty} {time}'

/** Slack's three control characters; with these escaped a text cannot mention anyone or become a link. */
export function escapeText(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}

/** Removes what Slack or JSON cannot carry: lone surrogates, and control characters other than tab and newline. */
export function cleanText(text: string): string {
  return text.toWellFormed().replace(/[\u0000-\u0008\u000b-\u001f\u007f]/g, '')
}

/** For leaves in Slack's mrkdwn, where links and dates can be written. */
export const mrkdwnEngine: Engine = createEngine(escapeText, {
  slack_link: safeFilter((value, label) => link(toText(value), toText(label))),
  slack_date: safeFilter((value, format) => date(value, toText(format))),
})

/** For leaves that Slack shows as they are, where a link is its label and a date its fallback. */
export const plainEngine: Engine = createEngine(escapeText, {
  slack_link: safeFilter((value, label) => escapeText(toText(label) || toText(value))),
  slack_date: safeFilter((value) => {
    const time = toTime(value)
    return time === null ? escapeText(toText(value)) : utc(time)
  }),
})

function safeFilter(apply: (value: unknown, argument: unknown) => string): Filter {
  return { safe: true, apply: (value, argument) => apply(value, argument) }
}

function link(target: string, label: string): string {
  const url = safeUrl(target)
  const words = escapeText(
    cleanText(label)
      .replace(/[\n\t]/g, ' ')
      // There is no escape for the bar that ends the URL.
      .replaceAll('|', '¦')
      .slice(0, LONGEST_LABEL)
      .toWellFormed(),
  )
  if (url === null) return words || escapeText(target)
  return `<${escapeText(url.replaceAll('|', '%7C'))}${words.trim() === '' ? '' : `|${words}`}>`
}

function date(value: unknown, format: string): string {
  const time = toTime(value)
  if (time === null) return escapeText(toText(value))
  const safeFormat = format.replace(/[\n^|<>&]/g, ' ') || DEFAULT_DATE_FORMAT
  return `<!date^${Math.floor(time / 1000)}^${safeFormat}|${utc(time)}>`
}

/** An ISO time, or seconds since the epoch, as milliseconds; null where it is neither. */
function toTime(value: unknown): number | null {
  if (typeof value === 'string' && !/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}/.test(value)) return null
  const time =
    typeof value === 'number' ? value * 1000 : typeof value === 'string' ? Date.parse(value) : Number.NaN
  // Years of four digits: what both Slack and a reader understand.
  return time >= 0 && time < Date.UTC(10_000, 0) ? time : null
}

function utc(time: number): string {
  return `${new Date(time).toISOString().slice(0, 16).replace('T', ' ')} UTC`
}

// Marks around each value in a rendered URL leaf, because its position decides how it is encoded. No URL can hold
// these characters, and they are removed from values, so nothing else can look like a mark.
const START = '\u0001'
const END = '\u0002'
const MARKED = /\u0001([^\u0002]*)\u0002/g

/** For leaves that are URLs. What it renders goes through `finishUrl`. */
export const urlEngine: Engine = createEngine((text) => START + cleanText(text) + END)

/**
 * Encodes the values within a rendered URL leaf: one that opens the URL may be a whole URL and keeps its
 * punctuation; one further on is a part, and cannot add another. Null where the result is no http, https
 * or mailto URL of acceptable length.
 */
export function finishUrl(rendered: string): string | null {
  return safeUrl(
    rendered.trim().replace(MARKED, (_, value: string, at: number) =>
      // URL drops newlines silently, which would join what they separate.
      at === 0 ? value.trim().replace(/[\n\t]/g, encodeURIComponent) : encodeURIComponent(value),
    ),
  )
}

function safeUrl(text: string): string | null {
  if (/[\u0000-\u001f\u007f]/.test(text) || !URL.canParse(text)) return null
  const url = new URL(text)
  if (!['http:', 'https:', 'mailto:'].includes(url.protocol)) return null
  const safe = url.href.replace(/\s/g, '%20')
  return safe.length <= LONGEST_URL ? safe : null
}
