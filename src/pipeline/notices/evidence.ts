/** What the history says of a destination, for the notices about it. Notices themselves do not count. */
import type { State } from '../../core/delivery/delivery.ts'
import { type Count, NOTICE_SOURCE, type NoticeType } from '../../core/notice/notice.ts'
import { type Noticed, placeOf, type RecordedNotice, type Trouble } from '../../core/notice/noticed.ts'
import { countsOf, partOf } from '../../core/notice/together.ts'
import type { DestinationRecord, EventFilter, Store } from '../../store/store.ts'
import { lastNotice, noticeOf } from './last-notice.ts'

/** Messages that waited when the destination began to fail are not older than this. */
const LOOK_BACK_MS = 24 * 3_600_000
const PAGE = 100
const MAX_COUNTED = 1_000
const WAITING = ['pending', 'held', 'retrying', 'ambiguous', 'sending'] as const satisfies readonly State[]

/** The destinations of a `group` share a rate key, and so their health. */
export function createEvidence(store: Pick<Store, 'events' | 'event' | 'deliveries'>) {
  const together = new Map<string, Promise<readonly RecordedNotice[]>>()
  return { lastNotices, forget, troubleOf, reasonsOf, reasonParked, wentOut }

  async function lastNotices(group: readonly DestinationRecord[]): Promise<Noticed> {
    const { channel, rateKey } = groupOf(group)
    const subject = placeOf(groupOf(group))
    const of = async (type: NoticeType) =>
      newest([await lastNotice(store, type, subject), await lastTogether(channel, type, rateKey)])
    const [failed, worked, died] = await Promise.all([
      of('destination.failing'),
      of('destination.recovered'),
      of('delivery.dead'),
    ])
    return { health: newest([failed, worked]), dead: died }
  }

  async function lastTogether(
    channel: string,
    type: NoticeType,
    rateKey: string,
  ): Promise<RecordedNotice | null> {
    const key = `${type} ${channel}`
    const reading = together.get(key) ?? readTogether({ subject: channel, type })
    together.set(key, reading)
    for (const notice of await reading) {
      const part = partOf(notice, rateKey)
      if (part !== null) return part
    }
    return null
  }

  /** Those about several destinations, newest first. */
  async function readTogether(filter: EventFilter): Promise<readonly RecordedNotice[]> {
    const { items } = await store.events({ ...filter, source: NOTICE_SOURCE }, { limit: PAGE })
    const found = await Promise.all(items.map(({ id }) => noticeOf(store, id)))
    return found.filter((notice) => notice !== null)
  }

  /** What is recorded from now on, the caller remembers. */
  function forget(): void {
    together.clear()
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
    const reasons: string[] = []
    for (const { destination } of group) {
      const { channel, target } = destination
      const page = await store.deliveries({ states: ['dead'], channel, target }, { limit: PAGE })
      for (const { reason, source } of page.items)
        if (source !== NOTICE_SOURCE && reason !== null) reasons.push(reason)
    }
    return countsOf(reasons)
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

  /** About how many were delivered since: the history has no order of deliveries by the time at which they ended. */
  async function wentOut(group: readonly DestinationRecord[], since: number): Promise<number> {
    let found = 0
    for (const { destination } of group) {
      const { channel, target } = destination
      const filter = { states: ['delivered'], channel, target, since: since - LOOK_BACK_MS } as const
      const page = await store.deliveries(filter, { limit: MAX_COUNTED })
      found += page.items.filter(
        ({ source, createdAt, attempts }) => source !== NOTICE_SOURCE && (createdAt >= since || attempts > 1),
      ).length
    }
    return found
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

function newest(notices: readonly (RecordedNotice | null)[]): RecordedNotice | null {
  return notices.reduce(
    (best, one) => (best === null || (one !== null && one.at > best.at) ? one : best),
    null,
  )
}
