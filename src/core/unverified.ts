/**
 * How often requests that cannot be verified may come from one network. Only failures cost something, and whoever has
 * sent a verified request goes on to be verified: nobody is locked out by what others send. docs/decisions/0011.
 */
import { networkOf } from './addresses.ts'

/** Failures a second in the long run, and how many may come at once after a rest. */
export interface Pace {
  readonly rate: number
  readonly burst: number
}

/** Times are milliseconds; the caller gives the clock. */
export interface Unverified {
  /**
   * How long a request has to wait; 0 where it may be handled now. `mayVerify`: its head is that of a signed request,
   * so that only reading its body tells; `vouched`: the configuration, or the sender, says that signed requests come from there.
   */
  wait(address: string, request: { mayVerify: boolean; vouched: boolean }, pace: Pace, now: number): number
  failed(address: string, pace: Pace, now: number): void
  verified(address: string): void
  /** Whether a verified request came from there. */
  stands(address: string): boolean
  /** Networks remembered, for failures and for good standing. */
  readonly sizes: { readonly failing: number; readonly standing: number }
}

interface Bucket {
  readonly tokens: number
  readonly at: number
}

/** `most`: the networks remembered of either kind; the longest untouched is forgotten first. */
export function createUnverified(most: { readonly failing: number; readonly standing: number }): Unverified {
  const failing = new Map<string, Bucket>()
  const standing = new Map<string, true>()
  // The last one verified, which stands last already: a sender's events come one after another.
  let latest: string | undefined

  return {
    wait(address, { mayVerify, vouched }, pace, now) {
      if (failing.size === 0) return 0
      const network = networkOf(address)
      const bucket = failing.get(network)
      if (bucket === undefined) return 0
      if (mayVerify && (vouched || standing.has(network))) return 0
      const tokens = refilled(bucket, pace, now)
      return tokens >= 1 ? 0 : Math.max(1, Math.ceil(((1 - tokens) * 1000) / pace.rate))
    },
    failed(address, pace, now) {
      const network = networkOf(address)
      const bucket = failing.get(network)
      const tokens = bucket === undefined ? pace.burst : refilled(bucket, pace, now)
      // Requests that were let in at once may all fail: what they owe is paid by waiting, within bounds.
      touch(failing, network, { tokens: Math.max(tokens - 1, -pace.burst), at: now }, most.failing)
    },
    verified(address) {
      if (address === latest) return
      latest = address
      touch(standing, networkOf(address), true, most.standing)
    },
    stands(address) {
      return standing.has(networkOf(address))
    },
    get sizes() {
      return { failing: failing.size, standing: standing.size }
    },
  }
}

/** A clock that was set back gives nothing and takes nothing. */
function refilled({ tokens, at }: Bucket, { rate, burst }: Pace, now: number): number {
  return Math.min(burst, tokens + (Math.max(0, now - at) * rate) / 1000)
}

/** A Map keeps the order of insertion: what was touched last stands last. */
function touch<T>(table: Map<string, T>, key: string, value: T, most: number): void {
  table.delete(key)
  table.set(key, value)
  if (table.size <= most) return
  const [oldest] = table.keys()
  if (oldest !== undefined) table.delete(oldest)
}
