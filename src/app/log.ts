import { type Logger, pino } from 'pino'
import type { Env } from '../config/file/interpolate.ts'
import { withoutSteering } from '../core/json.ts'
import { gather, MANY } from './lines.ts'

const STDOUT = 1

export interface LogOptions {
  /** Whether the output is a terminal: lines are then written in a readable form. */
  readonly terminal?: boolean
  readonly level?: string | undefined
  /** Its JOURNAL_STREAM says whether systemd's journal reads the output. */
  readonly env?: Env
  /** Takes the lines instead of standard output. */
  readonly to?: { write(line: string): void }
}

/** The log: JSON lines, or a readable form on a terminal. */
export async function createLog({ terminal, level = 'info', env = {}, to }: LogOptions): Promise<Logger> {
  const options = { level, base: null, timestamp: pino.stdTimeFunctions.isoTime }
  if (to !== undefined) return pino(options, { write: (line) => to.write(withoutSteering(line)) })
  if (terminal === true) return pino(options, await readable())
  // kill -9 loses the lines that are not yet written; the store still has the events and attempts.
  const lines = gather(pino.destination({ sync: false, minLength: MANY }))
  process.once('exit', () => lines.flushSync())
  if (!env.JOURNAL_STREAM) return pino(options, lines)
  const { isJournal, withPriorities } = await import('./systemd/journal.ts')
  return pino(options, isJournal(env, STDOUT) ? withPriorities(lines) : lines)
}

/** Lines for a person. Text from outside loses its control characters: it cannot steer a terminal or fake a line. */
async function readable(): Promise<{ write(line: string): void }> {
  const { default: pretty } = await import('pino-pretty')
  const harmless = (text: string) => text.replaceAll(/[\p{Cc}\p{Bidi_Control}\u2028\u2029]+/gu, ' ')
  const stream = pretty({ sync: true, messageFormat: (entry, key) => harmless(String(entry[key] ?? '')) })
  // Values outside the message are printed as JSON, which escapes only C0 controls: the others are removed here.
  return { write: (line) => stream.write(`${harmless(line).trimEnd()}\n`) }
}

/** Resolves when everything logged is written. */
export function flushLog(log: Logger): Promise<void> {
  return new Promise((resolve) => log.flush(() => resolve()))
}
