/**
 * Makes the requests of the steps of `enrich`: one at a time for a URL, a few for a host. Answers are kept for as long as
 * `cache` says.
 */
import type { lookup } from 'node:dns'
import { askedPause } from '../core/delivery/retry-after.ts'
import { type Answer, judge, type Verdict } from '../core/enrichment/answer.ts'
import type { Step, StepRequest } from '../core/enrichment/step.ts'
import { readJson } from '../core/event.ts'
import { guardAddresses } from '../network/address-guard.ts'
import { ConnectFailure, codeOf, oneLine, wordsOf } from '../network/connect-failure.ts'
import { type HttpClient, openHttp } from '../network/http.ts'
import type { Proxies } from '../network/proxies.ts'
import { AnswerCache } from './answer-cache.ts'
import { createTurns, type HostNews, type Turn } from './turns.ts'

export interface EnrichClient {
  /** One try, which waits at most `patienceMs` for its turn; never rejects. */
  ask(step: Step, request: Asked, patienceMs: number): Promise<Try | Later>
  /** Waiting requests are refused, and those in progress are finished. */
  close(): Promise<void>
}

export type Asked = Pick<Extract<StepRequest, { ok: true }>, 'url' | 'headers'>

export interface Try {
  readonly kind: 'asked'
  readonly verdict: Verdict
  /** The answer itself; null if it was kept from an earlier try. */
  readonly answer: Answer | null
  /** The duration of the request alone, in milliseconds. */
  readonly durationMs: number
  readonly news: HostNews | null
}

interface AskedOnce extends Pick<Try, 'verdict' | 'answer' | 'durationMs'> {
  readonly startedAt: number
  readonly within: number
}

/** No request was made. */
export type Later = Extract<Turn, { kind: 'later' }>

export interface EnrichClientDeps {
  readonly proxies: Proxies
  readonly userAgent: string
  readonly now: () => number
  /** A monotonic clock: milliseconds with fractions, for measuring. */
  readonly clock: () => number
  /** Used instead of the system's resolver. */
  readonly resolve?: typeof lookup
}

const LARGEST_ANSWER_BYTES = 256 * 1024
const MOST_REDIRECTS = 3
const CONNECTIONS = 8

/** Opens no connection before the first request. */
export function openEnrichClient(steps: readonly Step[], deps: EnrichClientDeps): EnrichClient {
  const cache = new AnswerCache()
  const clients = new Map<string, HttpClient>()
  const turns = createTurns(deps.clock)
  for (const [index, { name, timeout, allow_private: allowPrivate }] of steps.entries()) {
    const setting = `enrich[${index}]`
    const { proxies, resolve } = deps
    const guard = guardAddresses({ allowPrivate, setting, ...(resolve && { resolve }) })
    const limits = { timeoutMs: timeout, largestAnswerBytes: LARGEST_ANSWER_BYTES, connections: CONNECTIONS }
    clients.set(name, openHttp({ proxies, hostSetting: `${setting}.get`, guard, ...limits }))
  }

  return {
    async ask(step, request, patienceMs) {
      const key = JSON.stringify([step.name, request.url, request.headers])
      const kept = keptFor(step, key)
      if (kept !== null) return kept
      const turn = await turns.take(step.host, request.url, patienceMs)
      if (turn.kind === 'later') return turn
      // The request before may have fetched the same.
      const keptMeanwhile = keptFor(step, key)
      if (keptMeanwhile !== null) {
        turns.end(step.host, request.url)
        return keptMeanwhile
      }
      let asked: AskedOnce | undefined
      let news: HostNews | null = null
      try {
        asked = await askOnce(step, request, key)
      } finally {
        news = turns.end(step.host, request.url, asked)
      }
      const { verdict, answer, durationMs } = asked
      return { kind: 'asked', verdict, answer, durationMs, news }
    },
    async close() {
      turns.close()
      await Promise.all([...clients.values()].map((client) => client.close()))
    },
  }

  function keptFor(step: Step, key: string): Try | null {
    const kept = step.cache === undefined ? undefined : cache.get(key, deps.clock())
    return kept === undefined
      ? null
      : { kind: 'asked', verdict: kept, answer: null, durationMs: 0, news: null }
  }

  async function askOnce(step: Step, request: Asked, key: string): Promise<AskedOnce> {
    const client = clients.get(step.name)
    if (client === undefined) throw new Error(`no client for the step ${step.name}`)
    const startedAt = deps.clock()
    const answer = await followed(client, step, request).catch((error: unknown) => failureOf(step, error))
    const verdict = judge(step, answer)
    if (step.cache !== undefined && verdict.kind === 'picked')
      cache.set(key, verdict, deps.clock() + step.cache)
    return { verdict, answer, startedAt, durationMs: deps.clock() - startedAt, within: step.within }
  }

  /** Follows redirects only within the host, because headers contain secrets. */
  async function followed(client: HttpClient, step: Step, { url, headers }: Asked): Promise<Answer> {
    const sent = { accept: 'application/json', 'user-agent': deps.userAgent, ...lowerCase(headers) }
    const deadline = deps.clock() + step.timeout
    let at = url
    for (let redirects = 0; ; redirects += 1) {
      const left = Math.max(1, Math.ceil(deadline - deps.clock()))
      const response = await client.fetch(at, { headers: sent, timeoutMs: left })
      const location =
        response.status >= 300 && response.status < 400 ? response.headers.get('location') : null
      if (location === null) return toAnswer(response, deps.now())
      const next = URL.parse(location, at)
      if (next?.origin !== new URL(url).origin) {
        const to = next === null ? 'an address that is not a URL' : `another host (${oneLine(next.host)})`
        return { kind: 'none', reason: `it redirects to ${to}, which is not followed`, permanent: true }
      }
      if (redirects >= MOST_REDIRECTS) {
        return { kind: 'none', reason: 'it redirects too often', permanent: false }
      }
      at = next.href
    }
  }
}

function lowerCase(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
}

/** For an answer that is not a success, the status is enough: its body may have broken off. */
async function toAnswer(response: Response, now: number): Promise<Answer> {
  const bytes = await response.arrayBuffer().catch((error: unknown) => {
    if (response.ok) throw error
    return new ArrayBuffer(0)
  })
  return {
    kind: 'answer',
    status: response.status,
    body: readJson(new Uint8Array(bytes)),
    retryAfter: askedPause(response.headers, now),
  }
}

const TIMEOUTS = /^(?:UND_ERR_(?:HEADERS|BODY|CONNECT)_TIMEOUT|ETIMEDOUT)$/

/** Without the URL, which contains values of the event. */
function failureOf({ host, timeout }: Step, error: unknown): Answer {
  const none = (reason: string, permanent = false): Answer => ({ kind: 'none', reason, permanent })
  if (error instanceof ConnectFailure) {
    return none(error.permanent ? `${error.message}: ${error.hint}` : error.message, error.permanent)
  }
  const code = codeOf(error)
  if ((error instanceof Error && error.name === 'TimeoutError') || TIMEOUTS.test(code)) {
    return none(`no whole answer from ${host} within ${timeout / 1000} s`)
  }
  if (code === 'UND_ERR_RES_EXCEEDED_MAX_SIZE')
    return none(`the answer of ${host} has more than 256 kB`, true)
  return none(`no answer from ${host}: ${wordsOf(error)}`)
}
