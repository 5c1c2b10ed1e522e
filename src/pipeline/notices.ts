/**
 * Appends notices. What is in the store decides whether there is one, so that none is lost if the process ends: the state of
 * destinations is compared with the last notice about them, and a notice is an event of its own, stored with its plan in one
 * transaction. docs/decisions/0027 has the reasons.
 */
import type { Event } from '../core/event.ts'
import {
  dead,
  enrichmentRefused,
  failing,
  NOTICE_SOURCE,
  type Notice,
  recovered,
  reloadFailed,
} from '../core/notice/notice.ts'
import {
  beginsToFail,
  isOpen,
  type Noticed,
  newlyDead,
  type RecordedNotice,
  type Trouble,
  worksAgain,
} from '../core/notice/noticed.ts'
import { makePlan } from '../core/plan.ts'
import type { DestinationRecord, Store } from '../store/store.ts'
import type { Fact, Observe } from './fact.ts'
import { createInboxNews } from './inbox-news.ts'
import { createEvidence } from './notice-evidence.ts'
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
// Longer than any retention: the same news is stored once.
const FOREVER_MS = 100 * 365 * 24 * 3_600_000

export function createNotices(deps: NoticesDeps): Notices {
  const noticed = new Map<string, Noticed>()
  const workingSince = new Map<string, number>()
  const inbox = createInboxNews(deps, append)
  const evidence = createEvidence(deps.store)
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
    const before = noticed.get(key) ?? (await evidence.lastNotices(group))
    noticed.set(key, before)
    const parked = group.reduce((sum, one) => sum + one.parked, 0)
    const died = group.reduce((sum, one) => sum + one.dead, 0)
    if ((first.state?.failures ?? 0) + parked + died === 0 && !isOpen(before.health)) {
      noticed.set(key, { ...before, dead: lowered(before.dead, 0) })
      return
    }
    const trouble = await evidence.troubleOf(group)
    const now = deps.now()
    const state = { ...before, dead: lowered(before.dead, trouble.dead) }
    noticed.set(key, state)
    const more = newlyDead(trouble, state, now)
    if (more > 0) {
      const stored = await append(dead(trouble, more, await evidence.reasonsOf(group), now))
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
      const reason = trouble.state?.reason ?? (await evidence.reasonParked(group))
      const health = await append(failing(trouble, reason, now))
      noticed.set(key, { ...state, health })
    } else if (worksAgain(trouble, state) && state.health !== null) {
      const since = workingSince.get(key) ?? deps.clock()
      workingSince.set(key, since)
      if (trouble.waiting > 0 && deps.clock() - since < CATCH_UP_MS) return
      const went = await evidence.wentOut(group, Date.parse(String(state.health.data.since)))
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
