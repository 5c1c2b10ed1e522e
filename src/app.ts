import type { Logger } from 'pino'
import { Generations } from './app/generation.ts'
import { createHeartbeat } from './app/health/heartbeat.ts'
import type { Supervisor } from './app/health/supervisor.ts'
import { metricLabelsOf } from './app/metric-labels.ts'
import { openObservability } from './app/observability.ts'
import { createPipeline } from './app/pipeline.ts'
import { createReloads, type Trigger } from './app/reload.ts'
import { openServers, type Servers } from './app/servers.ts'
import { stopService } from './app/stop.ts'
import { claimLimitMs, stall } from './app/systemd/watchdog.ts'
import { testProblems } from './app/tests.ts'
import type { CompiledConfig } from './config/compiled.ts'
import type { Env } from './config/file/interpolate.ts'
import { FileWatch } from './config/file/watch.ts'
import { reloadConfig } from './config/load.ts'
import { packageVersion } from './config/package.ts'
import type { ReloadAnswer } from './http/admin.ts'
import type { Proxies } from './network/proxies.ts'
import type { LoopActivity } from './pipeline/loop.ts'
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
  /** Why the store accepts nothing until a restart; null while it works. */
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
  const onBug = (error: unknown) => log.error({ err: error }, 'unexpected error')
  // Before any background work starts: if the store cannot be opened, there is nothing to stop.
  const store = await openStore(stored.url, 'service')
  const { now } = store
  let stopping: Promise<void> | undefined
  const isStopping = () => stopping !== undefined
  const inFlight = { count: 0 }
  const shared = { compiled, store, log, now, clock, supervisor, inFlight, isStopping, onBug }
  const observability = await openObservability(shared)
  const { facts, metrics, readiness } = observability
  const { observe } = facts
  const generations = new Generations(compiled, { proxies, print, now, beganAt: now() - clock() }, onBug)
  const settings = () => generations.current
  const server = () => settings().compiled.config.server
  const pipeline = createPipeline({ ...shared, settings, facts })
  const heartbeat = createHeartbeat({
    ...shared,
    url: () => server().heartbeat_url,
    problem: () => readiness.problems()[0] ?? stall(pipeline.loop.activity, clock(), 0),
    probe: store.probe,
    proxies,
    userAgent: `hookbridge/${packageVersion()}`,
    observe,
  })
  facts.subscribe(heartbeat.observe)
  const reloads = createReloads({
    ...shared,
    started: compiled,
    load: () => reloadConfig(compiled.file, env),
    test: (next) => testProblems(next, store),
    apply(next) {
      generations.replace(next)
      metrics.configure(metricLabelsOf(next))
      pipeline.reconfigure()
    },
    observe,
  })
  const watch = new FileWatch({ files: reloads.files, onChange: () => void reloads.request('watch') })
  const watchWhereWanted = () => (server().watch ? watch.start() : watch.stop())
  facts.subscribe((fact) => {
    if (fact.kind === 'reloaded' && fact.ok) watchWhereWanted()
  })

  const stop = (servers: Servers['servers']) =>
    stopService({
      ...shared,
      ...pipeline,
      servers,
      heartbeat,
      generations,
      observability,
      timers: [() => watch.stop(), metrics.stop, pipeline.stopPurge],
    })
  const { url, servers } = await openServers({
    ...shared,
    ...observability,
    listen,
    socket,
    settings,
    observe,
    receive: pipeline.receive,
    lastReload: reloads.last,
    adminToken: () => server().admin_token,
    failureLimit: () => server().unverified || null,
    reload: () => reloads.request('http'),
    notReady: readiness.problems,
  }).catch(async (error: unknown) => {
    await stop([])
    throw error
  })
  pipeline.start()
  heartbeat.start()
  watchWhereWanted()
  return {
    url,
    activity: () => pipeline.loop.activity,
    claimLimitMs: claimLimitMs(stored.url),
    storeLoss: store.loss,
    reload: reloads.request,
    stop: () => {
      stopping ??= stop(servers)
      return stopping
    },
  }
}
