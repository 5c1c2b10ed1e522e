/** What `openHttp` loads. */
import { Agent, type Dispatcher, ProxyAgent, request } from 'undici'
import type { AddressGuard } from './address-guard.ts'
import { ConnectFailure, wordsOf } from './connect-failure.ts'
import { createConnector } from './connector.ts'
import type { HttpProxy, Proxies } from './proxies.ts'
import { loginProblem, unreachable } from './tunnel.ts'

export interface HttpOptions {
  readonly proxies: Proxies
  /** Milliseconds for a whole request. */
  readonly timeoutMs: number
  /** The setting that contains the host, for hints: `channels.slack.api_url`. */
  readonly hostSetting: string
  readonly largestAnswerBytes: number
  /** Connections to one host at once; by default one. */
  readonly connections?: number
  /** False: only the authorities of Node's own list are trusted, as webhook senders trust no others. */
  readonly trustSystem?: boolean
  /**
   * Which addresses may be reached; by default all. A proxy resolves names itself, so only hosts that are addresses are judged
   * then.
   */
  readonly guard?: AddressGuard
}

export interface RequestInit {
  readonly method?: 'GET' | 'POST'
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  /** Milliseconds; at most the client's own limit. */
  readonly timeoutMs?: number
}

export interface HttpClient {
  /**
   * Like the global fetch (which uses no proxy and trusts only Node's list), but follows no redirects and reads the whole answer.
   * Rejects with a ConnectFailure if a proxy or a certificate is the cause, with a TimeoutError, or with undici's errors. If an
   * answer breaks off or is too long, its status and headers are returned, and reading its body rejects with one of these errors.
   */
  fetch(url: string, init?: RequestInit): Promise<Response>
  close(): Promise<void>
}

const LONGEST_STEP_MS = 5_000

/** A pool of connections, opened on first use. For https; http requests go directly. */
export function openAgent(options: HttpOptions): Agent {
  const { proxies, timeoutMs, connections = 1, largestAnswerBytes } = options
  const { hostSetting, trustSystem = true, guard } = options
  return new Agent({
    connections,
    connect: createConnector({
      proxies,
      stepMs: stepOf(options),
      allowH2: true,
      trustSystem,
      hostSetting,
      guard,
    }),
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
    maxResponseSize: largestAnswerBytes,
  })
}

/** The limits of all steps of connecting are shorter than that of the request, so if no connection was made, nothing was sent. */
function stepOf({ proxies, timeoutMs }: HttpOptions): number {
  const steps = proxies.https === null ? 2 : 4
  return Math.max(1, Math.min(LONGEST_STEP_MS, Math.floor(timeoutMs / steps)))
}

export function openClient(options: HttpOptions): HttpClient {
  const agent = openAgent(options)
  const { proxies, timeoutMs } = options
  const opened: Dispatcher[] = [agent]

  async function fetch(
    url: string,
    { method = 'GET', headers = {}, body, timeoutMs: left = timeoutMs }: RequestInit = {},
  ): Promise<Response> {
    const target = new URL(url)
    const forward = target.protocol === 'http:' ? proxies.for(target) : null
    const response = await request(target, {
      dispatcher: forward === null ? agent : forwarding(forward),
      method,
      headers,
      ...(body !== undefined && { body }),
      signal: AbortSignal.timeout(Math.min(left, timeoutMs)),
    }).catch((error: unknown) => {
      throw forward === null ? error : forwardFailure(forward, error, timeoutMs)
    })
    const content = await response.body
      .arrayBuffer()
      .then((bytes) => (bytes.byteLength === 0 ? null : bytes), broken)
    const entries = Object.entries(response.headers).flatMap(([name, value]) =>
      [value ?? []].flat().map((text): [string, string] => [name, text]),
    )
    return new Response(content, {
      status: response.statusCode,
      headers: entries,
    })
  }

  /** The proxy gets the request itself instead of opening a tunnel, which proxies allow for http. */
  function forwarding({ protocol, name, authorization }: HttpProxy): Dispatcher {
    const dispatcher = new ProxyAgent({
      uri: `${protocol}//${name}`,
      ...(authorization && { token: authorization.reveal() }),
    })
    opened.push(dispatcher)
    return dispatcher
  }

  return {
    fetch,
    close: async () => void (await Promise.all(opened.splice(0).map((dispatcher) => dispatcher.close()))),
  }
}

function broken(error: unknown): ReadableStream {
  return new ReadableStream({ start: (controller) => controller.error(error) })
}

function forwardFailure(proxy: HttpProxy, error: unknown, timeoutMs: number): Error {
  const problem = /\(407\)/.test(wordsOf(error))
    ? loginProblem(proxy, '407', undefined)
    : unreachable(proxy, error, timeoutMs)
  return new ConnectFailure(problem, error)
}
