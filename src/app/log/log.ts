import { type Logger, pino } from 'pino'
import type { Env } from '../../config/file/interpolate.ts'
import { withoutSteering } from '../../core/json/json.ts'
import { gather, MANY } from './lines.ts'

const STDOUT = 1

export interface LogOptions {
  /** `text`: lines for a person, without colours if `env` has `NO_COLOR` or the output is not a terminal. */
  readonly format?: LogFormat
  readonly level?: string | undefined
  /** Its JOURNAL_STREAM tells whether systemd's journal reads the output. */
  readonly env?: Env
  /** Receives the lines instead of standard output. */
  readonly to?: { write(line: string): void }
}

export const logFormats = ['text', 'json'] as const
export type LogFormat = (typeof logFormats)[number]

/** The log: JSON lines, or lines for a person. */
export async function createLog({
  format = 'json',
  level = 'info',
  env = {},
  to,
}: LogOptions): Promise<Logger> {
  const options = { level, base: null, timestamp: pino.stdTimeFunctions.isoTime }
  if (to !== undefined) return pino(options, { write: (line) => to.write(withoutSteering(line)) })
  if (format === 'text') return pino(options, await readable(env))
  // kill -9 loses the lines that are not yet written; the store still has the events and attempts.
  const lines = gather(pino.destination({ sync: false, minLength: MANY }))
  process.once('exit', () => lines.flushSync())
  if (!env.JOURNAL_STREAM) return pino(options, lines)
  const { isJournal, withPriorities } = await import('../systemd/journal.ts')
  return pino(options, isJournal(env, STDOUT) ? withPriorities(lines) : lines)
}

async function readable(env: Env): Promise<{ write(line: string): void }> {
  const { logText } = await import('./log-text.ts')
  const colours = process.stdout.isTTY === true && !env.NO_COLOR && env.TERM !== 'dumb'
  const out = pino.destination({ sync: true })
  return { write: (line) => void out.write(logText(line, colours)) }
}

/** Resolves when everything logged is written. */
export function flushLog(log: Logger): Promise<void> {
  return new Promise((resolve) => log.flush(() => resolve()))
}
