/**
 * Looks for news, and appends notices of it. What is in the store decides whether there is one, so that none is lost if the process ends: the state of
 * destinations is compared with the last notice about them, and a notice is an event of its own, stored with its plan in one
 * transaction. docs/decisions/0027 has the reasons.
 */
import { reloadFailed } from '../../core/notice/notice.ts'
import { type Store, StoreUnavailable } from '../../store/store.ts'
import type { Fact, Observe } from '../fact.ts'
import type { Ids, ReceiveSettings } from '../receive.ts'
import { createAppendNotice } from './append-notice.ts'
import { createDestinationNews } from './destination-news.ts'
import { createInboxNews } from './inbox-news.ts'
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

export function createNotices(deps: NoticesDeps): Notices {
  const append = createAppendNotice(deps)
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
}
