import { randomFillSync } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import { type Logger, pino } from 'pino'
import { monotonicFactory } from 'ulid'
import type { OpenChannel } from './channels/channel.ts'
import { channels as channelList } from './channels/channels.ts'
import { receiversOf, type Setup } from './config/load.ts'
import { createMetrics } from './http/metrics.ts'
import { createServer } from './http/server.ts'
import { createDeliver } from './pipeline/deliver.ts'
import { type Fact, logEntry } from './pipeline/fact.ts'
import { DeliveryLoop } from './pipeline/loop.ts'
import { startPurge } from './pipeline/purge.ts'
import { createReceive, type SourceParts } from './pipeline/receive.ts'
import { compileAllowList } from './sources/addresses.ts'
import { createVerifier } from './sources/svix.ts'
import { openStore } from './store/open.ts'

export interface AppOptions {
  readonly setup: Setup
  readonly log: Logger
  /** Where the console channel writes. */
  readonly print: (text: string) => void
}

export interface App {
  /** Where the service listens. */
  readonly url: string
  /** Stops accepting, answers what came, finishes what is in flight. Idempotent; well under ten seconds. */
  stop(): Promise<void>
}

// Together these stay well below the ten seconds in which a stop must be over.
const REQUESTS_GRACE = 2_000
const ATTEMPTS_GRACE = 4_000
const CLOSING_GRACE = 1_000
// After a failure of the store, for this long we ask load balancers to look elsewhere.
const NOT_READY_FOR = 10_000

/** Composition root: builds everything in the order in which it depends on each other, and starts it. */
export async function startApp({ setup, log, print }: AppOptions): Promise<App> {
  const { config } = setup
  const now = Date.now
  const ulid = monotonicFactory(pooledRandom())
  const metrics = createMetrics()
  let storeFailedAt = -Infinity
  let stopping: Promise<void> | undefined

  const observe = (fact: Fact) => {
    metrics.count(fact)
    if (fact.kind === 'store_failed') storeFailedAt = now()
    const { level, message, fields } = logEntry(fact)
    log[level](fields, message)
  }

  const store = await openStore(config.store.url, 'service')
  const channels = openChannels(setup, print)
  const deliver = createDeliver({
    store,
    channels,
    renderers: setup.templates.renderers,
    links: setup.links,
    policy: { retryFor: config.delivery.retry_for, onAmbiguous: config.delivery.on_ambiguous },
    now,
    random: Math.random,
    observe,
    pause: (ms) => new Promise((resolve) => setTimeout(resolve, ms).unref()),
  })
  const onBug = (error: unknown) => log.error({ err: error }, 'unexpected error in a delivery')
  const loop = new DeliveryLoop({ store, channels, deliver, onBug, now, observe })
  const receive = createReceive({
    sources: sourcesOf(setup),
    router: setup.router,
    targets: setup.targets,
    store,
    dedupeFor: config.store.dedupe,
    now,
    newId: () => `evt_${ulid()}`,
    observe: (fact) => {
      observe(fact)
      if (fact.kind === 'received' && fact.deliveries > 0) loop.wake()
    },
  })
  const server = createServer({
    receive,
    observe,
    allowLists: allowListsOf(setup),
    metrics,
    notReady: () => [
      ...(now() - storeFailedAt < NOT_READY_FOR
        ? ['the store could not take a change in the last seconds; see the log']
        : []),
      ...(stopping === undefined ? [] : ['the service is stopping']),
    ],
    // Fastify tells of every address it listens on; that is told once, by whoever started the service.
    log: log.child({}, { level: 'warn' }),
    limits: {
      bodyLimit: config.server.body_limit,
      requestTimeout: config.server.request_timeout,
      maxPending: config.server.max_pending,
      trustProxy: config.server.trust_proxy,
    },
  })
  const stopPurge = startPurge({ store, retain: config.store.retain, now, observe })

  const stop = async () => {
    await Promise.race([server.close(), after(REQUESTS_GRACE)])
    server.server.closeAllConnections()
    stopPurge()
    await loop.stop(ATTEMPTS_GRACE)
    await Promise.race([
      Promise.all([...channels.values()].map((channel) => channel.close())),
      after(CLOSING_GRACE),
    ])
    await store.close()
  }

  try {
    await server.listen({ host: config.server.host, port: config.server.port })
  } catch (error) {
    await store.close()
    throw error
  }
  loop.start()
  const address = server.server.address()
  return {
    url: typeof address === 'object' && address !== null ? urlOf(address) : config.server.host,
    stop: () => {
      stopping ??= stop()
      return stopping
    },
  }
}

/** The log: JSON lines, or a readable form where a person watches. */
export async function createLog(terminal: boolean, level = 'info'): Promise<Logger> {
  const options = { level, base: null, timestamp: pino.stdTimeFunctions.isoTime }
  // Lines are written together, for a system call each is dear under load. What kill -9 takes with it, the store still tells.
  return terminal
    ? pino(options, (await import('pino-pretty')).default({ sync: true }))
    : pino(
        options,
        pino.destination({ sync: false, minLength: 32_768, maxWrite: 65_536, periodicFlush: 100 }),
      )
}

/** Resolves when everything logged is written. */
export function flushLog(log: Logger): Promise<void> {
  return new Promise((resolve) => log.flush(() => resolve()))
}

/** Random numbers in [0, 1) with eight bits each, as ulid wants one for each of its characters, from few system calls. */
function pooledRandom(): () => number {
  const pool = new Uint8Array(1024)
  let used = pool.length
  return () => {
    if (used === pool.length) {
      randomFillSync(pool)
      used = 0
    }
    return (pool[used++] ?? 0) / 256
  }
}

function openChannels(setup: Setup, print: (text: string) => void): Map<string, OpenChannel<unknown>> {
  const environment = { timeout: setup.config.delivery.timeout, print }
  const open = new Map<string, OpenChannel<unknown>>()
  for (const channel of channelList) {
    const receivers = receiversOf(setup.config, channel.name)
    const settings = setup.config.channels[channel.name]
    if (settings === undefined && receivers.size === 0) continue
    open.set(channel.name, channel.open(settings, receivers, environment))
  }
  return open
}

function sourcesOf({ config }: Setup): Map<string, SourceParts> {
  return new Map(
    Object.entries(config.sources).map(([name, source]) => [
      name,
      { verifier: createVerifier(source.svix.secrets), eventType: source.event_type },
    ]),
  )
}

function allowListsOf({ config }: Setup): Map<string, ((address: string) => boolean) | null> {
  const lists = new Map<string, ((address: string) => boolean) | null>()
  for (const [name, { allow_ips }] of Object.entries(config.sources)) {
    const list = allow_ips === undefined ? null : compileAllowList(allow_ips)
    if (list !== null && !list.ok) throw new Error(`sources.${name}.allow_ips: ${list.problems[0]?.message}`)
    lists.set(name, list === null ? null : list.allows)
  }
  return lists
}

function urlOf({ address, family, port }: AddressInfo): string {
  return `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`
}

function after(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref())
}
