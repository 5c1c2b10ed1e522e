/** One pool of connections to Slack. Node's fetch costs many times the CPU of undici's dispatcher, on which it is built. */
import type { FetchFunction } from '@slack/web-api'
import { readRetryAfter } from '../../../core/delivery/retry-after.ts'
import { ownProperty, parseJson } from '../../../core/json/json.ts'
import { openAgent } from '../../../network/http-client.ts'
import type { ChannelEnvironment } from '../../channel.ts'
import { exchange, type Response } from './exchange.ts'
import { type ClockAhead, createSlackClock } from './slack-clock.ts'

export interface Transport {
  /** What WebClient calls instead of fetch. Throws a FailedAnswer for every answer that is not a success. */
  readonly fetch: FetchFunction
  /** Posts JSON. Throws what undici throws, a TimeoutError, and NotSent. */
  post(url: string, body: string): Promise<Answer>
  /** The Web API's clock, from its successful answers; null before the first one. */
  clockAhead(): ClockAhead | null
  close(): Promise<void>
}

/** An answer over HTTP, from Slack or from a proxy. */
export interface Answer {
  readonly status: number
  readonly text: string
  /** False if the rest of the text is missing. */
  readonly isWhole: boolean
  readonly isHtml: boolean
  /** Milliseconds that it asks us to wait; null if it does not ask, or cannot be read. */
  readonly retryAfter: number | null
  /** The target of a redirect, as an absolute URL if possible. */
  readonly location: string | null
}

/** The Web API did not answer with a success. */
export class FailedAnswer extends Error {
  override readonly name = 'FailedAnswer'
  readonly answer: Answer

  constructor(answer: Answer) {
    super(`HTTP ${answer.status}`)
    this.answer = answer
  }
}

type FetchResponse = Awaited<ReturnType<FetchFunction>>

const LARGEST_ANSWER_BYTES = 1_000_000

/** Connects on first use, with up to `connections` sockets. */
export function openTransport(
  connections: number,
  { timeout: timeoutMs, proxies, now, beganAt }: Omit<ChannelEnvironment, 'print'>,
): Transport {
  const agent = openAgent({
    proxies,
    timeoutMs,
    connections,
    largestAnswerBytes: LARGEST_ANSWER_BYTES,
    hostSetting: 'channels.slack.api_url or webhook_url',
  })
  const clock = createSlackClock({ now, monotonic: () => performance.now(), beganAt })
  return {
    async fetch(url, init = {}) {
      clock.asking()
      const { method = 'POST', headers = {}, body } = init
      if (typeof body !== 'string') throw new TypeError('only text is sent to Slack')
      const request = { url: new URL(url), method: method === 'GET' ? 'GET' : 'POST', headers, body } as const
      const response = await exchange(agent, request, timeoutMs)
      const answer = toFetchResponse(String(url), response)
      const date = Date.parse(header(response, 'date') ?? '')
      if (!Number.isNaN(date)) clock.answered(date)
      return answer
    },
    async post(url, body) {
      const headers = { 'content-type': 'application/json' }
      const request = { url: new URL(url), method: 'POST', headers, body } as const
      return toAnswer(url, await exchange(agent, request, timeoutMs))
    },
    clockAhead: clock.ahead,
    close: () => agent.close(),
  }
}

/** Converts every failed answer: WebClient would lose its headers, or read a page as the name of an error. */
function toFetchResponse(url: string, response: Response): FetchResponse {
  const { status, text } = response
  if (status !== 200 || !isSuccess(text)) throw new FailedAnswer(toAnswer(url, response))
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

/** Every method of the Web API returns an object whose `ok` says whether it succeeded. */
function isSuccess(text: string): boolean {
  return ownProperty(parseJson(text), 'ok') === true
}

function toAnswer(url: string, response: Response): Answer {
  const { status, text, isWhole } = response
  const retryAfter = header(response, 'retry-after')
  const location = header(response, 'location')
  return {
    status,
    text,
    isWhole,
    // Slack sends even the plain `ok` of a webhook as text/html.
    isHtml: text.trimStart().startsWith('<'),
    retryAfter: retryAfter === null ? null : readRetryAfter(retryAfter, header(response, 'date'), Date.now()),
    location: location === null ? null : (URL.parse(location, url)?.href ?? location),
  }
}

function header({ headers }: Response, name: string): string | null {
  const value = headers[name.toLowerCase()]
  // The first one, if there are several: a proxy adds its own after the server's.
  return Array.isArray(value) ? (value[0] ?? null) : (value ?? null)
}
