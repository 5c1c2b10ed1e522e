import closeWithGrace from 'close-with-grace'
import { createLog, flushLog, type LogFormat, logFormats } from '../../app/log/log.ts'
import type { Supervision } from '../../app/systemd/supervision.ts'
import { AdminSocketRefused, type App, type AppOptions, startApp } from '../../app.ts'
import type { CompiledConfig } from '../../config/compiled.ts'
import type { Loaded } from '../../config/load.ts'
import { formatProblem } from '../../config/problem.ts'
import { StoreRefused } from '../../store/store.ts'
import { asRun } from '../command-name.ts'
import { loadWithWarnings } from '../config/load.ts'
import { type Define, proxiesOf } from '../context.ts'
import { cheapChecks, runCheck } from '../doctor/cheap-checks.ts'
import { CommandError, type ExitCode, type Terminal } from '../terminal/terminal.ts'

// A stop takes at most seven seconds; this is for one that hangs.
const STOP_DEADLINE = 9_000
const CHECK_LIMIT_MS = 2_000

export const defineServe: Define = (command, context) => {
  command
    .option('--log-format <format>', 'text or json (default: text on a terminal, else json; or LOG_FORMAT)')
    .action(async ({ logFormat }: { logFormat?: string }) => {
      const { terminal } = context
      await serve(terminal, loadWithWarnings(context, hopeless(terminal)), logFormat)
    })
}

/**
 * The exit code if the next start would end in the same way: a special one under systemd, whose unit then does not
 * restart the service, as it does after all others.
 */
function hopeless({ env }: Terminal): ExitCode {
  return env.NOTIFY_SOCKET ? 78 : 1
}

/** Runs until SIGTERM or SIGINT, then stops in order and exits 0. */
async function serve(
  terminal: Terminal,
  { compiled, warnings }: Extract<Loaded, { ok: true }>,
  named: string | undefined,
): Promise<void> {
  const { env } = terminal
  const proxies = proxiesOf(terminal, hopeless(terminal))
  const log = await createLog({ format: formatOf(terminal, named), level: env.LOG_LEVEL || 'info', env })
  const print = (text: string) => {
    terminal.out.write(`${text}\n`)
  }
  const reload = onHangUp()
  const { socket, supervision } = await systemd(log, terminal)
  const supervised = { socket, supervisor: supervision }
  const app = await startApp({ compiled, env, proxies, log, print, ...supervised }).catch(
    (error: unknown) => {
      throw startFailure(error, compiled, hopeless(terminal))
    },
  )
  reload.with(app)
  closeWithGrace({ delay: STOP_DEADLINE, logger: false, skip: ['SIGHUP'] }, async ({ err, signal }) => {
    if (err) log.fatal({ err }, 'unexpected error; stopping')
    else log.info({ signal }, 'stopping')
    supervision?.stopping()
    await app.stop()
    log.info('stopped')
    await flushLog(log)
  })
  // Logged after the signal handlers are set, because a supervisor that reads this may stop the process at once.
  const sources = Object.keys(compiled.config.sources).map((name) => `${app.url}/webhooks/${name}`)
  const { file, fingerprint } = compiled
  log.info({ url: app.url, sources, config: file, fingerprint }, 'listening')
  if (socket !== undefined) log.info('systemd opened the socket: server.host and server.port are not used')
  supervision?.ready({ where: `listening on ${app.url}`, ...app })
  for (const warning of warnings) log.warn(asRun(terminal.command, formatProblem(warning)))
  await flushLog(log)
  await warn(log, compiled, terminal)
  // The command runs until a signal ends the process.
  await new Promise<never>(() => {})
}

/** The format from --log-format or LOG_FORMAT; otherwise text on a terminal, and else JSON. */
function formatOf({ out, env }: Terminal, named: string | undefined): LogFormat {
  const wanted = named ?? env.LOG_FORMAT
  if (!wanted) return out.isTTY === true ? 'text' : 'json'
  const found = logFormats.find((format) => format === wanted)
  if (found !== undefined) return found
  throw new CommandError(`a log format is ${logFormats.join(' or ')}, not "${wanted}"`, 2)
}

/** The socket from systemd, and the reports to it; not loaded unless systemd started the process. */
async function systemd(
  log: AppOptions['log'],
  terminal: Terminal,
): Promise<{ socket?: number; supervision?: Supervision }> {
  const { NOTIFY_SOCKET, LISTEN_PID } = process.env
  if (!NOTIFY_SOCKET && !LISTEN_PID) return {}
  const { takeFromSystemd } = await import('../../app/systemd/systemd.ts')
  const { socket, supervision } = takeFromSystemd(process.env, process.pid, log)
  if (!socket.ok) throw new CommandError(socket.problem, hopeless(terminal))
  return { ...(socket.fd !== undefined && { socket: socket.fd }), ...(supervision && { supervision }) }
}

/** Logs what the cheap checks of `hookbridge doctor` find, after the service has started. */
async function warn(
  log: AppOptions['log'],
  compiled: CompiledConfig,
  { command, env }: Terminal,
): Promise<void> {
  for (const check of cheapChecks(compiled, env)) {
    for (const { code, level, summary, meaning, hint } of await runCheck(check, compiled, CHECK_LIMIT_MS)) {
      if (level !== 'fine')
        log.warn({ check: check.group, code, meaning, hint: asRun(command, hint) }, summary)
    }
  }
}

/**
 * SIGHUP reloads. One that comes while the service starts is kept until it runs; before that, while Node loads the
 * program and its configuration, it still ends the process, as it does by default. systemd sends none before READY=1.
 */
function onHangUp(): { with(app: App): void } {
  let running: App | undefined
  let early = false
  process.on('SIGHUP', () => {
    if (running === undefined) early = true
    else void running.reload('signal')
  })
  return {
    with(app) {
      running = app
      if (early) void app.reload('signal')
    },
  }
}

function startFailure(error: unknown, { config }: CompiledConfig, exitCode: ExitCode): unknown {
  if (!(error instanceof Error)) return error
  if (error instanceof AdminSocketRefused) return new CommandError(error.message)
  const code = 'code' in error ? error.code : undefined
  const where = `${config.server.host}:${config.server.port}`
  if (code === 'EADDRINUSE') {
    return new CommandError(`${where} is in use by another program; stop it, or change server.port`)
  }
  if (code === 'EACCES' || code === 'EADDRNOTAVAIL') {
    return new CommandError(
      `cannot listen on ${where} (${code}); change server.host or server.port`,
      code === 'EACCES' ? exitCode : 1,
    )
  }
  // Only a socket that was passed to the process can be something else.
  if (code === 'EINVAL') {
    return new CommandError(
      'the socket that was passed as LISTEN_FDS is not a TCP socket; give the socket unit one ListenStream=, with a port or ADDRESS:PORT',
      exitCode,
    )
  }
  if (error instanceof StoreRefused && error.reason !== 'in_use') {
    return new CommandError(error.message, exitCode)
  }
  return error
}
