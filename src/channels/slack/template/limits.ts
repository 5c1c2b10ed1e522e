/** Slack's limits on a whole message. What is too long is cut visibly, so that Slack never refuses it. */
import { isObject, type Json, type JsonObject } from '../../../core/json/json.ts'
import { MOST_BLOCKS } from '../message.ts'
import { escapeText } from './literal.ts'
import { LONGEST_TOTAL } from './shape.ts'

const ELLIPSIS = '…'
const LONGEST_ENTITY = '&amp;'.length
const LONGEST_REMARK = 300

/** Cuts rendered text to a length, with an ellipsis, and never within an entity, a link or a surrogate pair. */
export function cut(text: string, longest: number): string {
  if (text.length <= longest) return text
  let end = longest - ELLIPSIS.length
  const link = text.lastIndexOf('<', end - 1)
  if (link !== -1 && text.indexOf('>', link) >= end) end = link
  const entity = text.lastIndexOf('&', end - 1)
  if (entity !== -1 && end - entity < LONGEST_ENTITY && !text.slice(entity, end).includes(';')) end = entity
  if (isHighSurrogate(text.charCodeAt(end - 1))) end -= 1
  return text.slice(0, Math.max(end, 0)).trimEnd() + ELLIPSIS
}

const FENCE = '```'

/**
 * Cuts text in mrkdwn. Only the words are kept of a link that is too long, or in which the text would end.
 * A code span that is cut is closed, so that its content is still shown as code.
 */
export function cutMrkdwn(text: string, longest: number): string {
  if (text.length <= longest) return text
  const unlinked = unlinkAt(unlinkLong(text, longest / 2), longest - ELLIPSIS.length)
  const short = cut(unlinked, longest)
  if (short === unlinked || openSpan(short) === '') return short
  const shorter = cut(unlinked, longest - FENCE.length)
  return shorter + openSpan(shorter)
}

// As Slack writes links, and dates with what is shown instead.
const LINK = /<[^<>|]*\|([^<>]*)>/g

/** Cuts the words of links, each to a length. */
export function cutLinkWords(text: string, longest: number): string {
  if (text.length <= longest) return text
  return text.replaceAll(LINK, (link, words: string) =>
    words.length > longest ? `${link.slice(0, -`${words}>`.length)}${cut(words, longest)}>` : link,
  )
}

function unlinkLong(text: string, longest: number): string {
  return text.replaceAll(LINK, (link, words: string) => (link.length > longest ? words : link))
}

/** Without the link that is around a position, if there is one. */
function unlinkAt(text: string, position: number): string {
  const start = text.lastIndexOf('<', position - 1)
  const end = start === -1 ? -1 : text.indexOf('>', start) + 1
  if (end <= position) return text
  return text.slice(0, start) + text.slice(start, end).replace(LINK, '$1') + text.slice(end)
}

/** The mark that would close the code span that is open at the end; empty if none is. */
function openSpan(text: string): string {
  const after = text.split(/```[\s\S]+?```/).at(-1) ?? ''
  if (after.includes(FENCE)) return FENCE
  const line = after.slice(after.lastIndexOf('\n') + 1)
  return line.split('`').length % 2 === 0 ? '`' : ''
}

function isHighSurrogate(code: number): boolean {
  return code >= 0xd800 && code <= 0xdbff
}

export interface Limited {
  readonly blocks: readonly JsonObject[]
  readonly notes: readonly string[]
}

/**
 * Holds the blocks to Slack's limits on their number and on all their text together. Where anything was cut,
 * here or before (`alreadyCut`), a last block says so and names the event.
 */
export function limitBlocks(blocks: readonly JsonObject[], alreadyCut: boolean, eventId: string): Limited {
  const notes: string[] = []
  let limited = blocks
  const most = alreadyCut ? MOST_BLOCKS - 1 : MOST_BLOCKS
  if (limited.length > most) {
    notes.push(`cut: more than ${most} blocks`)
    limited = limited.slice(0, MOST_BLOCKS - 1)
  }
  const longest = longestFitting(limited)
  if (longest !== null) {
    notes.push(`cut: the blocks' text is longer than ${LONGEST_TOTAL} characters`)
    limited = limited
      .slice(0, MOST_BLOCKS - 1)
      .map((block) => mapTexts(block, (text, isMrkdwn) => (isMrkdwn ? cutMrkdwn : cut)(text, longest)))
  }
  const wasCut = alreadyCut || notes.length > 0
  return { blocks: wasCut && limited.length > 0 ? [...limited, remark(eventId)] : limited, notes }
}

function remark(eventId: string): JsonObject {
  const id = escapeText(eventId.slice(0, 40))
  const text = `:scissors: Cut to fit into Slack. The whole event: \`hookbridge events show ${id}\``
  return { type: 'context', elements: [{ type: 'mrkdwn', text: cut(text, LONGEST_REMARK), verbatim: true }] }
}

/**
 * The length to which every text must be cut so that all fit together; null if they fit as they are. One
 * length for all shortens the longest texts first, and leaves headings, buttons and short fields whole.
 */
function longestFitting(blocks: readonly JsonObject[]): number | null {
  const room = LONGEST_TOTAL - LONGEST_REMARK
  // A fast path for nearly every message: its JSON is longer than its texts.
  if (JSON.stringify(blocks).length <= room) return null
  const lengths: number[] = []
  for (const block of blocks) {
    mapTexts(block, (text) => {
      lengths.push(text.length)
      return text
    })
  }
  const total = (longest: number) => lengths.reduce((sum, length) => sum + Math.min(length, longest), 0)
  if (total(Number.POSITIVE_INFINITY) <= room) return null
  let fits = 1
  let tooLong = room
  while (tooLong - fits > 1) {
    const middle = Math.floor((fits + tooLong) / 2)
    if (total(middle) <= room) fits = middle
    else tooLong = middle
  }
  return fits
}

const textKeys = ['text', 'alt_text', 'accessibility_label']

type ChangeText = (text: string, isMrkdwn: boolean) => string

function mapTexts(value: JsonObject, change: ChangeText): JsonObject {
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [
      key,
      typeof item === 'string' && textKeys.includes(key)
        ? change(item, value.type === 'mrkdwn')
        : mapNested(item, change),
    ]),
  )
}

function mapNested(value: Json, change: ChangeText): Json {
  if (Array.isArray(value)) return value.map((item: Json) => mapNested(item, change))
  return isObject(value) ? mapTexts(value, change) : value
}
