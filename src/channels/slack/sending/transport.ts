/** One pool of connections to Slack. Node's fetch costs five times the CPU of undici's request, on which it is built. */
import type { FetchFunction } from '@slack/web-api'
import { type Dispatcher, request } from 'undici'
import { openAgent } from '../../../network/http.ts'
import type { Proxies } from '../../../network/proxies.ts'

export interface Transport {
  /** What WebClient calls instead of fetch. */
  readonly fetch: FetchFunction
  /** Posts JSON. Throws what undici throws, and a TimeoutError. */
  post(url: string, body: string): Promise<WebhookResponse>
  close(): Promise<void>
}

type FetchResponse = Awaited<ReturnType<FetchFunction>>

export interface WebhookResponse {
  readonly status: number
  readonly retryAfter: string | null
  readonly text: string
}

/** A success whose body is not the answer of a method: it says nothing about what the method did. */
export class UnrecognisedAnswer extends Error {
  override readonly name = 'UnrecognisedAnswer'
}

const LARGEST_ANSWER_BYTES = 1_000_000
// A 429 without a usable Retry-After: Slack's own rate is one a second.
const DEFAULT_RETRY_AFTER = '1'

/** Connects on first use, to as many as `connections` sockets. `timeoutMs`: for an attempt. */
export function openTransport(timeoutMs: number, connections: number, proxies: Proxies): Transport {
  const agent = openAgent({
    proxies,
    timeoutMs,
    connections,
    largestAnswerBytes: LARGEST_ANSWER_BYTES,
    hostSetting: 'channels.slack.api_url or webhook_url',
  })
  return {
    async fetch(url, init = {}) {
      const { method = 'POST', headers, body, signal } = init
      if (typeof body !== 'string') throw new TypeError('only text is sent to Slack')
      const response = await request(url, {
        dispatcher: agent,
        method: method === 'GET' ? 'GET' : 'POST',
        headers: headers ?? {},
        body,
        signal: signal ?? null,
      })
      return toFetchResponse(String(url), response)
    },
    async post(url, body) {
      const response = await request(url, {
        dispatcher: agent,
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body,
        signal: AbortSignal.timeout(timeoutMs),
      })
      const text = await response.body.text()
      return { status: response.statusCode, retryAfter: header(response, 'retry-after'), text }
    },
    close: () => agent.close(),
  }
}

function toFetchResponse(url: string, response: Dispatcher.ResponseData): FetchResponse {
  const { statusCode: status, body } = response
  return {
    ok: status >= 200 && status < 300,
    status,
    statusText: '',
    url,
    headers: {
      get: (name) => header(response, name),
      entries: () =>
        Object.keys(response.headers)
          .map((name): [string, string] => [name, header(response, name) ?? ''])
          .values(),
    },
    arrayBuffer: () => body.arrayBuffer(),
    json: () => body.json(),
    async text() {
      const text = await body.text()
      // WebClient would take any other text for the name of an error.
      if (status === 200 && !text.trimStart().startsWith('{')) throw new UnrecognisedAnswer()
      return text
    },
  }
}

/** WebClient cannot read a 429 whose Retry-After is missing or no number: it gets a default. */
function header({ headers, statusCode }: Dispatcher.ResponseData, name: string): string | null {
  const key = name.toLowerCase()
  const value = headers[key]
  const text = Array.isArray(value) ? value.join(', ') : (value ?? null)
  if (key !== 'retry-after' || statusCode !== 429) return text
  return text !== null && /^\d{1,6}$/.test(text) ? text : DEFAULT_RETRY_AFTER
}
