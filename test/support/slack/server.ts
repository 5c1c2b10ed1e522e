/**
 * A stand-in for Slack: its Web API and incoming webhooks over HTTP, with their errors and limits. The tests
 * and the benchmark send to it.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { isObject } from '../../../src/core/json/json.ts'
import { answerMethod } from './methods.ts'
import type { SlackServerMessage, SlackServerOptions, Workspace } from './workspace.ts'

interface SlackRequest {
  /** `chat.postMessage`; `webhook` for an incoming webhook. */
  readonly method: string
  readonly channel: string | undefined
  readonly body: Readonly<Record<string, unknown>>
}

/** What to do instead of behaving like Slack. What says `accept` takes the message first. */
export type Misbehaviour =
  | OtherAnswer
  | 'hang'
  | 'reset'
  | 'accept-and-hang'
  | 'accept-and-reset'
  | 'accept-and-cut'

/** An answer of Slack's, of a server that imitates it, or of a proxy. */
export interface OtherAnswer {
  readonly status: number
  readonly headers?: Readonly<Record<string, string | string[]>>
  readonly body: string
  readonly accept?: boolean
  /** Answers when it resolves. */
  readonly when?: Promise<unknown>
  /** Sends no more than these bytes of the body, and resets the connection. */
  readonly cutAt?: number
}

export interface SlackServer {
  /** The Web API's base, with a slash at its end. */
  readonly url: string
  /** The one incoming webhook that exists. */
  readonly webhookUrl: string
  readonly messages: SlackServerMessage[]
  /** Requests until now. */
  readonly calls: number
  /** TCP connections until now, and those open now. */
  readonly connections: number
  readonly open: number
  /** Decides about each request, at once or later; undefined leaves it to the stand-in. */
  behave: (request: SlackRequest) => Misbehaviour | undefined | Promise<Misbehaviour | undefined>
  close(): Promise<void>
}

const WEBHOOK_PATH = '/services/T00000000/B00000000/standInWebhookSecret'
const BODY_LIMIT = 1_000_000
const CUT_AT = 5
// Longer than any test: a connection that ends was ended by the client.
const LONGEST_REST = 60_000

/** Listens on a free port of 127.0.0.1. */
export async function startSlackServer(options: SlackServerOptions = {}): Promise<SlackServer> {
  const workspace: Workspace = {
    options,
    messages: [],
    channelIds: new Map(),
    byChannel: new Map(),
    buckets: new Map(),
    lastTs: 0,
  }
  const counts = { calls: 0, connections: 0, open: 0 }
  const settings = { keepAliveTimeout: LONGEST_REST, ...options.tls }
  const answer = (request: IncomingMessage, response: ServerResponse) => {
    counts.calls += 1
    serve(request, response).catch(() => response.destroy())
  }
  const http = options.tls === undefined ? createServer(settings, answer) : createTlsServer(settings, answer)
  http.on('connection', (socket) => {
    counts.connections += 1
    counts.open += 1
    socket.once('close', () => {
      counts.open -= 1
    })
  })
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
  const address = http.address()
  const origin = `${options.tls === undefined ? 'http' : 'https'}://127.0.0.1:${isObject(address) ? address.port : ''}`
  const server: SlackServer = {
    url: `${origin}/api/`,
    webhookUrl: origin + WEBHOOK_PATH,
    messages: workspace.messages,
    behave: () => undefined,
    get calls() {
      return counts.calls
    },
    get connections() {
      return counts.connections
    },
    get open() {
      return counts.open
    },
    async close() {
      if (!http.listening) return
      const closed = new Promise((resolve) => http.close(resolve))
      http.closeAllConnections()
      await closed
    },
  }
  return server

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const method = methodOf(request)
    const text = await readText(request)
    if (method === null) return respond(response, { status: 404, headers: {}, body: 'no_service' })
    const body = parseBody(text, request.headers['content-type'] ?? '')
    const channel = typeof body?.channel === 'string' ? body.channel : undefined
    const wanted = await server.behave({ method, channel, body: body ?? {} })
    if (wanted === 'hang') return
    if (wanted === 'reset') return reset(response)
    if (typeof wanted === 'object' && wanted.accept !== true) return other(response, wanted)
    const answer = answerMethod(workspace, method, body, request.headers.authorization)
    if (typeof wanted === 'object') return other(response, wanted)
    if (wanted === 'accept-and-hang') return
    if (wanted === 'accept-and-reset') return reset(response)
    if (wanted === 'accept-and-cut') return cutShort(response, answer, CUT_AT)
    if (options.delay !== undefined && options.delay > 0) await pause(options.delay)
    respond(response, answer, options.clockAhead)
  }
}

type Sent = Pick<OtherAnswer, 'status' | 'body'> & Required<Pick<OtherAnswer, 'headers'>>

function methodOf({ url = '/' }: IncomingMessage): string | null {
  const [pathname = ''] = url.split('?', 1)
  if (pathname === WEBHOOK_PATH) return 'webhook'
  return pathname.startsWith('/api/') ? pathname.slice('/api/'.length) : null
}

/** By events: an iterator over the chunks takes several times the CPU. */
function readText(request: IncomingMessage): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const chunks: Buffer[] = []
  let size = 0
  request.on('data', (chunk: Buffer) => {
    size += chunk.length
    if (size > BODY_LIMIT) reject(new Error('the request is too large'))
    else chunks.push(chunk)
  })
  request.once('end', () => resolve(Buffer.concat(chunks).toString('utf8')))
  request.once('error', reject)
  return promise
}

/** The arguments, with JSON within a form already parsed; null where the body cannot be read. */
function parseBody(text: string, contentType: string): Record<string, unknown> | null {
  if (contentType.startsWith('application/json')) {
    const parsed = parseJson(text)
    return isObject(parsed) ? { ...parsed } : null
  }
  const form: Record<string, unknown> = Object.fromEntries(new URLSearchParams(text))
  if (typeof form.payload === 'string') {
    const parsed = parseJson(form.payload)
    return isObject(parsed) ? { ...parsed } : null
  }
  for (const key of ['blocks', 'metadata']) {
    if (typeof form[key] === 'string') form[key] = parseJson(form[key])
  }
  return form
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

async function other(response: ServerResponse, answer: OtherAnswer): Promise<void> {
  const { when, cutAt, headers = {}, ...rest } = answer
  await when
  if (cutAt !== undefined) return cutShort(response, { headers, ...rest }, cutAt)
  respond(response, { headers, ...rest })
}

function respond(response: ServerResponse, { status, headers, body }: Sent, clockAhead = 0): void {
  response.writeHead(status, {
    ...headersOf(body),
    ...(clockAhead !== 0 && { date: new Date(Date.now() + clockAhead).toUTCString() }),
    ...headers,
  })
  response.end(body)
}

function cutShort(response: ServerResponse, { status, headers, body }: Sent, bytes: number): void {
  response.writeHead(status, { ...headersOf(body), ...headers })
  response.write(body.slice(0, bytes), () => reset(response))
}

function headersOf(body: string): Record<string, string> {
  // 204 and 304 have none.
  if (body === '') return {}
  const type = body.startsWith('{') ? 'application/json; charset=utf-8' : 'text/html'
  return { 'content-type': type, 'content-length': String(Buffer.byteLength(body)) }
}

function reset(response: ServerResponse): void {
  response.socket?.resetAndDestroy()
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
