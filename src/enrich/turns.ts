/** Requests take turns: one at a time for a URL, a few at once for a host, none while the host is paused. */
import type { Verdict } from '../core/enrichment/answer.ts'
import {
  type HostHealth,
  healthyHost,
  isFailing,
  pausedFor,
  requestsAtOnce,
  settleHost,
} from '../core/enrichment/host-health.ts'

export type Turn =
  | { readonly kind: 'turn' }
  /** Not now. `afterMs`: when to try again; null if it waited for too long. */
  | { readonly kind: 'later'; readonly afterMs: number | null; readonly reason: string }

/** A change of a host's health. */
export type HostNews = { readonly failing: true; readonly reason: string } | { readonly failing: false }

export interface Turns {
  /** Waits in line for at most `patienceMs`. A turn that was given must be ended with `end`. */
  take(host: string, url: string, patienceMs: number): Promise<Turn>
  /** `asked`: undefined if no request was made after all. Returns the change of the host's health, if any. */
  end(host: string, url: string, asked?: Asked): HostNews | null
  /** Refuses all waiting requests. */
  close(): void
}

interface Asked {
  readonly verdict: Verdict
  readonly startedAt: number
  /** The `within` of the step, in milliseconds. */
  readonly within: number
}

interface Host {
  readonly name: string
  readonly asking: Set<string>
  readonly line: Waiter[]
  health: HostHealth
}

interface Waiter {
  readonly url: string
  readonly answer: (turn: Turn) => void
}

/** How many events may wait in memory for one host; more are put back into the store. */
const LONGEST_LINE = 64
const LINE_AGAIN_AFTER_MS = 1_000

/** `clock`: monotonic milliseconds. */
export function createTurns(clock: () => number): Turns {
  const hosts = new Map<string, Host>()
  let closed = false

  return {
    take(name, url, patienceMs) {
      const host = hostOf(name)
      const refused = refusal(host)
      if (refused !== null) return Promise.resolve(refused)
      // Everything in line waits for another URL, or there is no room for this one either.
      if (isFree(host, url)) {
        host.asking.add(url)
        return Promise.resolve({ kind: 'turn' })
      }
      if (host.line.length >= LONGEST_LINE) return Promise.resolve(busy(host, LINE_AGAIN_AFTER_MS))
      return inLine(host, url, patienceMs)
    },
    end(name, url, asked) {
      const host = hostOf(name)
      host.asking.delete(url)
      const before = host.health
      if (asked !== undefined) host.health = settleHost(before, asked.verdict, { ...asked, now: clock() })
      advance(host)
      return newsOf(before, host.health)
    },
    close() {
      closed = true
      for (const host of hosts.values()) advance(host)
    },
  }

  function hostOf(name: string): Host {
    const host = hosts.get(name) ?? { name, asking: new Set(), line: [], health: healthyHost }
    hosts.set(name, host)
    return host
  }

  function refusal({ name, health }: Host): Turn | null {
    if (closed) return { kind: 'later', afterMs: 0, reason: 'the configuration was replaced' }
    const afterMs = pausedFor(health, clock())
    if (afterMs === 0) return null
    return {
      kind: 'later',
      afterMs,
      reason: `no requests are sent to ${name} for now: ${health.reason ?? ''}`,
    }
  }

  function inLine(host: Host, url: string, patienceMs: number): Promise<Turn> {
    return new Promise((resolve) => {
      const waiter = { url, answer }
      const timer = setTimeout(() => answer(busy(host, null)), patienceMs)
      host.line.push(waiter)
      function answer(turn: Turn): void {
        clearTimeout(timer)
        const at = host.line.indexOf(waiter)
        if (at >= 0) host.line.splice(at, 1)
        resolve(turn)
      }
    })
  }

  /** Gives a turn to the first in line whose URL has no request in progress, as far as there is room. A pause refuses all. */
  function advance(host: Host): void {
    const refused = refusal(host)
    for (const { url, answer } of [...host.line]) {
      if (refused !== null) {
        answer(refused)
      } else if (isFree(host, url)) {
        host.asking.add(url)
        answer({ kind: 'turn' })
      }
    }
  }
}

function isFree({ asking, health }: Host, url: string): boolean {
  return asking.size < requestsAtOnce(health) && !asking.has(url)
}

function busy({ name }: Host, afterMs: number | null): Turn {
  return { kind: 'later', afterMs, reason: `${name} is busy with earlier requests` }
}

function newsOf(before: HostHealth, after: HostHealth): HostNews | null {
  if (isFailing(before) === isFailing(after)) return null
  return isFailing(after) ? { failing: true, reason: after.reason ?? '' } : { failing: false }
}
