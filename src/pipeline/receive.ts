import { needsEnrichment } from '../core/enrichment/progress.ts'
import type { Step } from '../core/enrichment/step.ts'
import type { ErrorCode } from '../core/errors.ts'
import { type Event, type Pointers, readBody } from '../core/event.ts'
import { problemOf, type QuarantineCode } from '../core/receiving/quarantine.ts'
import { makePlan, mutedIn, type Planner } from '../core/routing/plan.ts'
import type { SignatureHeaders, Verifier } from '../sources/svix.ts'
import { type Appended, type Arrival, type Inbox, StoreUnavailable } from '../store/store.ts'
import type { Handling, Observe } from './fact.ts'

export interface ReceiveDeps {
  readonly store: Pick<Inbox, 'append' | 'noteClock'>
  readonly now: () => number
  /** Milliseconds with fractions since any moment, for measuring. */
  readonly clock: () => number
  readonly ids: Ids
  readonly observe: Observe
}

/** Gives events and deliveries their ids. */
export interface Ids {
  event(): string
  delivery(): string
}

/** The part of a configuration that receiving needs. */
export interface ReceiveSettings extends Planner {
  /** The steps of `enrich`; an event that one of them matches is planned after its enrichment. */
  readonly steps: readonly Step[]
  readonly sources: ReadonlyMap<string, SourceDeps>
  /** Milliseconds during which a message id seen before is a duplicate. */
  readonly dedupeFor: number
  /** Identifies the configuration. */
  readonly fingerprint: string
}

export interface SourceDeps {
  readonly verifier: Verifier
  /** Whether an address may send; null where every address may. */
  readonly allows: ((address: string) => boolean) | null
  readonly pointers: Pointers
}

export interface WebhookRequest {
  readonly source: string
  readonly signature: SignatureHeaders
  readonly body: Buffer
  /** Milliseconds since its head had arrived. */
  readonly age: number
  /** The header of that name, as received. */
  readonly traceparent: string | undefined
}

export type Received =
  | { readonly kind: 'stored' | 'duplicate'; readonly id: string }
  /** `repeated`: the same request is in quarantine already. */
  | { readonly kind: 'quarantined'; readonly repeated: boolean; readonly code: QuarantineCode }
  /** `skewSeconds`, of timestamp_out_of_range: by how much our clock is ahead of the timestamp. */
  | { readonly kind: 'rejected'; readonly code: ErrorCode; readonly skewSeconds?: number }

const NOTE_CLOCK_EVERY_MS = 60_000

/** Verifies, reads, plans and stores one request: resolves after the event is on disk, or refused. */
export type Receive = (request: WebhookRequest, settings: ReceiveSettings) => Promise<Received>

const rejections = {
  missing_headers: 'missing_signature',
  malformed_headers: 'malformed_signature',
  timestamp_out_of_range: 'timestamp_out_of_range',
  no_matching_signature: 'wrong_signature',
} as const satisfies Record<string, ErrorCode>

type Origin = Omit<Event, 'type' | 'subject' | 'payload' | 'enriched'>

export function createReceive(deps: ReceiveDeps): Receive {
  const { store, observe, clock } = deps
  const notedAt = new Map<string, number>()

  return async (request, settings) => {
    const source = settings.sources.get(request.source)
    if (source === undefined) return { kind: 'rejected', code: 'unknown_source' }
    const verifying = clock()
    const verified = source.verifier.verify(request.signature, request.body)
    const verifiedAt = clock()
    if (!verified.ok) {
      const code = rejections[verified.reason]
      if (verified.reason !== 'timestamp_out_of_range') return { kind: 'rejected', code }
      noteClock(request.source, verified.sentAt)
      return { kind: 'rejected', code, skewSeconds: verified.skewSeconds }
    }

    const { messageId, sentAt, secretIndex } = verified
    const origin = {
      id: deps.ids.event(),
      messageId,
      source: request.source,
      receivedAt: deps.now(),
      sentAt,
      secretIndex,
    }
    const { arrival, code } = read(settings, source, origin, request.body)
    const routed = clock()
    const handling = (): Handling => ({
      began: verifying - request.age,
      verifying,
      verified: verifiedAt,
      routed,
      stored: clock(),
      routes: arrival.kind === 'event' ? (arrival.plan?.routes ?? []).map(({ route }) => route) : [],
      bytes: request.body.length,
      traceparent: request.traceparent,
    })
    try {
      const appended = await store.append(arrival)
      report(arrival, appended, handling(), code)
      // What was stored as an event is answered as a duplicate, even if this configuration could not read it.
      const repeated = appended.kind === 'duplicate'
      const isEvent = repeated && !appended.quarantined
      if (code !== null && !isEvent) return { kind: 'quarantined', repeated, code }
      return { kind: appended.kind, id: appended.id }
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) throw error
      const { id, messageId } = origin
      const type = arrival.kind === 'event' ? arrival.event.type : null
      const unstored = { source: request.source, type, id, messageId, handling: handling() }
      observe({ kind: 'store_failed', during: 'append', message: error.message, request: unstored })
      return { kind: 'rejected', code: 'store_unavailable' }
    }
  }

  /** For `doctor`: otherwise nothing is stored of a sender that is always refused. */
  function noteClock(source: string, sentAt: number): void {
    const receivedAt = deps.now()
    if (Math.abs(receivedAt - (notedAt.get(source) ?? 0)) < NOTE_CLOCK_EVERY_MS) return
    notedAt.set(source, receivedAt)
    // Not reported: a store that takes nothing reports that itself.
    store.noteClock(source, { receivedAt, sentAt }).catch(() => {})
  }

  /** What to store of a request, and why it is no event. */
  function read(
    settings: ReceiveSettings,
    { pointers }: SourceDeps,
    origin: Origin,
    body: Buffer,
  ): { readonly arrival: Arrival; readonly code: QuarantineCode | null } {
    const { fingerprint, dedupeFor } = settings
    const quarantine = (code: QuarantineCode, message: string) => {
      const request = { ...origin, body, problem: problemOf(code, message) }
      return { arrival: { kind: 'quarantine', request, dedupeFor }, code } as const
    }
    const read = readBody(body, pointers)
    if (!read.ok) return quarantine(read.code, read.message)
    const { type, subject, payload } = read
    const event = { ...origin, type, subject, payload, enriched: {} }
    if (needsEnrichment(settings.steps, event)) {
      return { arrival: { kind: 'event', event, body, plan: null, dedupeFor }, code: null }
    }
    const making = {
      at: origin.receivedAt,
      cause: 'received',
      fingerprint,
      newId: deps.ids.delivery,
    } as const
    const made = makePlan(settings, event, making)
    if (!made.ok) return quarantine(made.code, made.message)
    return { arrival: { kind: 'event', event, body, plan: made.plan, dedupeFor }, code: null }
  }

  function report(
    arrival: Arrival,
    appended: Appended,
    handling: Handling,
    code: QuarantineCode | null,
  ): void {
    const { source, messageId, secretIndex } = arrival.kind === 'event' ? arrival.event : arrival.request
    const isDuplicate = appended.kind === 'duplicate'
    const common = { kind: 'received', source, id: appended.id, messageId, secretIndex, handling } as const
    if (arrival.kind === 'quarantine') {
      const { problem } = arrival.request
      observe({
        ...common,
        type: null,
        subject: null,
        result: isDuplicate ? 'duplicate' : 'quarantined',
        unrouted: false,
        deliveries: 0,
        enriching: false,
        problem,
        ...(code !== null && { code }),
      })
    } else {
      const { plan, event } = arrival
      observe({
        ...common,
        type: event.type,
        subject: event.subject,
        result: isDuplicate ? 'duplicate' : 'stored',
        unrouted: plan?.unrouted === true,
        deliveries: isDuplicate ? 0 : (plan?.deliveries.length ?? 0),
        ...(isDuplicate ? {} : mutedIn(plan)),
        enriching: plan === null && !isDuplicate,
      })
    }
  }
}
