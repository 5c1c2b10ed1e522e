/** What the log says of rejected requests: a flood of them must not become a flood of lines. */
import type { Logger } from 'pino'
import { createTally } from '../core/tally.ts'
import { type Fact, logEntry } from '../pipeline/fact.ts'

const PERIOD = 60_000
const LIMITS = { first: 20, addresses: 1_000, told: 5 }

type Rejected = Extract<Fact, { kind: 'rejected' }>

export interface Rejections {
  /** Logs it, or counts it for the line at the end of the period. */
  note(rejected: Rejected): void
  /** Logs what was counted. */
  stop(): void
}

/** `period`: milliseconds. */
export function createRejections(log: Logger, period = PERIOD): Rejections {
  const tally = createTally(LIMITS)
  let timer: NodeJS.Timeout | undefined

  function tell(): void {
    timer = undefined
    const sum = tally.sum()
    if (sum === null) return
    const { count, codes, addresses } = sum
    log.warn({ codes, addresses }, `${count} more requests rejected within ${period / 1000} s`)
  }

  return {
    note(rejected) {
      timer ??= setTimeout(tell, period).unref()
      if (!tally.note(rejected.code, rejected.address ?? '')) return
      const { level, message, fields } = logEntry(rejected)
      log[level](fields, message)
    },
    stop() {
      clearTimeout(timer)
      tell()
    },
  }
}
