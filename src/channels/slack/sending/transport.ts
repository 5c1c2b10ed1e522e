/** One pool of connections to Slack. Node's fetch costs five times the CPU of undici's request, on which it is built. */
import type { FetchFunction } from '@slack/web-api'
import { type Dispatcher, request } from 'undici'
import { readRetryAfter } from '../../../core/delivery/retry-after.ts'
import { ownProperty, parseJson } from '../../../core/json.ts'
import { openAgent } from '../../../network/http.ts'
import type { Proxies } from '../../../network/proxies.ts'

export interface Transport {
  /** What WebClient calls instead of fetch. Throws a FailedAnswer for every answer that is no success. */
  readonly fetch: FetchFunction
  /** Posts JSON. Throws what undici throws, a TimeoutError, and NotSent. */
  post(url: string, body: string): Promise<Answer>
  /** Milliseconds by which the clock of the Web API is ahead of ours, by its last success; null before the first. */
  clockAheadMs(): number | null
  close(): Promise<void>
}

/** An answer over HTTP, from Slack or from a proxy. */
export interface Answer {
  readonly status: number
  readonly text: string
  readonly isHtml: boolean
  /** Milliseconds that it asks us to wait; null where it does not ask, or cannot be read. */
  readonly retryAfter: number | null
  /** Where a redirect leads, as a whole URL where it can be one. */
  readonly location: string | null
}

/** The Web API answered something else than success. */
export class FailedAnswer extends Error {
  override readonly name = 'FailedAnswer'
  readonly answer: Answer

  constructor(answer: Answer) {
    super(`HTTP ${answer.status}`)
    this.answer = answer
  }
}

/** The request failed before a byte of it was written to a connection. */
export class NotSent extends Error {
  override readonly name = 'NotSent'
  override readonly cause: Error

  constructor(cause: Error) {
    super(cause.message)
    this.cause = cause
  }
}

type FetchResponse = Awaited<ReturnType<FetchFunction>>

const LARGEST_ANSWER_BYTES = 1_000_000

/** Connects on first use, to as many as `connections` sockets. `timeoutMs`: for an attempt. */
export function openTransport(timeoutMs: number, connections: number, proxies: Proxies): Transport {
  const agent = openAgent({
    proxies,
    timeoutMs,
    connections,
    largestAnswerBytes: LARGEST_ANSWER_BYTES,
    hostSetting: 'channels.slack.api_url or webhook_url',
  })
  const dispatcher = agent.compose(marksNotSent)
  let clockAheadMs: number | null = null
  return {
    async fetch(url, init = {}) {
      const { method = 'POST', headers, body, signal } = init
      if (typeof body !== 'string') throw new TypeError('only text is sent to Slack')
      const response = await request(url, {
        dispatcher,
        method: method === 'GET' ? 'GET' : 'POST',
        headers: headers ?? {},
        body,
        signal: signal ?? null,
      })
      const answer = await toFetchResponse(String(url), response)
      const date = Date.parse(header(response, 'date') ?? '')
      if (!Number.isNaN(date)) clockAheadMs = date - Date.now()
      return answer
    },
    async post(url, body) {
      const response = await request(url, {
        dispatcher,
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body,
        signal: AbortSignal.timeout(timeoutMs),
      })
      return toAnswer(url, response, await response.body.text())
    },
    clockAheadMs: () => clockAheadMs,
    close: () => agent.close(),
  }
}

/** Makes a failure NotSent unless the request began: whatever failed before, a proxy or a handshake, took no message. */
const marksNotSent: Dispatcher.DispatcherComposeInterceptor = (dispatch) => (options, handler) => {
  let began = false
  return dispatch(options, {
    onRequestStart(controller, context) {
      handler.onRequestStart?.(controller, context)
      began = !controller.aborted
    },
    onResponseStart: (...args) => handler.onResponseStart?.(...args),
    onResponseData: (...args) => handler.onResponseData?.(...args),
    onResponseEnd: (...args) => handler.onResponseEnd?.(...args),
    onResponseError: (controller, error) =>
      handler.onResponseError?.(controller, began ? error : new NotSent(error)),
  })
}

/** Every failed answer is one of ours: WebClient would lose its headers, or take a page for the name of an error. */
async function toFetchResponse(url: string, response: Dispatcher.ResponseData): Promise<FetchResponse> {
  const { statusCode: status } = response
  const text = await response.body.text()
  if (status !== 200 || !isSuccess(text)) throw new FailedAnswer(toAnswer(url, response, text))
  return {
    ok: true,
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
    arrayBuffer: async () => new TextEncoder().encode(text).buffer,
    json: async () => JSON.parse(text),
    text: async () => text,
  }
}

/** Every method of the Web API answers an object whose `ok` says whether it succeeded. */
function isSuccess(text: string): boolean {
  return ownProperty(parseJson(text), 'ok') === true
}

function toAnswer(url: string, response: Dispatcher.ResponseData, text: string): Answer {
  const retryAfter = header(response, 'retry-after')
  const location = header(response, 'location')
  return {
    status: response.statusCode,
    text,
    // Slack says text/html of the plain `ok` of a webhook too.
    isHtml: text.trimStart().startsWith('<'),
    retryAfter: retryAfter === null ? null : readRetryAfter(retryAfter, header(response, 'date'), Date.now()),
    location: location === null ? null : (URL.parse(location, url)?.href ?? location),
  }
}

function header({ headers }: Dispatcher.ResponseData, name: string): string | null {
  const value = headers[name.toLowerCase()]
  // Of several, the first: what a proxy adds comes after what the server said.
  return Array.isArray(value) ? (value[0] ?? null) : (value ?? null)
}
