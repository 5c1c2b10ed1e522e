/** The API of the package: runs the service within a program, and checks configurations. Everything else is in the commands. */
import { resolve } from 'node:path'
import { checkConfig as check } from './app/check.ts'
import { createLog, flushLog } from './app/log/log.ts'
import { proxyProblems } from './app/proxy-problems.ts'
import { startApp } from './app.ts'
import { loadConfig } from './config/load.ts'
import { formatProblem, type Problem } from './config/problem.ts'
import { readProxies } from './network/proxies.ts'

export { formatProblem, type Problem, type ProblemCode } from './config/problem.ts'

/** The variables that the configuration names as `${NAME}`. */
export type Variables = Readonly<Record<string, string | undefined>>

export interface ServiceOptions {
  /** Path of the configuration file, relative to the working directory. Paths in the file are relative to the file. */
  readonly config: string
  /** By default the environment of the process. They are read again at each reload. */
  readonly env?: Variables
  /** Receives the log: one call for each line, JSON with a newline at its end, such as `process.stdout`. Must not throw. */
  readonly log: { write(line: string): unknown }
  /** The least important entries that are logged; `info` by default. */
  readonly logLevel?: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'silent'
  /** Receives the messages of the channel `console`, without a newline at the end. Default: standard output. */
  readonly print?: (text: string) => void
}

export interface Service {
  /**
   * Where it listens, such as `http://127.0.0.1:8080`; for port 0, with the port that was chosen. Senders post to
   * `/webhooks/SOURCE`.
   */
  readonly url: string
  /** Reads the configuration again, and applies it if it is valid; otherwise nothing changes. Never rejects. */
  reload(): Promise<Reloaded>
  /**
   * Stops accepting requests, answers those that arrived, finishes the attempts in flight and closes the store, within ten
   * seconds. Deliveries that are not finished stay stored, and continue after the next start. Every call waits for the same stop.
   */
  stop(): Promise<void>
}

/** How a reload ended. */
export type Reloaded =
  | {
      readonly ok: true
      /** The keys of the configuration that are different and take effect. */
      readonly changed: readonly string[]
      /** The keys that take effect only at the next start. */
      readonly pending: readonly string[]
      /** Sentences about each of `pending`, and about what needs attention. */
      readonly warnings: readonly string[]
    }
  | {
      readonly ok: false
      /** `reload_failed`: the configuration has mistakes. `stopping`: the service ends. `internal`: a bug, which is logged. */
      readonly code: 'reload_failed' | 'stopping' | 'internal'
      /** One line for each mistake. */
      readonly problems: readonly string[]
    }

/** The configuration cannot run. The message has each mistake on a line, as `FILE:LINE:COLUMN: what (how to fix it)`. */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError'
  /** Errors and warnings, in the order of the file. */
  readonly problems: readonly Problem[]

  constructor(problems: readonly Problem[]) {
    super(problems.map(formatProblem).join('\n'))
    this.problems = problems
  }
}

/**
 * Starts the service, as `hookbridge serve` does; resolves when it accepts events. It leaves the signals of the process
 * alone: call `stop` before the process ends.
 *
 * Rejects with a ConfigurationError; with an Error of name `StoreRefused` if another service uses the store, or
 * `StoreUnavailable` if it cannot be opened; and with Node's own error if it cannot listen (`code` is `EADDRINUSE`
 * and others). Then nothing is left running.
 */
export async function startService(options: ServiceOptions): Promise<Service> {
  const { config, env = process.env, print = printed } = options
  const loaded = loadConfig(resolve(config), env)
  if (!loaded.ok) throw new ConfigurationError(loaded.problems)
  // Those of the process, because `env` may contain only the variables of the configuration.
  const wrong = proxyProblems(options.config, process.env).filter(({ severity }) => severity === 'error')
  if (wrong.length > 0) throw new ConfigurationError(wrong)
  const { proxies } = readProxies(process.env)
  const to = { write: (line: string) => void options.log.write(line) }
  const log = await createLog({ level: options.logLevel, to })
  const app = await startApp({ compiled: loaded.compiled, env, proxies, log, print })
  return {
    url: app.url,
    reload: () => app.reload('program'),
    async stop() {
      await app.stop()
      await flushLog(log)
    },
  }
}

/**
 * Everything that `hookbridge check` reports about a configuration, its templates and its `tests`; empty if all is well. With
 * a problem of severity `error` it cannot run, with warnings it can. A file that cannot be read is also a problem.
 */
export async function checkConfig(file: string, env: Variables = process.env): Promise<readonly Problem[]> {
  return (await check(resolve(file), env)).problems
}

function printed(text: string): void {
  process.stdout.write(`${text}\n`)
}
