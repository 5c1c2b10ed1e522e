/**
 * Appends notices. What is in the store decides whether there is one, so that none is lost if the process ends: the state of
 * destinations is compared with the last notice about them, and a notice is an event of its own, stored with its plan in one
 * transaction. docs/decisions/0027 has the reasons.
 */

import type { State } from '../core/delivery/delivery.ts'
import { type Event, eventOf } from '../core/event.ts'
import { isObject } from '../core/json.ts'
import {
  beginsToFail,
  type Count,
  dead,
  enrichmentRefused,
  failing,
  isOpen,
  NOTICE_SOURCE,
  type Notice,
  type Noticed,
  newlyDead,
  placeOf,
  type RecordedNotice,
  recovered,
  reloadFailed,
  type Trouble,
  worksAgain,
} from '../core/notice/notice.ts'
import { makePlan } from '../core/plan.ts'
import type { DestinationRecord, EventFilter, Store } from '../store/store.ts'
import type { Fact, Observe } from './fact.ts'
import { createInboxNews } from './inbox-news.ts'
import type { Ids, ReceiveSettings } from './receive.ts'

export interface NoticesDeps {
  readonly store: Pick<Store, 'append' | 'destinations' | 'events' | 'event' | 'deliveries'>
  readonly settings: () => ReceiveSettings
  /** The configuration file, as it was named. */
  readonly file: string
  readonly now: () => number
  /** Milliseconds since any moment, for measuring. */
  readonly clock: () => number
  readonly ids: Ids
  readonly observe: Observe
  readonly onBug: (error: unknown) => void
}

export interface Notices {
  readonly observe: Observe
  readonly start: () => void
  /** Waits for a pass that is under way. */
  readonly stop: () => Promise<void>
}

const EVERY_MS = 10_000
/** What follows a fact is looked at this much later, with what else happens until then. */
const AFTER_FACT_MS = 200
// A pass counts what waits: it may take this part of the time at most.
const REST_PER_PASS = 20
/** Once a destination works, its notice waits this long for the rest of its messages to go out. */
const CATCH_UP_MS = 60_000
/** Messages that waited when the destination began to fail are not older than this. */
const LOOK_BACK_MS = 24 * 3_600_000
const PAGE = 100
const MAX_COUNTED = 1_000
// Longer than any retention: the same news is stored once.
const FOREVER_MS = 100 * 365 * 24 * 3_600_000
const WAITING = ['pending', 'held', 'retrying', 'ambiguous', 'sending'] as const satisfies readonly State[]

export function createNotices(deps: NoticesDeps): Notices {
  const noticed = new Map<string, Noticed>()
  const workingSince = new Map<string, number>()
  const inbox = createInboxNews(deps, append)
  const refused = new Map<string, { host: string; reason: string }>()
  let failedReload: string | null = null
  let reloadNotice: string | null = null
  let timer: NodeJS.Timeout | undefined
  let dueAt = Number.POSITIVE_INFINITY
  let passing: Promise<void> | null = null
  let restUntil = 0
  let isAgain = false
  let stopped = true

  return {
    observe(fact) {
      inbox.observe(fact)
      if (fact.kind === 'enrichment_refused') refused.set(fact.step, { host: fact.host, reason: fact.reason })
      if (fact.kind === 'reloaded') {
        failedReload = fact.ok ? null : fact.reason
        if (fact.ok) reloadNotice = null
      }
      if (isNews(fact)) wake(AFTER_FACT_MS)
    },
    start() {
      stopped = false
      wake(0)
    },
    async stop() {
      stopped = true
      clearTimeout(timer)
      await passing
    },
  }

  function isNews(fact: Fact): boolean {
    if (fact.kind === 'attempted') {
      return fact.next.state !== 'delivered' || [...noticed.values()].some(({ health }) => isOpen(health))
    }
    return (
      fact.kind === 'reloaded' ||
      fact.kind === 'enrichment_refused' ||
      (fact.kind === 'received' && (fact.unrouted || fact.result === 'quarantined'))
    )
  }

  /** Looks after so many milliseconds, or earlier where that is planned already. */
  function wake(ms: number): void {
    if (stopped) return
    if (passing !== null) {
      isAgain = true
      return
    }
    const at = Math.max(deps.clock() + ms, restUntil)
    if (at >= dueAt) return
    clearTimeout(timer)
    dueAt = at
    timer = setTimeout(run, Math.max(0, at - deps.clock()))
    timer.unref()
  }

  function run(): void {
    const began = deps.clock()
    passing = pass()
      .catch((error: unknown) => {
        // The next pass finds what this one could not store.
        if (!(error instanceof Error && error.name === 'StoreUnavailable')) deps.onBug(error)
      })
      .finally(() => {
        passing = null
        restUntil = deps.clock() + (deps.clock() - began) * REST_PER_PASS
        dueAt = Number.POSITIVE_INFINITY
        wake(isAgain ? AFTER_FACT_MS : EVERY_MS)
        isAgain = false
      })
  }

  async function pass(): Promise<void> {
    if (deps.settings().notices === null) return
    for (const group of Map.groupBy(await deps.store.destinations(), keyOf).values()) {
      if (!stopped) await look(group)
    }
    await inbox.pass()
    for (const [step, { host, reason }] of refused) {
      await append(enrichmentRefused(step, host, reason, deps.now()))
      refused.delete(step)
    }
    if (failedReload !== null && failedReload !== reloadNotice) {
      const reason = failedReload
      await append(reloadFailed(deps.file, reason, deps.now()))
      reloadNotice = reason
    }
  }

  async function look(group: readonly DestinationRecord[]): Promise<void> {
    const [first] = group
    if (first === undefined) return
    const key = keyOf(first)
    const before = noticed.get(key) ?? (await lastNotices(group))
    noticed.set(key, before)
    const parked = group.reduce((sum, one) => sum + one.parked, 0)
    const died = group.reduce((sum, one) => sum + one.dead, 0)
    if ((first.state?.failures ?? 0) + parked + died === 0 && !isOpen(before.health)) {
      noticed.set(key, { ...before, dead: lowered(before.dead, 0) })
      return
    }
    const trouble = await withoutNotices(group)
    const now = deps.now()
    const state = { ...before, dead: lowered(before.dead, trouble.dead) }
    noticed.set(key, state)
    const more = newlyDead(trouble, state, now)
    if (more > 0) {
      const stored = await append(dead(trouble, more, await reasonsOf(group), now))
      noticed.set(key, { ...state, dead: stored })
    }
    await lookAtHealth(key, group, trouble)
  }

  async function lookAtHealth(
    key: string,
    group: readonly DestinationRecord[],
    trouble: Trouble,
  ): Promise<void> {
    const state = noticed.get(key)
    if (state === undefined) return
    const now = deps.now()
    if (beginsToFail(trouble, state, now)) {
      const reason = trouble.state?.reason ?? (await reasonParked(group))
      const health = await append(failing(trouble, reason, now))
      noticed.set(key, { ...state, health })
    } else if (worksAgain(trouble, state) && state.health !== null) {
      const since = workingSince.get(key) ?? deps.clock()
      workingSince.set(key, since)
      if (trouble.waiting > 0 && deps.clock() - since < CATCH_UP_MS) return
      const went = await wentOut(group, Date.parse(String(state.health.data.since)))
      const health = await append(recovered(trouble, state.health, went, now))
      noticed.set(key, { ...state, health })
    }
    workingSince.delete(key)
  }

  /** What was resent or dismissed since does not hide that as many are dead again. */
  function lowered(notice: RecordedNotice | null, total: number): RecordedNotice | null {
    if (notice === null || Number(notice.data.total) <= total) return notice
    return { ...notice, data: { ...notice.data, total } }
  }

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
    const { items } = await deps.store.events({ ...filter, source: NOTICE_SOURCE }, { limit: 1 })
    const record = items[0] === undefined ? null : await deps.store.event(items[0].id)
    const event = record === null ? null : eventOf(record)
    return event === null ? null : recordOf(event)
  }

  async function withoutNotices(group: readonly DestinationRecord[]): Promise<Trouble> {
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
      found += (await deps.store.deliveries(filter, { limit: MAX_COUNTED })).items.length
    }
    return found
  }

  async function reasonsOf(group: readonly DestinationRecord[]): Promise<readonly Count[]> {
    const counts = new Map<string, number>()
    for (const { destination } of group) {
      const { channel, target } = destination
      const page = await deps.store.deliveries({ states: ['dead'], channel, target }, { limit: PAGE })
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
      const page = await deps.store.deliveries({ states: ['parked'], channel, target }, { limit: PAGE })
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
      const page = await deps.store.deliveries(filter, { limit: MAX_COUNTED })
      found += page.items.filter(
        ({ source, createdAt, attempts }) => source !== NOTICE_SOURCE && (createdAt >= since || attempts > 1),
      ).length
    }
    return `${found >= MAX_COUNTED ? 'more than ' : ''}${found} ${found === 1 ? 'message' : 'messages'}`
  }

  async function append(notice: Notice): Promise<RecordedNotice | null> {
    const { type, key, data } = notice
    const settings = deps.settings()
    const at = deps.now()
    const event: Event = {
      id: deps.ids.event(),
      messageId: `${type} ${key}`,
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
      })
    }
    return { eventId: appended.id, type, at, data }
  }
}

function keyOf({ destination }: DestinationRecord): string {
  return JSON.stringify([destination.channel, destination.rateKey])
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
