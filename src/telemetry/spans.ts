/** Turns facts of the pipeline into spans, which contain no body, secret or mail address. */
import type { Outcome } from '../core/delivery/outcome.ts'
import type { Fact, Handling, UnstoredRequest } from '../pipeline/fact.ts'
import { type RemoteSpan, readTraceparent } from './identity.ts'

/** Times are by the pipeline's clock, or since the epoch if `wall` is set. */
export interface Span {
  readonly name: string
  readonly kind: 'server' | 'client' | 'internal'
  readonly begin: number
  readonly end: number
  readonly wall?: boolean
  readonly attributes: Attributes
  readonly error?: string
  readonly link?: RemoteSpan | undefined
  readonly children: readonly Span[]
}

type Attributes = Readonly<Record<string, string | number | boolean | string[]>>

export interface EventSpan {
  /** Whether it is the root of the event's trace; otherwise it is a child of the root. */
  readonly root: boolean
  readonly span: Span
}

/** The HTTP status of an answer. */
export type StatusOf = (end: 'stored' | 'duplicate' | 'store_unavailable' | QuarantineCode) => number
type QuarantineCode = NonNullable<Extract<Fact, { kind: 'received' }>['code']>

type Attempted = Extract<Fact, { kind: 'attempted' }>

const ADDRESS = /<?[^\s<>"'(),;:@]+@[^\s<>"'(),;:@]+>?/g

/** The event that a fact is about. Refused requests have no spans, so that a flood of them does not fill the collector. */
export function eventIdOf(fact: Fact): string | undefined {
  switch (fact.kind) {
    case 'received':
    case 'enrichment_tried':
    case 'enriched':
    case 'enrichment_refused':
      return fact.id
    case 'attempted':
    case 'skipped':
      return fact.delivery.eventId
    case 'store_failed':
      return fact.request?.id ?? fact.delivery?.eventId
    default:
      return undefined
  }
}

/** Null for facts that are only logged. */
export function spanOf(fact: Fact, statusOf: StatusOf): EventSpan | null {
  switch (fact.kind) {
    case 'received': {
      const { result, code, unrouted, deliveries, handling } = fact
      const span = receipt(fact, statusOf(code ?? (result === 'duplicate' ? 'duplicate' : 'stored')), {
        'hookbridge.result': result,
        'hookbridge.unrouted': unrouted,
        'hookbridge.deliveries': deliveries,
        ...(code !== undefined && { 'error.type': code }),
      })
      const children = steps(handling)
      // The answer is 400, an error of the sender, but a person here must look into it.
      const error = code === undefined ? {} : { error: `quarantined: ${code}` }
      return { root: result !== 'duplicate', span: { ...span, ...error, children } }
    }
    case 'store_failed':
      return fact.request === undefined ? null : { root: true, span: unstored(fact.request, statusOf) }
    case 'attempted':
      return { root: false, span: attempt(fact) }
    case 'enrichment_tried':
      return { root: false, span: fetching(fact) }
    case 'enriched':
      return { root: false, span: enrichment(fact) }
    default:
      return null
  }
}

function unstored(request: UnstoredRequest, statusOf: StatusOf): Span {
  const type = 'store_unavailable'
  const span = receipt(request, statusOf(type), { 'hookbridge.result': 'unstored', 'error.type': type })
  const children = steps(request.handling, type)
  return { ...span, error: 'the store is unavailable', children }
}

function receipt(
  { source, type, id, messageId, handling }: UnstoredRequest,
  status: number,
  more: Attributes,
): Omit<Span, 'children'> {
  return {
    name: 'receive',
    kind: 'server',
    begin: handling.began,
    end: handling.stored,
    link: readTraceparent(handling.traceparent),
    attributes: {
      'http.request.method': 'POST',
      'http.route': '/webhooks/:source',
      'http.request.body.size': handling.bytes,
      'http.response.status_code': status,
      'messaging.operation.type': 'receive',
      'messaging.message.id': messageId,
      'hookbridge.source': source,
      'hookbridge.event.id': id,
      ...(type !== null && { 'hookbridge.event.type': withoutAddresses(type) }),
      ...more,
    },
  }
}

function steps({ verifying, verified, routed, stored, routes }: Handling, storeError?: string): Span[] {
  return [
    step('verify', verifying, verified),
    step('route', verified, routed, { 'hookbridge.routes': routes.map(withoutAddresses) }),
    failed(step('store', routed, stored), storeError),
  ]
}

/** One request of a step. Its URL contains values of the event, and is left out. */
function fetching(fact: Extract<Fact, { kind: 'enrichment_tried' }>): Span {
  const { id, step: name, host, result, reason, kept, durationMs, againAt, ended } = fact
  const attributes = {
    'http.request.method': 'GET',
    'server.address': host,
    'hookbridge.event.id': id,
    'hookbridge.step': name,
    'hookbridge.result': result,
    'hookbridge.from_cache': kept,
    ...(againAt !== null && { 'hookbridge.next_try_at': new Date(againAt).toISOString() }),
  }
  const span: Span = { ...step('fetch', ended - durationMs, ended, attributes), kind: 'client' }
  if (reason === null) return span
  return { ...span, error: withoutAddresses(reason), attributes: { ...attributes, 'error.type': result } }
}

/** From the receipt to the plan; the process that plans may be another one. */
function enrichment(fact: Extract<Fact, { kind: 'enriched' }>): Span {
  const { id, receivedAt, waitedMs, steps: ended, unrouted, deliveries } = fact
  const attributes = {
    'hookbridge.event.id': id,
    'hookbridge.steps': ended.map(({ step: name, result }) => `${name} ${result}`),
    'hookbridge.unrouted': unrouted,
    'hookbridge.deliveries': deliveries,
  }
  return { ...step('enrich', receivedAt, receivedAt + waitedMs, attributes), wall: true }
}

function attempt(fact: Attempted): Span {
  const { delivery, outcome, next, startedAt, template, times } = fact
  const { channel, target } = delivery.destination
  const attributes = {
    'hookbridge.event.id': delivery.eventId,
    'hookbridge.delivery.id': delivery.id,
    'hookbridge.delivery.state': next.state,
    'hookbridge.route': withoutAddresses(delivery.route),
    'hookbridge.receiver': delivery.receiver,
    'hookbridge.channel': channel,
    ...(withoutAddresses(target) === target && { 'hookbridge.target': target }),
    'hookbridge.attempt': delivery.attempts + 1,
    'hookbridge.outcome': outcome.kind,
    'hookbridge.ambiguous': outcome.kind === 'ambiguous',
    ...(next.dueAt !== null && { 'hookbridge.next_attempt_at': new Date(next.dueAt).toISOString() }),
    ...(template !== null && { 'hookbridge.template': template }),
    ...(outcome.kind !== 'sent' && { 'error.type': outcome.kind }),
  }
  const common = { name: 'attempt', kind: 'internal', attributes, ...errorOf(outcome) } as const
  if (times === null) return { ...common, begin: startedAt, end: startedAt, wall: true, children: [] }
  const { began, rendered, ended, recorded } = times
  const send: Span = { ...step('send', rendered ?? began, ended), kind: 'client', ...errorOf(outcome) }
  const children = [
    ...(rendered === null
      ? []
      : [failed(step('render', began, rendered), template === null && 'no_template')]),
    ...(template === null ? [] : [send]),
    step('record', ended, recorded),
  ]
  return { ...common, begin: began, end: recorded, children }
}

function errorOf(outcome: Outcome): { readonly error?: string } {
  return outcome.kind === 'sent' ? {} : { error: withoutAddresses(`${outcome.kind}: ${outcome.reason}`) }
}

function step(name: string, begin: number, end: number, attributes: Attributes = {}): Span {
  return { name, kind: 'internal', begin, end, attributes, children: [] }
}

function failed(span: Span, type: string | false | undefined): Span {
  return type === undefined || type === false
    ? span
    : { ...span, error: type, attributes: { ...span.attributes, 'error.type': type } }
}

/** Mail servers repeat the address that they refuse, so it is removed. */
function withoutAddresses(text: string): string {
  return text.replace(ADDRESS, '<address>')
}
