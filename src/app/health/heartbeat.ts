/**
 * Requests `server.heartbeat_url` every minute while the service works. A monitor at that URL raises the alarm when the
 * requests stop, which is the one thing that the service cannot report itself.
 */
import { setTimeout as sleepFor } from 'node:timers/promises'
import type { Secret } from '../../core/secret.ts'
import { ConnectFailure, oneLine, wordsOf } from '../../network/connect-failure.ts'
import { openHttp } from '../../network/http.ts'
import type { Proxies } from '../../network/proxies.ts'
import type { Fact, Observe } from '../../pipeline/fact.ts'

export interface HeartbeatDeps {
  readonly url: () => Secret | undefined
  /** Why the service does not work; null while it does. */
  readonly problem: () => string | null
  /** Commits a change without effect: rejects while the store accepts none. */
  readonly probe: () => Promise<void>
  readonly proxies: Proxies
  readonly userAgent: string
  /** A monotonic clock in milliseconds, for measuring. */
  readonly clock: () => number
  /** Rejects when the signal aborts. */
  readonly sleep?: (ms: number, signal: AbortSignal) => Promise<void>
  /** The time limit for the store, and for the response to a request. */
  readonly timeoutMs?: number
  readonly observe: Observe
  readonly onBug: (error: unknown) => void
}

export interface HeartbeatSender {
  /** A reload may have changed the URL. */
  readonly observe: Observe
  readonly start: () => void
  readonly stop: () => Promise<void>
}

type Result = Pick<Extract<Fact, { kind: 'heartbeat' }>, 'result' | 'reason'> & { readonly final?: boolean }

const EVERY_MS = 60_000
/** A service that crashes soon after each start must not look alive. */
const FIRST_AFTER_MS = 10_000
const TRIES = 3
const AGAIN_AFTER_MS = 5_000
const TIMEOUT_MS = 10_000
const LARGEST_ANSWER_BYTES = 256 * 1024

export function createHeartbeat(deps: HeartbeatDeps): HeartbeatSender {
  const { proxies, clock, sleep = sleepUnreferenced, timeoutMs = TIMEOUT_MS } = deps
  const http = openHttp({
    proxies,
    timeoutMs,
    hostSetting: 'server.heartbeat_url',
    largestAnswerBytes: LARGEST_ANSWER_BYTES,
  })
  let waking = new AbortController()
  let isStopped = false
  let used: string | undefined
  let last: Result['result'] | undefined

  async function run(): Promise<void> {
    await pause(FIRST_AFTER_MS)
    while (!isStopped) {
      const began = clock()
      await beat()
      await pause(Math.max(0, EVERY_MS - (clock() - began)))
    }
  }

  /** Ends after this time, or when it is woken; at once if it was woken since the last pause. */
  async function pause(ms: number): Promise<void> {
    const { signal } = waking
    if (!signal.aborted) {
      await sleep(ms, signal).catch((error: unknown) => {
        if (!signal.aborted) throw error
      })
    }
    if (signal.aborted) waking = new AbortController()
  }

  /** One heartbeat. Because networks lose requests, it is tried a few times before it counts as failed. */
  async function beat(): Promise<void> {
    for (let tries = 1; !isStopped; tries += 1) {
      const url = deps.url()
      if (url === undefined) return
      remember(url.reveal())
      const problem = deps.problem() ?? (await storeProblem(deps.probe, timeoutMs))
      const tried: Result =
        problem === null
          ? await request(url.reveal(), deps.userAgent)
          : { result: 'withheld', reason: problem }
      if (isStopped) return
      if (tried.result === 'sent' || tried.final || tries >= TRIES) return report(url.reveal(), tried)
      await pause(AGAIN_AFTER_MS)
    }
  }

  async function request(url: string, userAgent: string): Promise<Result> {
    try {
      const response = await http.fetch(url, { headers: { 'user-agent': userAgent } })
      // Only the body of a success matters.
      return judge(response.status, response.ok ? await response.text() : '')
    } catch (error) {
      return { result: 'failed', reason: failureOf(error, timeoutMs) }
    }
  }

  function remember(url: string): void {
    if (url !== used) last = undefined
    used = url
  }

  function report(url: string, { result, reason }: Result): void {
    deps.observe({ kind: 'heartbeat', host: new URL(url).host, result, reason, isNews: result !== last })
    last = result
  }

  return {
    observe(fact) {
      if (fact.kind === 'reloaded' && fact.ok && deps.url()?.reveal() !== used) waking.abort()
    },
    start: () => void run().catch(deps.onBug),
    async stop() {
      isStopped = true
      waking.abort()
      await http.close()
    },
  }
}

/** A database may also fail to answer at all. */
async function storeProblem(probe: () => Promise<void>, timeoutMs: number): Promise<string | null> {
  const { promise, resolve } = Promise.withResolvers<string>()
  const late = `the store has not answered within ${timeoutMs / 1000} s`
  const timer = setTimeout(() => resolve(late), timeoutMs).unref()
  const answered = probe().then(
    () => null,
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  )
  return Promise.race([answered, promise]).finally(() => clearTimeout(timer))
}

/** healthchecks.io answers "200 OK (not found)" to a URL that it does not know, and does not count the request. */
const NOT_COUNTED = /^OK \([\w ]{1,40}\)/

function judge(status: number, body: string): Result {
  const failed = (reason: string, final: boolean): Result => ({ result: 'failed', reason, final })
  if (status >= 300 && status < 400)
    return failed(`it answered ${status}, a redirect, which is not followed; write its target`, true)
  const [notCounted] = NOT_COUNTED.exec(body) ?? []
  if (status >= 200 && status < 300)
    return notCounted === undefined
      ? { result: 'sent', reason: null }
      : failed(`it answered "${notCounted}"`, true)
  return failed(`it answered ${status}`, status < 500)
}

/** Without the URL. */
function failureOf(error: unknown, timeoutMs: number): string {
  if (error instanceof ConnectFailure) return oneLine(`${error.message}: ${error.hint}`, 300)
  if (error instanceof Error && error.name === 'TimeoutError') return `no answer within ${timeoutMs / 1000} s`
  return wordsOf(error)
}

async function sleepUnreferenced(ms: number, signal: AbortSignal): Promise<void> {
  await sleepFor(ms, undefined, { ref: false, signal })
}
