/** The HTTP server with a `receive` that stores nothing, asked through Fastify's inject: no socket, no disk. */
import { connect } from 'node:net'
import type { InjectOptions } from 'fastify'
import { pino } from 'pino'
import type { ErrorCode } from '../../src/core/errors.ts'
import { Secret } from '../../src/core/secret.ts'
import { createServer, type ServerDeps } from '../../src/http/server.ts'
import type { WebhookSettings } from '../../src/http/webhooks.ts'
import type { Fact } from '../../src/pipeline/fact.ts'
import type { Received, WebhookRequest } from '../../src/pipeline/receive.ts'
import { compileAllowList, compileTrust, isPrivate, isPublished } from '../../src/sources/addresses.ts'
import { createVerifier, readSignature } from '../../src/sources/svix.ts'
import { newEvent, secret, signedHeaders } from '../support/service.ts'

type Rejected = Extract<Fact, { kind: 'rejected' }>

interface FakeOptions {
  readonly deps?: Partial<ServerDeps>
  readonly limits?: Partial<ServerDeps['limits']>
  readonly maxPending?: number
  /** What a request that verified ends as. */
  readonly receive?: (request: WebhookRequest) => Received | Promise<Received>
}

/** Sources: cuuro; listed, which takes requests from 198.51.100.0/24 alone. */
export function fakeServer(
  t: { teardown(action: () => unknown): unknown },
  { deps = {}, limits = {}, maxPending = 1_000, receive }: FakeOptions = {},
) {
  const rejected: Rejected[] = []
  const counted: ErrorCode[] = []
  const received: WebhookRequest[] = []
  const log: Record<string, unknown>[] = []
  const inFlight = { count: 0 }
  const calls = { settings: 0, readSignature: 0 }
  const verifier = createVerifier([new Secret(secret)])
  const allows = compileAllowList([{ family: 'ipv4', address: '198.51.100.0', prefix: 24 }])
  const settings: WebhookSettings = {
    maxPending,
    sources: new Map([
      ['cuuro', { verifier, pointers: { subject: '/data/id' }, allows: null }],
      ['listed', { verifier, pointers: { subject: '/data/id' }, allows }],
    ]),
    router: { route: () => ({ matches: [], unrouted: true }) },
    destinations: new Map(),
    lifecycles: [],
    steps: [],
    fingerprint: 'c0ffee',
    dedupeFor: 0,
  }
  const server = createServer({
    log: pino({ level: 'warn' }, { write: (line: string) => log.push(JSON.parse(line)) }),
    observe: (fact) => {
      if (fact.kind === 'rejected') rejected.push(fact)
    },
    countError: (code) => counted.push(code),
    settings: () => {
      calls.settings += 1
      return settings
    },
    readSignature: (headers) => {
      calls.readSignature += 1
      return readSignature(headers, Date.now())
    },
    receive: async (request) => {
      received.push(request)
      const verified = verifier.verify(request.signature, request.body)
      if (!verified.ok && verified.reason === 'timestamp_out_of_range') {
        return { kind: 'rejected', code: verified.reason, skewSeconds: verified.skewSeconds }
      }
      if (!verified.ok) return { kind: 'rejected', code: 'wrong_signature' }
      return receive === undefined ? { kind: 'stored', id: 'evt_1' } : receive(request)
    },
    isPublished,
    isPrivate,
    isProxy: compileTrust('loopback'),
    failureLimit: () => ({ rate: 1 / 3_600, burst: 5 }),
    clock: () => performance.now(),
    inFlight,
    adminToken: () => undefined,
    reload: async () => ({ ok: true, changed: [], pending: [], warnings: [] }),
    notReady: () => [],
    lastReload: () => null,
    metrics: { contentType: 'text/plain', text: async () => '' },
    ...deps,
    limits: {
      bodyLimit: 262_144,
      requestTimeout: 60_000,
      maxConnections: 100,
      ...limits,
    },
  })
  t.teardown(() => server.close())

  async function ask(options: InjectOptions) {
    const response = await server.inject(options)
    const text = response.payload
    const answer = (text.startsWith('{') ? JSON.parse(text) : {}) as Record<string, unknown>
    return { status: response.statusCode, headers: response.headers, error: answer.error, answer }
  }

  return {
    server,
    rejected,
    counted,
    received,
    log,
    inFlight,
    calls,
    ask,
    /** Sends a signed event. `from` is the client's address, behind a proxy. */
    send(
      options: {
        readonly from?: string
        readonly key?: string
        readonly source?: string
        readonly body?: string
        readonly headers?: Readonly<Record<string, string>>
      } = {},
    ) {
      const event = newEvent()
      const { from, key = secret, source = 'cuuro', body = event.body, headers = {} } = options
      const url = `/webhooks/${source}`
      const signed = signedHeaders(event.messageId, body, key)
      const forwarded = from === undefined ? {} : { 'x-forwarded-for': from }
      return ask({ method: 'POST', url, headers: { ...signed, ...forwarded, ...headers }, payload: body })
    },
  }
}

export type FakeServer = ReturnType<typeof fakeServer>

/** Sends bytes that no client would, and gives all that is answered before the connection ends. */
export function askRaw(port: number, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = ''
    const socket = connect(port, '127.0.0.1', () => socket.write(text))
    socket.on('data', (chunk) => {
      answer += chunk
    })
    socket.on('error', reject)
    socket.on('end', () => {
      socket.end()
      resolve(answer)
    })
  })
}

/** A secret that no source has. */
export const wrongSecret = `whsec_${Buffer.from('somebody elses secret, 32 bytes.').toString('base64')}`
