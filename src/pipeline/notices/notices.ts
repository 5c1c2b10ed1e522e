/**
 * Appends notices. What is in the store decides whether there is one, so that none is lost if the process ends: the state of
 * destinations is compared with the last notice about them, and a notice is an event of its own, stored with its plan in one
 * transaction. docs/decisions/0027 has the reasons.
 */
import type { Event } from '../../core/event.ts'
import { NOTICE_SOURCE, type Notice, type NoticeType, reloadFailed } from '../../core/notice/notice.ts'
import type { RecordedNotice } from '../../core/notice/noticed.ts'
import { makePlan } from '../../core/plan.ts'
import { type Store, StoreUnavailable } from '../../store/store.ts'
import type { Fact, Observe } from '../fact.ts'
import type { Ids, ReceiveSettings } from '../receive.ts'
import { createDestinationNews } from './destination-news.ts'
import { createInboxNews } from './inbox-news.ts'
import { lastNotice } from './last-notice.ts'
import { createRefusalNews } from './refusal-news.ts'

export interface NoticesDeps {
  readonly store: Pick<Store, 'append' | 'destinations' | 'events' | 'event' | 'deliveries' | 'types'>
  readonly settings: () => ReceiveSettings
  /** Whether `unrouted` has receivers. */
  readonly takesUnrouted: () => boolean
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
/** While a file is being edited, each version may have another mistake. */
const BETWEEN_RELOADS_MS = 10 * 60_000
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

export function createNotices(deps: NoticesDeps): Notices {
  const destinations = createDestinationNews(deps, append)
  const inbox = createInboxNews(deps, append)
  const fingerprint = () => deps.settings().fingerprint
  const refusals = createRefusalNews({ ...deps, fingerprint }, append)
  let failedReload: string | null = null
  let reloadNotice: string | null = null
  let reloadNoticedAt = Number.NEGATIVE_INFINITY
  let timer: NodeJS.Timeout | undefined
  let dueAt = Number.POSITIVE_INFINITY
  let passing: Promise<void> | null = null
  let restUntil = 0
  let isAgain = false
  let stopped = true

  return {
    observe(fact) {
      destinations.observe(fact)
      inbox.observe(fact)
      refusals.observe(fact)
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
      return fact.next.state !== 'delivered' || destinations.hasOpen()
    }
    return (
      fact.kind === 'reloaded' ||
      fact.kind === 'enrichment_refused' ||
      ((fact.kind === 'enriched' || fact.kind === 'released') && fact.unrouted) ||
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
        if (!(error instanceof StoreUnavailable)) deps.onBug(error)
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
    await destinations.pass(() => stopped)
    await inbox.pass()
    await refusals.pass()
    const isTime = deps.clock() - reloadNoticedAt >= BETWEEN_RELOADS_MS
    if (failedReload !== null && failedReload !== reloadNotice && isTime) {
      const reason = failedReload
      await append(reloadFailed(deps.file, reason, deps.now()))
      // A reload may have succeeded meanwhile: the same mistake would be news then.
      if (failedReload !== null) reloadNotice = reason
      reloadNoticedAt = deps.clock()
    }
  }

  /** The stored notice; an earlier one where it says the same. Null where another instance was first, with news of its own. */
  async function append(notice: Notice): Promise<RecordedNotice | null> {
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
      })
    }
    if (appended.kind !== 'stored' && !seenByAll.has(type)) return null
    return { eventId: appended.id, type, at, data }
  }
}
