/** The notices that are stored: what this process, one before it, or another instance has reported already. */
import { eventOf } from '../../core/event.ts'
import { isObject } from '../../core/json/json.ts'
import { NOTICE_SOURCE, type NoticeType } from '../../core/notice/notice.ts'
import type { RecordedNotice } from '../../core/notice/noticed.ts'
import type { Store } from '../../store/store.ts'

export interface StoredNotice extends RecordedNotice {
  /** Of the configuration that it was planned with; null where it has no plan. */
  readonly fingerprint: string | null
}

type NoticeStore = Pick<Store, 'events' | 'event'>

/** The last notice of a type, about a subject where one is given; null where there is none. */
export async function lastNotice(
  store: NoticeStore,
  type: NoticeType,
  subject?: string,
): Promise<StoredNotice | null> {
  const filter = { source: NOTICE_SOURCE, type, ...(subject !== undefined && { subject }) }
  const [last] = (await store.events(filter, { limit: 1 })).items
  return last === undefined ? null : noticeOf(store, last.id)
}

export async function noticeOf(store: NoticeStore, id: string): Promise<StoredNotice | null> {
  const record = await store.event(id)
  const event = record === null ? null : eventOf(record)
  if (record === null || event === null) return null
  const { data } = event.payload
  return {
    eventId: event.id,
    type: event.type,
    at: event.receivedAt,
    data: isObject(data) ? data : {},
    fingerprint: record.plans[0]?.fingerprint ?? null,
  }
}
