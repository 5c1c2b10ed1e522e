import type { Destination } from '../../../src/core/destination.ts'
import type { Event } from '../../../src/core/event.ts'
import type { ClaimRequest, Entry, NewDelivery, QuarantinedRequest, Store } from '../../../src/store/store.ts'

/** What a store is made of for one test: the same data, seen by the service and by others. */
export interface Harness {
  /** Opens the store as a service does when it starts. */
  service(): Promise<Store>
  /** Opens it as another process would, while the service runs. */
  operator(): Promise<Store>
}

export const HOUR = 3_600_000
export const START = Date.UTC(2026, 5, 1)

export function eventId(number: number): string {
  return `evt_${String(number).padStart(26, '0')}`
}

export function event(number: number, change: Partial<Event> = {}): Event {
  return {
    id: eventId(number),
    messageId: `msg_${number}`,
    source: 'cuuro',
    type: 'analysis.completed',
    receivedAt: START + number,
    sentAt: START + number - 50,
    secretIndex: 0,
    payload: { type: 'analysis.completed', data: { id: `an_${number}` } },
    ...change,
  }
}

/** What a test wants different about a planned delivery; with `skipped`, the reason, it is not to be sent. */
export interface Change
  extends Partial<Pick<NewDelivery, 'route' | 'receiver' | 'template'>>,
    Partial<Destination> {
  readonly skipped?: string
}

export function planned(change: Change = {}): NewDelivery {
  const { skipped } = change
  const start =
    skipped === undefined ? ({ kind: 'pending' } as const) : { kind: 'skipped' as const, reason: skipped }
  return { ...stored(change), start }
}

/** What a store keeps of it as it is. */
export function stored(change: Change = {}): Omit<NewDelivery, 'start'> {
  const { channel = 'slack', target = '#deal-flow', rateKey = `${channel}:${target}` } = change
  const { route = 'completed analyses', receiver = 'deal-flow', template = null } = change
  return { route, receiver, template, destination: { channel, target, rateKey } }
}

/** An event's entry, its body made from its payload. */
export function entry(
  stored: Event,
  deliveries: readonly NewDelivery[] = [],
): Extract<Entry, { kind: 'event' }> {
  return {
    kind: 'event',
    event: stored,
    body: Buffer.from(JSON.stringify(stored.payload)),
    routing: { routes: ['completed analyses'], unrouted: false },
    deliveries,
    dedupeFor: 72 * HOUR,
  }
}

export function quarantine(number: number, change: Partial<QuarantinedRequest> = {}): Entry {
  const request = {
    id: eventId(number),
    messageId: `msg_${number}`,
    source: 'cuuro',
    receivedAt: START + number,
    sentAt: START + number - 50,
    secretIndex: 1,
    body: Buffer.from([0x7b, 0xff, 0x00]),
    problem: 'invalid_utf8: the body is not valid UTF-8',
    ...change,
  }
  return { kind: 'quarantine', request, dedupeFor: 72 * HOUR }
}

/** A claim of all there is, changed where a test says so. */
export function everything(now: number, change: Partial<ClaimRequest> = {}): ClaimRequest {
  return { now, leaseUntil: now + 60_000, limit: 1_000_000, limits: new Map(), budgets: new Map(), ...change }
}

/** Claims all that is due and says that it was sent. Returns the ids. */
export async function deliverAll(store: Store, now: number): Promise<string[]> {
  const { leased } = await store.claim(everything(now))
  for (const { delivery } of leased) await recordSent(store, delivery.id, delivery.attempts + 1, now)
  return leased.map(({ delivery }) => delivery.id)
}

export function recordSent(
  store: Store,
  deliveryId: string,
  number: number,
  startedAt: number,
): Promise<boolean> {
  return store.record(
    {
      deliveryId,
      number,
      startedAt,
      took: 12,
      outcome: { kind: 'sent', reference: { ts: '1.2' } },
      notes: [],
    },
    { state: 'delivered', dueAt: null, reason: null },
  )
}

export function recordRetry(
  store: Store,
  deliveryId: string,
  number: number,
  startedAt: number,
  dueAt: number,
): Promise<boolean> {
  return store.record(
    { deliveryId, number, startedAt, took: 7, outcome: { kind: 'retry', reason: 'http 503' }, notes: [] },
    { state: 'retrying', dueAt, reason: 'http 503' },
  )
}
