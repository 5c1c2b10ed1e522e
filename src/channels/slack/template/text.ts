/** Text that is safe in Slack: how values are written in leaves, and the filters that write Slack's own markup. */

import { isNumber } from '../../../core/json/number.ts'
import { type Filter, toText } from '../../../core/template/template.ts'
import { joinUrl, type UrlPiece } from '../../../core/template/urls/url.ts'
import { epochTime, isoTime } from '../../../core/text/iso-time.ts'
import { createValueEngine, oneLine, type ValueEngine } from '../../values.ts'
import { escapeText, literal } from './literal.ts'

const LONGEST_URL = 3_000
const DEFAULT_DATE_FORMAT = '{date_short_pretty} {time}'

/** Removes what Slack or JSON cannot carry: lone surrogates, and control characters other than tab and newline. */
export function cleanText(text: string): string {
  return text.toWellFormed().replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, '')
}

// Contains nothing that Slack or the surrounding text could interpret differently.
const PLAIN = /^[A-Za-z0-9](?:[A-Za-z0-9 .,/()+-]|(?<=[A-Za-z0-9])_(?=[A-Za-z0-9]))*(?<! )$/

/** For leaves in Slack's mrkdwn, where links and dates can be written. */
export const mrkdwnEngine: ValueEngine = createValueEngine({
  plain: PLAIN,
  filters: {
    slack_link: safeFilter((value, label) => link(toText(value), toText(label))),
    slack_date: safeFilter((value, format) => date(value, toText(format))),
  },
})

/** For leaves that Slack shows as they are, in which a link becomes its label and a date its fallback. */
export const plainEngine: ValueEngine = createValueEngine({
  plain: PLAIN,
  filters: {
    slack_link: safeFilter((value, label) => literal(oneLine(toText(label) || toText(value)))),
    slack_date: safeFilter((value) => {
      const time = toTime(value)
      return time === null ? literal(oneLine(toText(value))) : utc(time)
    }),
  },
})

/** For leaves that are URLs. */
export const urlEngine: ValueEngine = createValueEngine()

function safeFilter(apply: (value: unknown, argument: unknown) => string): Filter {
  return { safe: true, apply: (value, argument) => apply(value, argument) }
}

function link(target: string, label: string): string {
  const url = finishUrl([{ value: oneLine(target) }])
  // The bar that ends the URL cannot be escaped.
  const words = literal(oneLine(label)).replaceAll('|', '\u00a6')
  if (url === null) return words || literal(oneLine(target))
  return `<${escapeText(url.replaceAll('|', '%7C'))}${words.trim() === '' ? '' : `|${words}`}>`
}

function date(value: unknown, format: string): string {
  const time = toTime(value)
  if (time === null) return literal(oneLine(toText(value)))
  const safeFormat = format.replace(/[\n^|<>&]/g, ' ') || DEFAULT_DATE_FORMAT
  return `<!date^${Math.floor(time / 1000)}^${safeFormat}|${utc(time)}>`
}

/** An ISO time with its zone, or seconds or milliseconds since the epoch, as milliseconds; null if it is neither. */
function toTime(value: unknown): number | null {
  const time = isNumber(value) ? epochTime(Number(value)) : isoTime(value)
  // Years of four digits: what both Slack and a reader understand.
  return time !== null && time >= 0 && time < Date.UTC(10_000, 0) ? time : null
}

function utc(time: number): string {
  return `${new Date(time).toISOString().slice(0, 16).replace('T', ' ')} UTC`
}

/** The URL in a form that Slack accepts; null if it is not an http, https or mailto URL of acceptable length. */
export function finishUrl(pieces: readonly UrlPiece[]): string | null {
  const joined = joinUrl(pieces)
  if (joined === null) return null
  const url = new URL(joined).href.replace(/\s/g, '%20')
  return url.length <= LONGEST_URL ? url : null
}
