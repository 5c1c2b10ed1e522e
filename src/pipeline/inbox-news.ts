/** News for notices of what came in and went nowhere: events without a route, and requests in quarantine. */
import { eventOf } from '../core/event.ts'
import { isObject } from '../core/json.ts'
import { NOTICE_SOURCE, type Notice, quarantined, type Unrouted, unrouted } from '../core/notice/notice.ts'
import type { RecordedNotice } from '../core/notice/noticed.ts'
import type { Store } from '../store/store.ts'
import type { Observe } from './fact.ts'

export interface InboxNewsDeps {
  readonly store: Pick<Store, 'events' | 'event'>
  readonly now: () => number
}

/** At a start, events from before are looked at that no notice came of. */
const LOOK_BACK_MS = 24 * 3_600_000
const PAGE = 100
const MAX_READ = 1_000
/** Many at once make one notice, and what follows within this time another one. */
const BETWEEN_MS = 60_000

interface InboxNews {
  readonly observe: Observe
  readonly pass: () => Promise<void>
}

export function createInboxNews(
  { store, now }: InboxNewsDeps,
  append: (notice: Notice) => Promise<RecordedNotice | null>,
): InboxNews {
  const newTypes = new Map<string, Unrouted>()
  const known = new Set<string>()
  const waiting = new Map<string, { count: number; problem: string }>()
  const noticedAt = new Map<string, number>()
  let isRead = false

  return {
    observe(fact) {
      if (fact.kind !== 'received' || fact.source === NOTICE_SOURCE) return
      const { source, type, result } = fact
      if (result === 'quarantined') quarantine(source, fact.problem ?? '')
      if (result === 'stored' && fact.unrouted && type !== null && fact.deliveries === 0)
        isUnrouted(source, type)
    },
    async pass() {
      if (!isRead) await readBefore()
      isRead = true
      if (newTypes.size > 0 && isTime('unrouted')) {
        const types = [...newTypes]
        await append(
          unrouted(
            types.map(([, one]) => one),
            now(),
          ),
        )
        for (const [key] of types) {
          known.add(key)
          newTypes.delete(key)
        }
        noticedAt.set('unrouted', now())
      }
      for (const [source, { count, problem }] of waiting) {
        if (!isTime(`source ${source}`)) continue
        await append(quarantined(source, count, problem, now()))
        waiting.delete(source)
        noticedAt.set(`source ${source}`, now())
      }
    },
  }

  function isUnrouted(source: string, type: string): void {
    const key = JSON.stringify([source, type])
    if (!known.has(key)) newTypes.set(key, { source, type })
  }

  function quarantine(source: string, problem: string): void {
    waiting.set(source, { count: (waiting.get(source)?.count ?? 0) + 1, problem })
  }

  function isTime(key: string): boolean {
    const at = noticedAt.get(key)
    return at === undefined || Math.abs(now() - at) >= BETWEEN_MS
  }

  /** What earlier notices have said, and what the process before this one did not come to. */
  async function readBefore(): Promise<void> {
    const since = now() - LOOK_BACK_MS
    const earlier = await store.events({ source: NOTICE_SOURCE, type: 'event.unrouted' }, { limit: PAGE })
    for (const { id } of earlier.items) {
      const record = await store.event(id)
      const event = record === null ? null : eventOf(record)
      const types = event !== null && isObject(event.payload.data) ? event.payload.data.types : null
      if (Array.isArray(types)) for (const pair of types) known.add(JSON.stringify(pair))
    }
    for (const key of known) newTypes.delete(key)
    const stored = await store.events({ kind: 'unrouted', since }, { limit: MAX_READ })
    for (const { source, type, counts } of stored.items) {
      if (source !== NOTICE_SOURCE && type !== null && Object.keys(counts).length === 0)
        isUnrouted(source, type)
    }
    waiting.clear()
    const last = new Map<string, string>()
    const { items } = await store.events({ kind: 'quarantined', since }, { limit: MAX_READ })
    for (const { id, source, problem, takenUpBy } of items) {
      if (!last.has(source)) {
        const filter = { source: NOTICE_SOURCE, type: 'event.quarantined', subject: source }
        last.set(source, (await store.events(filter, { limit: 1 })).items[0]?.id ?? '')
      }
      if (takenUpBy === null && id > (last.get(source) ?? '')) quarantine(source, problem ?? '')
    }
  }
}
