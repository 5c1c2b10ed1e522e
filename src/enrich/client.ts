/** Asks for what a step of `enrich` fetches: one request at a time for a URL, and answers kept for as long as `cache` says. */
import type { lookup } from 'node:dns'
import { LONGEST_RETRY_AFTER_MS, readRetryAfter } from '../core/delivery/retry-after.ts'
import { type Answer, judge, type Verdict } from '../core/enrichment/answer.ts'
import type { Step, StepRequest } from '../core/enrichment/step.ts'
import { readJson } from '../core/event.ts'
import { guardAddresses } from '../network/address-guard.ts'
import { ConnectFailure, codeOf, oneLine, wordsOf } from '../network/connect-failure.ts'
import { type HttpClient, openHttp } from '../network/http.ts'
import type { Proxies } from '../network/proxies.ts'
import { AnswerCache } from './answer-cache.ts'

export interface EnrichClient {
  /** One try; it never rejects. */
  ask(step: Step, request: Asked): Promise<Try>
  close(): Promise<void>
}

export type Asked = Pick<Extract<StepRequest, { ok: true }>, 'url' | 'headers'>

export interface Try {
  readonly verdict: Verdict
  /** The answer itself; null where it was kept from an earlier try. */
  readonly answer: Answer | null
}

export interface EnrichClientDeps {
  readonly proxies: Proxies
  readonly userAgent: string
  readonly now: () => number
  /** In place of the system's resolver. */
  readonly resolve?: typeof lookup
}

const LARGEST_ANSWER_BYTES = 256 * 1024
const MOST_REDIRECTS = 3
const CONNECTIONS = 8

/** Opens no connection before the first request. */
export function openEnrichClient(steps: readonly Step[], deps: EnrichClientDeps): EnrichClient {
  const cache = new AnswerCache()
  const clients = new Map<string, HttpClient>()
  const last = new Map<string, Promise<unknown>>()
  for (const [index, { name, timeout, allow_private: allowPrivate }] of steps.entries()) {
    const setting = `enrich[${index}]`
    const { proxies, resolve } = deps
    const guard = guardAddresses({ allowPrivate, setting, ...(resolve && { resolve }) })
    const limits = { timeoutMs: timeout, largestAnswerBytes: LARGEST_ANSWER_BYTES, connections: CONNECTIONS }
    clients.set(name, openHttp({ proxies, hostSetting: `${setting}.get`, guard, ...limits }))
  }

  return {
    async ask(step, request) {
      const before = last.get(request.url)
      const asking = (before ?? Promise.resolve()).then(() => askOnce(step, request))
      last.set(request.url, asking)
      try {
        return await asking
      } finally {
        if (last.get(request.url) === asking) last.delete(request.url)
      }
    },
    close: async () => void (await Promise.all([...clients.values()].map((client) => client.close()))),
  }

  async function askOnce(step: Step, request: Asked): Promise<Try> {
    const key = JSON.stringify([step.name, request.url, request.headers])
    const kept = step.cache === undefined ? undefined : cache.get(key, deps.now())
    if (kept !== undefined) return { verdict: kept, answer: null }
    const client = clients.get(step.name)
    if (client === undefined) throw new Error(`no client for the step ${step.name}`)
    const answer = await answerTo(client, step, request).catch((error: unknown) => failureOf(step, error))
    const verdict = judge(step, answer)
    if (step.cache !== undefined && verdict.kind === 'picked')
      cache.set(key, verdict, deps.now() + step.cache)
    return { verdict, answer }
  }

  /** Follows redirects within the host alone, since headers hold secrets. */
  async function answerTo(client: HttpClient, step: Step, { url, headers }: Asked): Promise<Answer> {
    const sent = { accept: 'application/json', 'user-agent': deps.userAgent, ...lowerCase(headers) }
    const deadline = deps.now() + step.timeout
    let at = url
    for (let redirects = 0; ; redirects += 1) {
      const response = await client.fetch(at, { headers: sent })
      const location =
        response.status >= 300 && response.status < 400 ? response.headers.get('location') : null
      if (location === null) return toAnswer(response, deps.now())
      const next = URL.parse(location, at)
      if (next?.origin !== new URL(url).origin) {
        const to = next === null ? 'an address that is no URL' : `another host (${oneLine(next.host)})`
        return { kind: 'none', reason: `it redirects to ${to}, and is not followed`, permanent: true }
      }
      if (redirects >= MOST_REDIRECTS || deps.now() >= deadline) {
        return { kind: 'none', reason: 'it redirects too often', permanent: false }
      }
      at = next.href
    }
  }
}

function lowerCase(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
}

async function toAnswer(response: Response, now: number): Promise<Answer> {
  const asked = readRetryAfter(response.headers.get('retry-after') ?? '', response.headers.get('date'), now)
  return {
    kind: 'answer',
    status: response.status,
    body: readJson(new Uint8Array(await response.arrayBuffer())),
    retryAfter: asked === null ? null : Math.min(asked, LONGEST_RETRY_AFTER_MS),
  }
}

const TIMEOUTS = /^(?:UND_ERR_(?:HEADERS|BODY|CONNECT)_TIMEOUT|ETIMEDOUT)$/

/** Without the URL, which has values of the event in it. */
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
