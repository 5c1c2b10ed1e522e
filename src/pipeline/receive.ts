import type { ErrorCode } from '../core/errors.ts'
import { type Event, readBody, type UnreadableCode } from '../core/event.ts'
import { type Planner, plan } from '../core/plan.ts'
import type { SignatureHeaders, Verifier } from '../sources/svix.ts'
import { type Entry, type Store, StoreUnavailable } from '../store/store.ts'
import type { Handling, Observe } from './fact.ts'

export interface ReceiveDeps {
  readonly store: Pick<Store, 'append'>
  readonly now: () => number
  /** Milliseconds with fractions since any moment, for measuring. */
  readonly clock: () => number
  readonly newId: () => string
  readonly observe: Observe
}

/** What the configuration says of receiving. */
export interface ReceiveSettings extends Planner {
  readonly sources: ReadonlyMap<string, SourceDeps>
  /** Milliseconds during which a message id seen before is a duplicate. */
  readonly dedupeFor: number
}

export interface SourceDeps {
  readonly verifier: Verifier
  /** Whether an address may send; null where every address may. */
  readonly allows: ((address: string) => boolean) | null
  /** JSON pointer to the event type; undefined tries the usual places. */
  readonly eventType: string | undefined
}

export interface WebhookRequest {
  readonly source: string
  readonly signature: SignatureHeaders
  readonly body: Buffer
  /** Milliseconds since its head had arrived. */
  readonly age: number
  /** The header of that name, as it came. */
  readonly traceparent: string | undefined
}

export type Received =
  | { readonly kind: 'stored' | 'duplicate'; readonly id: string }
  | { readonly kind: 'quarantined'; readonly code: UnreadableCode }
  | { readonly kind: 'rejected'; readonly code: ErrorCode }

/** Verifies, reads, routes and stores one request: resolves after the event is on disk, or refused. */
export type Receive = (request: WebhookRequest, settings: ReceiveSettings) => Promise<Received>

const rejections = {
  missing_headers: 'missing_signature',
  malformed_headers: 'malformed_signature',
  timestamp_out_of_range: 'timestamp_out_of_range',
  no_matching_signature: 'wrong_signature',
} as const satisfies Record<string, ErrorCode>

export function createReceive(deps: ReceiveDeps): Receive {
  const { store, observe, clock } = deps

  return async (request, settings) => {
    const source = settings.sources.get(request.source)
    if (source === undefined) return { kind: 'rejected', code: 'unknown_source' }
    const verifying = clock()
    const verified = source.verifier.verify(request.signature, request.body)
    const verifiedAt = clock()
    if (!verified.ok) return { kind: 'rejected', code: rejections[verified.reason] }

    const { messageId, sentAt, secretIndex } = verified
    const origin = {
      id: deps.newId(),
      messageId,
      source: request.source,
      receivedAt: deps.now(),
      sentAt,
      secretIndex,
    }
    const read = readBody(request.body, source.eventType)
    const entry = read.ok
      ? eventEntry(settings, { ...origin, type: read.type, payload: read.payload }, request.body)
      : quarantineEntry(settings, origin, request.body, `${read.code}: ${read.message}`)
    const routed = clock()
    const handling = (): Handling => ({
      began: verifying - request.age,
      verifying,
      verified: verifiedAt,
      routed,
      stored: clock(),
      routes: entry.kind === 'event' ? entry.routing.routes : [],
      bytes: request.body.length,
      traceparent: request.traceparent,
    })
    try {
      const appended = await store.append(entry)
      const id = appended.kind === 'unknown' ? origin.id : appended.id
      tell(entry, appended.kind === 'duplicate', id, handling(), read.ok ? undefined : read.code)
      if (!read.ok) return { kind: 'quarantined', code: read.code }
      return { kind: appended.kind === 'duplicate' ? 'duplicate' : 'stored', id }
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) throw error
      const { id, messageId } = origin
      const type = read.ok ? read.type : null
      const unstored = { source: request.source, type, id, messageId, handling: handling() }
      observe({ kind: 'store_failed', during: 'append', message: error.message, request: unstored })
      return { kind: 'rejected', code: 'store_unavailable' }
    }
  }

  function eventEntry(
    settings: ReceiveSettings,
    event: Event,
    body: Buffer,
  ): Extract<Entry, { kind: 'event' }> {
    const { routes, unrouted, deliveries } = plan(settings, event)
    return {
      kind: 'event',
      event,
      body,
      routing: { routes: routes.map(({ route }) => route), unrouted },
      deliveries,
      dedupeFor: settings.dedupeFor,
    }
  }

  function quarantineEntry(
    { dedupeFor }: ReceiveSettings,
    origin: Omit<Event, 'type' | 'payload'>,
    body: Buffer,
    problem: string,
  ): Entry {
    return { kind: 'quarantine', request: { ...origin, body, problem }, dedupeFor }
  }

  function tell(
    entry: Entry,
    duplicate: boolean,
    id: string,
    handling: Handling,
    code: UnreadableCode | undefined,
  ): void {
    if (entry.kind === 'replay') return
    const { source, messageId, secretIndex } = entry.kind === 'event' ? entry.event : entry.request
    const common = { kind: 'received', source, id, messageId, secretIndex, handling } as const
    if (entry.kind === 'quarantine') {
      const { problem } = entry.request
      const result = duplicate ? 'duplicate' : 'quarantined'
      observe({
        ...common,
        type: null,
        result,
        unrouted: false,
        deliveries: 0,
        problem,
        ...(code !== undefined && { code }),
      })
    } else {
      const result = duplicate ? 'duplicate' : 'stored'
      const { routing, deliveries, event } = entry
      observe({
        ...common,
        type: event.type,
        result,
        unrouted: routing.unrouted,
        deliveries: duplicate ? 0 : deliveries.length,
      })
    }
  }
}
