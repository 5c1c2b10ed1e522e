/** Stores notices: each is an event, with its plan. Instances that find the same news at once store it once. */
import type { Event } from '../../core/event.ts'
import { NOTICE_SOURCE, type Notice, type NoticeType } from '../../core/notice/notice.ts'
import type { RecordedNotice } from '../../core/notice/noticed.ts'
import { makePlan, mutedIn } from '../../core/routing/plan.ts'
import type { Store } from '../../store/store.ts'
import type { Observe } from '../fact.ts'
import type { Ids, ReceiveSettings } from '../receive.ts'
import { lastNotice } from './last-notice.ts'

export interface AppendNoticeDeps {
  readonly store: Pick<Store, 'append' | 'events' | 'event'>
  readonly settings: () => ReceiveSettings
  readonly now: () => number
  readonly ids: Ids
  readonly observe: Observe
}

/** The stored notice; an earlier one where it says the same. Null where another instance was first, with news of its own. */
export type AppendNotice = (notice: Notice) => Promise<RecordedNotice | null>

/** What every instance finds in the store, or in the same file. Of other types each has its own news. */
const seenByAll: ReadonlySet<NoticeType> = new Set([
  'destination.failing',
  'destination.recovered',
  'delivery.dead',
  'reload.failed',
])
/** One instance makes such notices about one subject further apart: closer together, another one reports the same. */
const SAME_NEWS_MS = 5 * 60_000
// Longer than any retention: the same news is stored once.
const FOREVER_MS = 100 * 365 * 24 * 3_600_000

export function createAppendNotice(deps: AppendNoticeDeps): AppendNotice {
  return async (notice) => {
    const { type, key, data } = notice
    const settings = deps.settings()
    const at = deps.now()
    const last = await lastNotice(deps.store, type, type === 'event.unrouted' ? undefined : data.id)
    const isRecent = last !== null && Math.abs(at - last.at) < SAME_NEWS_MS
    if (isRecent && seenByAll.has(type)) return last
    const event: Event = {
      id: deps.ids.event(),
      // Of instances that append at once, one is the first to follow the last notice.
      messageId: `${type} ${key} after ${last?.eventId ?? 'none'}`,
      source: NOTICE_SOURCE,
      type,
      subject: data.id,
      receivedAt: at,
      sentAt: at,
      secretIndex: 0,
      payload: { type, data },
      enriched: {},
    }
    const { fingerprint } = settings
    const made = makePlan(settings, event, { at, cause: 'received', fingerprint, newId: deps.ids.delivery })
    if (!made.ok) throw new Error(made.message)
    const { plan } = made
    const body = Buffer.from(JSON.stringify(event.payload))
    const appended = await deps.store.append({ kind: 'event', event, body, plan, dedupeFor: FOREVER_MS })
    if (appended.kind === 'stored') {
      const { id, subject } = event
      deps.observe({
        kind: 'noticed',
        id,
        type,
        subject,
        title: data.title,
        deliveries: plan.deliveries.length,
        ...mutedIn(plan),
      })
    }
    if (appended.kind !== 'stored' && !seenByAll.has(type)) return null
    return { eventId: appended.id, type, at, data }
  }
}
