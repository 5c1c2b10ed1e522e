import type { Logger } from 'pino'
import type { AdminSocket } from '../http/admin-socket.ts'
import type { EnrichLoop } from '../pipeline/enrichment/enrich.ts'
import type { DeliveryLoop } from '../pipeline/loop.ts'
import type { Notices } from '../pipeline/notices/notices.ts'
import type { Store } from '../store/store.ts'
import type { Generations } from './generation.ts'
import type { HeartbeatSender } from './health/heartbeat.ts'
import type { Observability } from './observability.ts'

/** The parts of a service that have to be stopped. */
export interface Running {
  readonly servers: readonly AdminSocket[]
  readonly loop: Pick<DeliveryLoop, 'stop'>
  readonly enrichLoop: Pick<EnrichLoop, 'stop'>
  readonly notices: Pick<Notices, 'stop'>
  readonly heartbeat: Pick<HeartbeatSender, 'stop'>
  /** Stop functions of parts that have nothing to finish. */
  readonly timers: readonly (() => void)[]
  readonly generations: Pick<Generations, 'close'>
  readonly observability: Pick<Observability, 'stopLogs' | 'stopTraces'>
  readonly store: Pick<Store, 'close'>
  readonly log: Pick<Logger, 'warn'>
  readonly onBug: (error: unknown) => void
}

/** How long each part of a stop may take. Requests are answered while attempts are finished; the others add up to seven seconds. */
export const stopLimitsMs = {
  requests: 2_000,
  attempts: 4_000,
  /** For recording attempts that were given up, and for a claim that is in progress. */
  records: 1_000,
  connections: 1_000,
  store: 1_000,
} as const
type StopLimits = { readonly [Part in keyof typeof stopLimitsMs]: number }

/**
 * Answers the requests that arrived and finishes attempts in flight. Nothing else begins from the start of this call, and no part
 * waits for longer than its share, whatever the store does.
 */
export async function stopService(running: Running, limits: StopLimits = stopLimitsMs): Promise<void> {
  const { servers, loop, enrichLoop, notices, heartbeat, timers, observability, store, log, onBug } = running
  for (const stop of timers) stop()
  const heartbeatEnded = heartbeat.stop()
  const workEnded = within(
    limits.attempts + limits.records,
    [loop.stop(limits.attempts), enrichLoop.stop(), notices.stop()].map((ended) => ended.catch(onBug)),
  )
  await within(
    limits.requests,
    servers.map((server) => server.close()),
  )
  for (const server of servers) server.closeAllConnections()
  observability.stopLogs()
  if (!(await workEnded))
    log.warn('the store did not answer in time; attempts under way may be recorded as ambiguous')
  await within(limits.connections, [heartbeatEnded, running.generations.close(), observability.stopTraces()])
  if (!(await within(limits.store, [store.close()]))) log.warn('the store could not be closed in time')
}

/** Whether all ended within this time; those that did not are left behind. */
async function within(ms: number, endings: readonly (Promise<unknown> | undefined)[]): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const timer = setTimeout(() => resolve(false), ms)
  try {
    return await Promise.race([Promise.all(endings).then(() => true), promise])
  } finally {
    clearTimeout(timer)
  }
}
