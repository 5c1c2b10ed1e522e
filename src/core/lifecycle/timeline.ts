/** When the stages of a subject happened, by the best time known, and how long they took: what templates see as `lifecycle`. */
import type { Event, LifecycleView } from '../event.ts'
import { ownProperty } from '../json/json.ts'
import { isNumber } from '../json/number.ts'
import { epochTime, isoTime } from '../text/iso-time.ts'
import type { Lifecycle } from './lifecycle.ts'

type Timed = Pick<Event, 'id' | 'type' | 'messageId' | 'receivedAt' | 'payload' | 'enriched'>

interface StageTime {
  /** Milliseconds since the epoch. */
  readonly at: number
  /** It is a time of receipt. */
  readonly approximate: boolean
}

/** `events`: the first event of each stage that has arrived. */
export function lifecycleView(lifecycle: Lifecycle, event: Timed, events: readonly Timed[]): LifecycleView {
  const { name, stages } = lifecycle
  const ofStage = (stage: string) =>
    stage === event.type ? event : events.find(({ type }) => type === stage)
  const times = stages.map((stage) => {
    const own = ofStage(stage)
    const all = [event, ...events]
    const time = own === undefined ? fetchedTime(lifecycle, stage, all, event) : timeOf(lifecycle, own, all)
    return { name: stage, time }
  })
  const [begun] = times
  const now = times.find((one) => one.name === event.type)?.time ?? null
  const start = begun?.time ?? null
  const tookMs = start === null || now === null || begun?.name === event.type ? null : now.at - start.at
  return {
    name,
    stage: event.type,
    is_last: event.type === stages.at(-1),
    started_at: start && iso(start.at),
    // Times of different clocks may be in the wrong order.
    elapsed: tookMs === null || tookMs < 0 ? null : inWords(tookMs),
    approximate: (start?.approximate ?? false) || (now?.approximate ?? false),
    stages: times.map(({ name, time }) => ({ name, at: time && iso(time.at) })),
  }
}

const EARLIEST = Date.UTC(2000, 0, 1)
// How far a sender's clock may be ahead of ours.
const CLOCKS_DIFFER_MS = 5 * 60_000

function isSane(at: number | null, { receivedAt }: Timed): at is number {
  return at !== null && at >= EARLIEST && at <= receivedAt + CLOCKS_DIFFER_MS
}

function timeOf(lifecycle: Lifecycle, event: Timed, all: readonly Timed[]): StageTime {
  const fetched = fetchedTime(lifecycle, event.type, [event, ...all], event)
  if (fetched !== null) return fetched
  const named = namedTime(event.payload.data, event.type)
  if (isSane(named, event)) return { at: named, approximate: false }
  const created = messageTime(event.messageId)
  // A message that is sent again by hand keeps its id.
  if (isSane(created, event) && created >= event.receivedAt - RESENT_WITHIN_MS)
    return { at: created, approximate: false }
  return { at: event.receivedAt, approximate: true }
}

/** The fields fetched for one event can say when other stages happened, even if their events never arrived. */
function fetchedTime(
  lifecycle: Lifecycle,
  stage: string,
  all: readonly Timed[],
  event: Timed,
): StageTime | null {
  const at = all
    .map(({ enriched }) => enrichedTime(lifecycle, enriched, stage))
    .find((time) => isSane(time, event))
  return at === undefined || at === null ? null : { at, approximate: false }
}

/** Only from the step that is named like the lifecycle or the first word of the type: other steps are about other things. */
function enrichedTime({ name }: Lifecycle, enriched: Event['enriched'], type: string): number | null {
  const steps = new Set([name, wordsOf(type)[0] ?? ''])
  return [...steps].map((step) => namedTime(ownProperty(enriched, step), type)).find(isFound) ?? null
}

/** `completed_at` or `completedAt`, for `analysis.completed`. */
function namedTime(fields: unknown, type: string): number | null {
  const word = wordsOf(type).at(-1) ?? ''
  return [`${word}_at`, `${word}At`].map((key) => timeIn(ownProperty(fields, key))).find(isFound) ?? null
}

function isFound(time: number | null): time is number {
  return time !== null
}

function wordsOf(type: string): readonly string[] {
  return type.split(/[^a-zA-Z0-9]+/).filter((word) => word !== '')
}

/** A time in ISO 8601 with its zone, or seconds or milliseconds since the epoch; null for anything else. */
function timeIn(value: unknown): number | null {
  return isNumber(value) ? epochTime(Number(value)) : isoTime(value)
}

const KSUID = /^msg_([0-9A-Za-z]{27})$/
const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const KSUID_EPOCH_S = 1_400_000_000
// A KSUID has 20 bytes, the first four of which are seconds.
const AFTER_SECONDS_BITS = 128n
const MOST_SECONDS = 2n ** 32n
const RESENT_WITHIN_MS = 30 * 86_400_000

/**
 * When Svix made a message: its ids are `msg_` and a KSUID (https://github.com/segmentio/ksuid). That is not documented, so
 * it is only used if it is close to the time of receipt.
 */
function messageTime(messageId: string): number | null {
  const [, digits] = KSUID.exec(messageId) ?? []
  if (digits === undefined) return null
  let value = 0n
  for (const digit of digits) value = value * 62n + BigInt(DIGITS.indexOf(digit))
  const seconds = value >> AFTER_SECONDS_BITS
  return seconds < MOST_SECONDS ? (KSUID_EPOCH_S + Number(seconds)) * 1_000 : null
}

function iso(at: number): string {
  return new Date(at).toISOString()
}

const SECOND = 1_000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

/** `42 s`, `12 min`, `1 h 5 min`, `2 d 3 h`: as exact as a reader needs. */
function inWords(ms: number): string {
  if (ms < MINUTE) return `${Math.round(ms / SECOND) || 0} s`.replace('60 s', '1 min')
  if (ms < HOUR - MINUTE / 2) return `${Math.round(ms / MINUTE)} min`
  if (ms < DAY - MINUTE / 2) return two(Math.round(ms / MINUTE), 60, 'h', 'min')
  return two(Math.round(ms / HOUR), 24, 'd', 'h')
}

function two(smaller: number, size: number, unit: string, smallerUnit: string): string {
  const rest = smaller % size
  return `${Math.floor(smaller / size)} ${unit}${rest === 0 ? '' : ` ${rest} ${smallerUnit}`}`
}
