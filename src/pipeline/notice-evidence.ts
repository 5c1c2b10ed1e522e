/** What the history says of a destination, for the notices about it. Notices themselves do not count. */
import type { State } from '../core/delivery/delivery.ts'
import { type Event, eventOf } from '../core/event.ts'
import { isObject } from '../core/json.ts'
import { type Count, NOTICE_SOURCE } from '../core/notice/notice.ts'
import { type Noticed, placeOf, type RecordedNotice, type Trouble } from '../core/notice/noticed.ts'
import type { DestinationRecord, EventFilter, Store } from '../store/store.ts'

/** Messages that waited when the destination began to fail are not older than this. */
const LOOK_BACK_MS = 24 * 3_600_000
const PAGE = 100
const MAX_COUNTED = 1_000
const WAITING = ['pending', 'held', 'retrying', 'ambiguous', 'sending'] as const satisfies readonly State[]

/** The destinations of a `group` share a rate key, and so their health. */
export function createEvidence(store: Pick<Store, 'events' | 'event' | 'deliveries'>) {
  return { lastNotices, troubleOf, reasonsOf, reasonParked, wentOut }

  async function lastNotices(group: readonly DestinationRecord[]): Promise<Noticed> {
    const subject = placeOf(groupOf(group))
    const [failed, worked, died] = await Promise.all([
      last({ subject, type: 'destination.failing' }),
      last({ subject, type: 'destination.recovered' }),
      last({ subject, type: 'delivery.dead' }),
    ])
    const isLater = failed !== null && (worked === null || worked.eventId < failed.eventId)
    return { health: isLater ? failed : worked, dead: died }
  }

  async function last(filter: EventFilter): Promise<RecordedNotice | null> {
    const { items } = await store.events({ ...filter, source: NOTICE_SOURCE }, { limit: 1 })
    const record = items[0] === undefined ? null : await store.event(items[0].id)
    const event = record === null ? null : eventOf(record)
    return event === null ? null : recordOf(event)
  }

  async function troubleOf(group: readonly DestinationRecord[]): Promise<Trouble> {
    const trouble = { ...groupOf(group), state: group[0]?.state ?? null }
    const [waiting, parked, died] = await Promise.all([
      count(group, WAITING),
      count(group, ['parked']),
      count(group, ['dead']),
    ])
    const sum = (of: (one: DestinationRecord) => number) => group.reduce((total, one) => total + of(one), 0)
    return {
      ...trouble,
      waiting: sum((one) => one.waiting + one.sending) - waiting,
      parked: sum((one) => one.parked) - parked,
      dead: sum((one) => one.dead) - died,
    }
  }

  /** How many notices are in these states there: a notice that cannot be delivered makes none. */
  async function count(group: readonly DestinationRecord[], states: readonly State[]): Promise<number> {
    let found = 0
    for (const { destination } of group) {
      const { channel, target } = destination
      const filter = { source: NOTICE_SOURCE, channel, target, states }
      found += (await store.deliveries(filter, { limit: MAX_COUNTED })).items.length
    }
    return found
  }

  async function reasonsOf(group: readonly DestinationRecord[]): Promise<readonly Count[]> {
    const counts = new Map<string, number>()
    for (const { destination } of group) {
      const { channel, target } = destination
      const page = await store.deliveries({ states: ['dead'], channel, target }, { limit: PAGE })
      for (const { reason, source } of page.items) {
        if (source !== NOTICE_SOURCE && reason !== null) counts.set(reason, (counts.get(reason) ?? 0) + 1)
      }
    }
    const sorted = [...counts].sort(([, one], [, other]) => other - one).slice(0, 3)
    return sorted.map(([reason, count]) => ({ reason, count }))
  }

  async function reasonParked(group: readonly DestinationRecord[]): Promise<string> {
    for (const { destination } of group) {
      const { channel, target } = destination
      const page = await store.deliveries({ states: ['parked'], channel, target }, { limit: PAGE })
      const found = page.items.find(({ source, reason }) => source !== NOTICE_SOURCE && reason !== null)
      if (found?.reason != null) return found.reason
    }
    return 'see the history of the deliveries'
  }

  /** What was delivered of the messages that had to wait. */
  async function wentOut(group: readonly DestinationRecord[], since: number): Promise<string> {
    let found = 0
    for (const { destination } of group) {
      const { channel, target } = destination
      const filter = { states: ['delivered'], channel, target, since: since - LOOK_BACK_MS } as const
      const page = await store.deliveries(filter, { limit: MAX_COUNTED })
      found += page.items.filter(
        ({ source, createdAt, attempts }) => source !== NOTICE_SOURCE && (createdAt >= since || attempts > 1),
      ).length
    }
    return `${found >= MAX_COUNTED ? 'more than ' : ''}${found} ${found === 1 ? 'message' : 'messages'}`
  }
}

function groupOf(group: readonly DestinationRecord[]): Pick<Trouble, 'channel' | 'targets' | 'rateKey'> {
  const [first] = group
  return {
    channel: first?.destination.channel ?? '',
    targets: group.map(({ destination }) => destination.target),
    rateKey: first?.destination.rateKey ?? '',
  }
}

function recordOf(event: Event): RecordedNotice {
  const { data } = event.payload
  return { eventId: event.id, type: event.type, at: event.receivedAt, data: isObject(data) ? data : {} }
}
