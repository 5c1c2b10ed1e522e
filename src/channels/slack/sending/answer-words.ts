/** What the history shows of an answer. */
import { isObject, ownProperty } from '../../../core/json/json.ts'
import { redact, type Secret } from '../../../core/secret.ts'
import type { Answer } from './transport.ts'

const LONGEST_TITLE = 100
// The title of a page must be within this.
const LONGEST_START = 4_000

/** Describes an answer that names no error, by its status. */
export function shownStatus({ status, isWhole, location }: Answer, secrets: readonly Secret[]): string {
  if (isSuccess(status)) return `HTTP ${status} with an answer that is not Slack's`
  const shown = `HTTP ${status}${isWhole ? '' : ' with an incomplete answer'}`
  if (status < 300 || status >= 400 || location === null) return shown
  const url = URL.parse(location)
  if (url === null) return `${shown}, a redirect to ${location}`
  // The query may identify a session.
  const path = redact(url.pathname, secrets) + (url.search === '' ? '' : '?…')
  return `${shown}, a redirect to ${url.protocol}//${url.host}${path}`
}

/** What the remote says beyond the name of an error: its messages, the title of its page, or its text. */
export function wordsOf({ text, isHtml }: Answer, body: unknown): string {
  if (isHtml) return pageWords(text)
  if (!isObject(body)) return text.trim()
  const given = ownProperty(ownProperty(body, 'response_metadata'), 'messages')
  const messages = Array.isArray(given) ? given.filter((message) => typeof message === 'string') : []
  if (messages.length > 0) return messages.join('; ')
  const named = ['needed', 'provided'].flatMap((key) => {
    const value = ownProperty(body, key)
    return typeof value === 'string' && value !== '' ? [`${key}: ${value}`] : []
  })
  if (named.length > 0) return named.join('; ')
  const said = ['error', 'message', 'detail', 'description'].map((key) => ownProperty(body, key))
  return said.find((value) => typeof value === 'string') ?? ''
}

function pageWords(html: string): string {
  const start = html.slice(0, LONGEST_START)
  const title = /<title[^>]*>([^<]*)/i.exec(start)?.[1]?.trim()
  const words = (title || start.replace(/<[^>]*>/g, ' ')).replace(/\s+/g, ' ').trim()
  return words === '' ? 'an empty page' : `a page: ${words.slice(0, LONGEST_TITLE)}`
}

export function isSuccess(status: number): boolean {
  return status >= 200 && status < 300
}
