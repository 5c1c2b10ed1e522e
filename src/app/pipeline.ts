import { hostname } from 'node:os'
import { createDeliver } from '../pipeline/deliver.ts'
import { EnrichLoop } from '../pipeline/enrichment/enrich.ts'
import { DeliveryLoop } from '../pipeline/loop.ts'
import { createNotices, type Notices } from '../pipeline/notices/notices.ts'
import { startPurge } from '../pipeline/purge.ts'
import { createReceive, type Receive } from '../pipeline/receive.ts'
import { releaseQuarantined } from '../pipeline/release.ts'
import type { Store } from '../store/store.ts'
import type { Generation } from './generation.ts'
import { createIds } from './ids.ts'
import type { Facts } from './log/facts.ts'

export interface PipelineOptions {
  readonly store: Store
  /** Those of the current configuration. */
  readonly settings: () => Generation
  readonly facts: Facts
  /** A monotonic clock: milliseconds with fractions, for measuring. */
  readonly clock: () => number
  readonly onBug: (error: unknown) => void
}

/** The parts that receive, enrich, deliver, report and remove, with one store. */
export interface Pipeline {
  readonly receive: Receive
  readonly loop: DeliveryLoop
  readonly enrichLoop: EnrichLoop
  readonly notices: Notices
  /** Starts all background work. */
  start(): void
  /** Called after the settings have changed. */
  reconfigure(): void
  stopPurge(): void
}

export function createPipeline({ store, settings, facts, clock, onBug }: PipelineOptions): Pipeline {
  const { now } = store
  const { observe } = facts
  const config = () => settings().compiled.config
  const ids = createIds(now)
  const holder = `${hostname()} ${process.pid}`
  const shared = { store, settings, ids, now, clock, observe, onBug }
  const deliver = createDeliver({
    ...shared,
    random: Math.random,
    newId: ids.delivery,
    pause: (ms) => new Promise((resolve) => setTimeout(resolve, ms).unref()),
  })
  const loop = new DeliveryLoop({ ...shared, holder, deliver })
  const enrichLoop = new EnrichLoop({ ...shared, holder, random: Math.random })
  const notices = createNotices({
    ...shared,
    takesUnrouted: () => (config().unrouted?.receivers.length ?? 0) > 0,
    file: settings().compiled.file,
  })
  facts.subscribe(notices.observe)
  const release = () => void releaseQuarantined(shared).catch(onBug)
  let stopPurge = () => {}

  return {
    receive: createReceive(shared),
    loop,
    enrichLoop,
    notices,
    start() {
      loop.start()
      enrichLoop.start()
      notices.start()
      stopPurge = startPurge({
        ...shared,
        retention: () => ({
          retain: config().store.retain,
          retainUnresolved: config().store.retain_unresolved,
        }),
      })
      release()
    },
    reconfigure() {
      void loop.reconfigure().catch(onBug)
      void enrichLoop.reconfigure().catch(onBug)
      release()
    },
    stopPurge: () => stopPurge(),
  }
}
