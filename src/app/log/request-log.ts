/** Logs requests of one kind: the first of each minute one by one, the rest as one summary, so that a flood does not fill the log. */
import type { Logger } from 'pino'
import type { LogEntry } from '../../pipeline/log-entry.ts'

const PERIOD_MS = 60_000
/** Logged one by one in each period. */
const MAX_SINGLE = 20
/** How many addresses are counted, and how many of them the summary names. */
const MAX_ADDRESSES = 1_000
const TOP_ADDRESSES = 5

export interface RequestLog {
  /** `code` and `address` are counted for the summary. */
  add(entry: LogEntry, code: string, address?: string): void
  /** Logs the summary of the requests since the last one. */
  stop(): void
}

/** `what`: the kind of requests, for the summary. */
export function createRequestLog(log: Logger, what: string, periodMs = PERIOD_MS): RequestLog {
  let total = 0
  const codes = new Map<string, number>()
  const addresses = new Map<string, number>()
  let timer: NodeJS.Timeout | undefined

  function summarize(): void {
    const count = total - MAX_SINGLE
    if (count > 0) {
      const top = [...addresses].sort(([, one], [, other]) => other - one).slice(0, TOP_ADDRESSES)
      const fields = {
        codes: Object.fromEntries(codes),
        ...(top.length > 0 && { addresses: Object.fromEntries(top) }),
      }
      log.warn(fields, `${count} more ${what} within ${periodMs / 1000} s`)
    }
    total = 0
    timer = undefined
    codes.clear()
    addresses.clear()
  }

  return {
    add({ level, message, fields }, code, address) {
      timer ??= setTimeout(summarize, periodMs).unref()
      total += 1
      if (total <= MAX_SINGLE) {
        log[level](fields, message)
        return
      }
      codes.set(code, (codes.get(code) ?? 0) + 1)
      if (address === undefined) return
      if (addresses.has(address) || addresses.size < MAX_ADDRESSES)
        addresses.set(address, (addresses.get(address) ?? 0) + 1)
    },
    stop() {
      clearTimeout(timer)
      summarize()
    },
  }
}
