/** Finds what notices report of incoming requests: events without a route, and requests in quarantine. */
import { eventOf } from '../../core/event.ts'
import { isObject } from '../../core/json/json.ts'
import { quarantined, type Unrouted, unrouted } from '../../core/notice/inbox.ts'
import { NOTICE_SOURCE } from '../../core/notice/notice.ts'
import { codeOf } from '../../core/receiving/quarantine.ts'
import type { Store } from '../../store/store.ts'
import type { Observe } from '../fact.ts'
import type { AppendNotice } from './append-notice.ts'
import { lastNotice } from './last-notice.ts'

export interface InboxNewsDeps {
  readonly store: Pick<Store, 'events' | 'event' | 'types'>
  readonly now: () => number
  /** Whether `unrouted` has receivers. A receiver without a channel counts: such events are expected. */
  readonly takesUnrouted: () => boolean
}

/** At a start, events from before are looked at that no notice came of. */
const LOOK_BACK_MS = 24 * 3_600_000
/** Those of instances that share a store. */
const CLOCKS_APART_MS = 3_600_000
const PAGE = 100
const MAX_READ = 1_000
/** Many at once make one notice; those that follow within this time make another one. */
const BETWEEN_MS = 60_000
const BETWEEN_QUARANTINED_MS = 10 * 60_000
/** A sender may make up its types: after a notice with more than so many, the next one is an hour later. */
const FEW_TYPES = 10
const BETWEEN_MANY_TYPES_MS = 60 * 60_000
/** Types that one notice names, and that are remembered. */
const MAX_NAMED = 200
const MAX_KNOWN = 10_000

interface InboxNews {
  readonly observe: Observe
  readonly pass: () => Promise<void>
}

export function createInboxNews(
  { store, now, takesUnrouted }: InboxNewsDeps,
  append: AppendNotice,
): InboxNews {
  const newTypes = new Map<string, Unrouted>()
  const known = new Set<string>()
  /** By source; the latest problem of each code. */
  const waiting = new Map<string, { readonly count: number; readonly problems: Map<string, string> }>()
  const noticedAt = new Map<string, number>()
  let isRead = false
  let noticesReadAt = 0
  let betweenTypesMs = BETWEEN_MS

  return {
    observe(fact) {
      if ((fact.kind === 'enriched' || fact.kind === 'released') && fact.unrouted)
        isUnrouted(fact.source, fact.type)
      if (fact.kind !== 'received' || fact.source === NOTICE_SOURCE) return
      const { source, type, result } = fact
      if (result === 'quarantined') quarantine(source, fact.problem ?? '')
      if (result === 'stored' && fact.unrouted && type !== null) isUnrouted(source, type)
    },
    async pass() {
      if (!isRead) await readBefore()
      isRead = true
      // A reload may have given them receivers since.
      if (takesUnrouted()) newTypes.clear()
      if (newTypes.size > 0 && isTime('unrouted', betweenTypesMs)) await reportUnrouted()
      for (const [source, { count, problems }] of waiting) {
        const key = `source ${source}`
        if (!isTime(key, BETWEEN_QUARANTINED_MS)) continue
        // A process before this one, or another instance.
        const last = await lastNotice(store, 'event.quarantined', source)
        if (last !== null) noticedAt.set(key, last.at)
        if (!isTime(key, BETWEEN_QUARANTINED_MS)) continue
        if ((await append(quarantined(source, count, [...problems.values()], now()))) === null) continue
        noticedAt.set(key, now())
        // Others may have come meanwhile.
        const left = (waiting.get(source)?.count ?? 0) - count
        if (left > 0) waiting.set(source, { count: left, problems })
        else waiting.delete(source)
      }
    },
  }

  async function reportUnrouted(): Promise<void> {
    // Another instance may have been first.
    await readNoticed(noticesReadAt - CLOCKS_APART_MS)
    const types = [...newTypes].slice(0, MAX_NAMED)
    if (types.length === 0) return
    const first = types.map(([, one]) => one)
    if ((await append(unrouted(first, newTypes.size - first.length, now()))) === null) return
    for (const [key] of types) {
      known.add(key)
      newTypes.delete(key)
    }
    noticedAt.set('unrouted', now())
    betweenTypesMs = types.length > FEW_TYPES ? BETWEEN_MANY_TYPES_MS : BETWEEN_MS
  }

  function isUnrouted(source: string, type: string): void {
    if (takesUnrouted()) return
    const key = JSON.stringify([source, type])
    if (!known.has(key) && known.size + newTypes.size < MAX_KNOWN) newTypes.set(key, { source, type })
  }

  function quarantine(source: string, problem: string): void {
    const { count, problems } = waiting.get(source) ?? { count: 0, problems: new Map<string, string>() }
    problems.set(codeOf(problem), problem)
    waiting.set(source, { count: count + 1, problems })
  }

  function isTime(key: string, betweenMs: number): boolean {
    const at = noticedAt.get(key)
    return at === undefined || Math.abs(now() - at) >= betweenMs
  }

  /** What earlier notices have said, and what the process before this one did not come to. */
  async function readBefore(): Promise<void> {
    const since = now() - LOOK_BACK_MS
    await readNoticed(0)
    for (const { source, type } of await store.types()) {
      if (source === NOTICE_SOURCE || known.has(JSON.stringify([source, type]))) continue
      const filter = { kind: 'unrouted', source, type, since } as const
      const { items } = await store.events(filter, { limit: PAGE })
      if (items.some(({ counts }) => Object.keys(counts).length === 0)) isUnrouted(source, type)
    }
    waiting.clear()
    const lastAt = new Map<string, number>()
    const { items } = await store.events({ kind: 'quarantined', since }, { limit: MAX_READ })
    for (const { source, receivedAt, problem, releasedAs } of items) {
      const at = lastAt.get(source) ?? (await lastNotice(store, 'event.quarantined', source))?.at ?? 0
      lastAt.set(source, at)
      if (releasedAs === null && receivedAt > at) quarantine(source, problem ?? '')
    }
  }

  /** Which types the notices since then have named. */
  async function readNoticed(since: number): Promise<void> {
    const filter = { source: NOTICE_SOURCE, type: 'event.unrouted', since }
    noticesReadAt = now()
    let cursor: string | undefined
    do {
      const page = await store.events(filter, { limit: PAGE, ...(cursor !== undefined && { cursor }) })
      for (const { id } of page.items) for (const key of await typesIn(id)) known.add(key)
      cursor = page.next ?? undefined
    } while (cursor !== undefined && known.size < MAX_KNOWN)
    for (const key of known) newTypes.delete(key)
  }

  /** The keys of the types that a notice names. */
  async function typesIn(id: string): Promise<readonly string[]> {
    const record = await store.event(id)
    const event = record === null ? null : eventOf(record)
    const types = event !== null && isObject(event.payload.data) ? event.payload.data.types : null
    return Array.isArray(types) ? types.map((pair) => JSON.stringify(pair)) : []
  }
}
