/** Logs refused requests: the first of each minute one by one, the rest as one summary, so that a flood does not fill the log. */
import type { Logger } from 'pino'
import { type Fact, logEntry } from '../pipeline/fact.ts'

const PERIOD_MS = 60_000
/** Logged one by one in each period. */
const MAX_SINGLE = 20
/** Addresses that are counted, and those of them that the summary names. */
const MAX_ADDRESSES = 1_000
const TOP_ADDRESSES = 5

type Rejected = Extract<Fact, { kind: 'rejected' }>

export interface RejectionLog {
  add(rejected: Rejected): void
  /** Logs the summary of the requests refused since the last one. */
  stop(): void
}

export function createRejectionLog(log: Logger, periodMs = PERIOD_MS): RejectionLog {
  let total = 0
  const codes = new Map<string, number>()
  const addresses = new Map<string, number>()
  let timer: NodeJS.Timeout | undefined

  function summarize(): void {
    const count = total - MAX_SINGLE
    if (count > 0) {
      const top = [...addresses].sort(([, one], [, other]) => other - one).slice(0, TOP_ADDRESSES)
      const fields = { codes: Object.fromEntries(codes), addresses: Object.fromEntries(top) }
      log.warn(fields, `${count} more requests rejected within ${periodMs / 1000} s`)
    }
    total = 0
    timer = undefined
    codes.clear()
    addresses.clear()
  }

  return {
    add(rejected) {
      timer ??= setTimeout(summarize, periodMs).unref()
      total += 1
      if (total <= MAX_SINGLE) {
        const { level, message, fields } = logEntry(rejected)
        log[level](fields, message)
        return
      }
      const { code, address = '' } = rejected
      codes.set(code, (codes.get(code) ?? 0) + 1)
      if (addresses.has(address) || addresses.size < MAX_ADDRESSES)
        addresses.set(address, (addresses.get(address) ?? 0) + 1)
    },
    stop() {
      clearTimeout(timer)
      summarize()
    },
  }
}
