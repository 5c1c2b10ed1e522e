/**
 * Limits how many requests of one network may fail verification. Only failures count, so that a sender is not limited by its
 * own volume. docs/decisions/0011.
 */
import { networkOf } from './addresses.ts'

/** A token bucket: failures a second in the long run, and how many may come at once after an idle time. */
export interface FailureLimit {
  readonly rate: number
  readonly burst: number
}

/** Times are milliseconds; the caller gives the clock. */
export interface FailureLimiter {
  /** How long until a request from this address may fail again; 0 if it may now. */
  wait(address: string, limit: FailureLimit, now: number): number
  failed(address: string, limit: FailureLimit, now: number): void
  verified(address: string): void
  /** Whether a verified request came from this address. */
  hasVerified(address: string): boolean
  /** Networks remembered. */
  readonly sizes: { readonly failing: number; readonly verified: number }
}

interface Bucket {
  readonly tokens: number
  readonly at: number
}

/**
 * `max`: how many networks each table remembers; the least recently used is forgotten first. There are two tables, so that
 * failures from many addresses cannot push out a sender.
 */
export function createFailureLimiter(max: {
  readonly failing: number
  readonly verified: number
}): FailureLimiter {
  const failing = new Map<string, Bucket>()
  const senders = new Map<string, true>()
  // The events of one sender come one after another, so its entry need not be moved to the end each time.
  let latest: string | undefined

  return {
    wait(address, limit, now) {
      const bucket = failing.size === 0 ? undefined : failing.get(networkOf(address))
      if (bucket === undefined) return 0
      const tokens = refilled(bucket, limit, now)
      return tokens >= 1 ? 0 : Math.max(1, Math.ceil(((1 - tokens) * 1000) / limit.rate))
    },
    failed(address, limit, now) {
      const network = networkOf(address)
      const bucket = failing.get(network)
      const tokens = bucket === undefined ? limit.burst : refilled(bucket, limit, now)
      // Requests that were accepted at the same time may all fail: the bucket goes below zero, within bounds.
      set(failing, network, { tokens: Math.max(tokens - 1, -limit.burst), at: now }, max.failing)
    },
    verified(address) {
      if (address === latest) return
      latest = address
      set(senders, networkOf(address), true, max.verified)
    },
    hasVerified(address) {
      return senders.has(networkOf(address))
    },
    get sizes() {
      return { failing: failing.size, verified: senders.size }
    },
  }
}

/** A clock that was set back neither adds nor removes tokens. */
function refilled({ tokens, at }: Bucket, { rate, burst }: FailureLimit, now: number): number {
  return Math.min(burst, tokens + (Math.max(0, now - at) * rate) / 1000)
}

/** Sets a key as the most recently used. A Map keeps the order of insertion. */
function set<T>(table: Map<string, T>, key: string, value: T, max: number): void {
  table.delete(key)
  table.set(key, value)
  if (table.size <= max) return
  const [oldest] = table.keys()
  if (oldest !== undefined) table.delete(oldest)
}
