import { hostname } from 'node:os'
import type { Logger } from 'pino'
import { Generations } from './app/generation.ts'
import { createHeartbeat } from './app/heartbeat.ts'
import { createIds } from './app/ids.ts'
import { metricLabelsOf } from './app/metric-labels.ts'
import { openObservability } from './app/observability.ts'
import { createReloads, type Trigger } from './app/reload.ts'
import { stopService } from './app/stop.ts'
import type { Supervisor } from './app/supervisor.ts'
import { claimLimitMs, stall } from './app/systemd/watchdog.ts'
import { testProblems } from './app/tests.ts'
import type { CompiledConfig } from './config/compiled.ts'
import type { Env } from './config/file/interpolate.ts'
import { FileWatch } from './config/file/watch.ts'
import { reloadConfig } from './config/load.ts'
import { packageVersion } from './config/package.ts'
import { accept } from './http/accept.ts'
import type { ReloadAnswer } from './http/admin.ts'
import { type AdminSocket, openAdminSocket } from './http/admin-socket.ts'
import { countConnections } from './http/limits/connections.ts'
import { createServer, type ServerDeps } from './http/server.ts'
import type { Proxies } from './network/proxies.ts'
import { createDeliver } from './pipeline/deliver.ts'
import { EnrichLoop } from './pipeline/enrichment/enrich.ts'
import { DeliveryLoop, type LoopActivity } from './pipeline/loop.ts'
import { createNotices } from './pipeline/notices/notices.ts'
import { startPurge } from './pipeline/purge.ts'
import { createReceive } from './pipeline/receive.ts'
import { takeUpQuarantined } from './pipeline/take-up.ts'
import { compileTrust, isPrivate, isPublished } from './sources/addresses.ts'
import { readSignature } from './sources/svix.ts'
import { openStore } from './store/open.ts'

export { AdminSocketRefused } from './http/admin-socket.ts'

export interface AppOptions {
  readonly compiled: CompiledConfig
  /** The variables that `${NAME}` in the configuration refers to, read again at each reload. */
  readonly env: Env
  /** For requests to other machines. */
  readonly proxies: Proxies
  readonly log: Logger
  /** Where the console channel writes. */
  readonly print: (text: string) => void
  /** The file descriptor of a socket that already listens; server.host and server.port are then not used. */
  readonly socket?: number | undefined
  readonly supervisor?: Supervisor | undefined
}

export interface App {
  /** Where the service listens. */
  readonly url: string
  /** What the delivery loop does, and since when. */
  activity(): LoopActivity
  /** How long a claim of the delivery loop may take before a restart could help. */
  readonly claimLimitMs: number
  /** Why the store takes nothing more until a restart; null while it does. */
  storeLoss(): string | null
  /** Reads the configuration again, and applies it if it is valid. Never rejects. */
  reload(trigger: Trigger): Promise<ReloadAnswer>
  /** Stops accepting, answers the requests that arrived, finishes attempts in flight. Idempotent; at most seven seconds. */
  stop(): Promise<void>
}

/** Composition root: builds each part after those that it depends on, and starts the service. */
export async function startApp(options: AppOptions): Promise<App> {
  const { compiled, env, proxies, log, print, socket, supervisor } = options
  const { server: listen, store: stored } = compiled.config
  const clock = () => performance.now()
  // Before anything that runs in the background: if it cannot be opened, there is nothing to stop.
  const store = await openStore(stored.url, 'service')
  const { now } = store
  const ids = createIds(now)
  let stopping: Promise<void> | undefined
  const isStopping = () => stopping !== undefined
  const inFlight = { count: 0 }
  const observability = await openObservability({
    compiled,
    store,
    log,
    clock,
    supervisor,
    inFlight,
    isStopping,
  })
  const { facts, metrics, readiness } = observability
  const { observe } = facts

  const onBug = (error: unknown) => log.error({ err: error }, 'unexpected error')
  const generations = new Generations(compiled, { proxies, print, now, beganAt: now() - clock() }, onBug)
  const settings = () => generations.current
  const config = () => settings().compiled.config
  const deliver = createDeliver({
    store,
    settings,
    now,
    clock,
    random: Math.random,
    newId: ids.delivery,
    observe,
    pause: (ms) => new Promise((resolve) => setTimeout(resolve, ms).unref()),
  })
  const holder = `${hostname()} ${process.pid}`
  const loop = new DeliveryLoop({
    store,
    holder,
    channels: () => settings().channels,
    deliver,
    onBug,
    now,
    clock,
    observe,
  })
  const enrichLoop = new EnrichLoop({
    store,
    holder,
    settings,
    ids,
    observe,
    onBug,
    now,
    clock,
    random: Math.random,
  })
  const receive = createReceive({ store, now, clock, ids, observe })
  const notices = createNotices({
    store,
    settings,
    takesUnrouted: () => (config().unrouted?.receivers.length ?? 0) > 0,
    file: compiled.file,
    now,
    clock,
    ids,
    observe,
    onBug,
  })
  facts.subscribe(notices.observe)
  const heartbeat = createHeartbeat({
    url: () => config().server.heartbeat_url,
    problem: () => readiness.problems()[0] ?? stall(loop.activity, clock(), 0),
    probe: store.probe,
    proxies,
    userAgent: `hookbridge/${packageVersion()}`,
    clock,
    observe,
    onBug,
  })
  facts.subscribe(heartbeat.observe)
  const takeUp = () => void takeUpQuarantined({ settings, store, now, ids, observe }).catch(onBug)
  const reloads = createReloads({
    started: compiled,
    load: () => reloadConfig(compiled.file, env),
    test: (next) => testProblems(next, store),
    apply(next) {
      generations.replace(next)
      metrics.configure(metricLabelsOf(next))
      void loop.reconfigure().catch(onBug)
      enrichLoop.reconfigure()
      takeUp()
    },
    isStopping,
    supervisor,
    now,
    observe,
    log,
  })
  const watch = new FileWatch({ files: reloads.files, onChange: () => void reloads.request('watch') })
  const watchWhereWanted = () => (config().server.watch ? watch.start() : watch.stop())
  facts.subscribe((fact) => {
    if (fact.kind === 'reloaded' && fact.ok) watchWhereWanted()
  })
  const serverDeps: ServerDeps = {
    receive,
    observe,
    settings,
    inFlight,
    metrics,
    countError: metrics.countError,
    lastReload: reloads.last,
    clock,
    adminToken: () => config().server.admin_token,
    isProxy: compileTrust(listen.trust_proxy),
    isPrivate,
    isPublished,
    readSignature: (headers) => readSignature(headers, now()),
    failureLimit: () => config().server.unverified || null,
    reload: () => reloads.request('http'),
    notReady: readiness.problems,
    // Fastify logs every address that it listens on, at the level info; `serve` logs the URL itself.
    log: log.child({}, { level: 'warn' }),
    limits: {
      bodyLimit: listen.body_limit,
      requestTimeout: listen.request_timeout,
      maxConnections: listen.max_connections,
    },
  }
  const server = createServer(serverDeps)
  metrics.measureConnections(() => countConnections(server.server))
  let adminSocket: AdminSocket | undefined
  const stopPurge = startPurge({
    store,
    retention: () => ({
      retain: config().store.retain,
      retainUnresolved: config().store.retain_unresolved,
    }),
    now,
    observe,
    onBug,
  })

  const stop = () =>
    stopService({
      servers: [
        { close: () => server.close(), closeAllConnections: () => server.server.closeAllConnections() },
        ...(adminSocket === undefined ? [] : [adminSocket]),
      ],
      timers: [() => watch.stop(), metrics.stop, stopPurge],
      ...{ loop, enrichLoop, notices, heartbeat, generations, observability, store, log, onBug },
    })

  let url: string
  try {
    if (listen.admin_socket !== undefined) {
      adminSocket = await openAdminSocket(listen.admin_socket, serverDeps)
    }
    url = await accept(
      server,
      socket === undefined ? { host: listen.host, port: listen.port } : { fd: socket },
    )
  } catch (error) {
    await stop()
    throw error
  }
  loop.start()
  enrichLoop.start()
  notices.start()
  heartbeat.start()
  takeUp()
  watchWhereWanted()
  return {
    url,
    activity: () => loop.activity,
    claimLimitMs: claimLimitMs(stored.url),
    storeLoss: store.loss,
    reload: reloads.request,
    stop: () => {
      stopping ??= stop()
      return stopping
    },
  }
}
