import type { Destination } from '../../../src/core/delivery/destination.ts'
import type { Event } from '../../../src/core/event.ts'
import type { PlannedDelivery } from '../../../src/core/routing/plan.ts'
import type {
  Arrival,
  ClaimLimits,
  ClaimRequest,
  NewDelivery,
  NewPlan,
  QuarantinedRequest,
  Store,
} from '../../../src/store/store.ts'

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

/** The id that `entry` and `replay` give to the delivery of an event, counted from 1. */
export function deliveryId(event: number, number: number): string {
  return `dlv_${event}_${number}`
}

export function event(number: number, change: Partial<Event> = {}): Event {
  return {
    id: eventId(number),
    messageId: `msg_${number}`,
    source: 'cuuro',
    type: 'analysis.completed',
    subject: `an_${number}`,
    receivedAt: START + number,
    sentAt: START + number - 50,
    secretIndex: 0,
    payload: { type: 'analysis.completed', data: { id: `an_${number}` } },
    enriched: {},
    ...change,
  }
}

/** What a test wants different about a planned delivery; with `skipped`, the reason, it is not to be sent. */
export interface Change
  extends Partial<
      Pick<PlannedDelivery, 'route' | 'receiver' | 'template' | 'conversation' | 'group' | 'start'>
    >,
    Partial<Destination> {
  readonly skipped?: string
}

export function planned(change: Change = {}): PlannedDelivery {
  const { skipped } = change
  const start =
    skipped === undefined ? ({ kind: 'pending' } as const) : ({ kind: 'skipped', reason: skipped } as const)
  return { ...stored(change), start: change.start ?? start }
}

/** What a store keeps of it as it is. */
export function stored(change: Change = {}): Omit<PlannedDelivery, 'start'> & { standsInFor: null } {
  const { channel = 'slack', target = '#deal-flow', rateKey = `${channel}:${target}` } = change
  const { route = 'completed analyses', receiver = 'deal-flow', template = null } = change
  const { conversation = null, group = null } = change
  return {
    route,
    receiver,
    template,
    conversation,
    group,
    destination: { channel, target, rateKey },
    standsInFor: null,
  }
}

/** An event's entry, its body made from its payload. */
export function entry(
  stored: Event,
  deliveries: readonly PlannedDelivery[] = [],
  change: Partial<NewPlan> = {},
): Extract<Arrival, { kind: 'event' }> {
  return {
    kind: 'event',
    event: stored,
    body: Buffer.from(JSON.stringify(stored.payload)),
    plan: aPlan(stored.receivedAt, identified(numberOf(stored.id), deliveries), change),
    dedupeFor: 72 * HOUR,
  }
}

export function aPlan(
  at: number,
  deliveries: readonly NewDelivery[],
  change: Partial<NewPlan> = {},
): NewPlan {
  const routes = [{ route: 'completed analyses', path: 'routes[0]', receivers: ['deal-flow'] }]
  return { at, cause: 'received', fingerprint: 'c0ffee', routes, unrouted: false, deliveries, ...change }
}

/** The deliveries of an event with their ids, numbered from `first` on. */
export function identified(
  event: number,
  deliveries: readonly PlannedDelivery[],
  first = 1,
): readonly NewDelivery[] {
  return deliveries.map((delivery, index) => ({ ...delivery, id: deliveryId(event, first + index) }))
}

function numberOf(id: string): number {
  return Number(id.slice('evt_'.length))
}

export function quarantine(
  number: number,
  change: Partial<QuarantinedRequest> = {},
): Extract<Arrival, { kind: 'quarantine' }> {
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

const unlimited: ClaimLimits = {
  rate: Number.POSITIVE_INFINITY,
  burst: Number.POSITIVE_INFINITY,
  inOrderUpTo: 0,
  perDestination: 1_000_000,
  free: 2_000_000,
  freeForFailing: Number.POSITIVE_INFINITY,
}

export const channelNames = ['slack', 'email', 'console'] as const

/** No limits, but those that a test wants of a channel. */
export function limited(
  change: Partial<Record<(typeof channelNames)[number], Partial<ClaimLimits>>> = {},
): Map<string, ClaimLimits> {
  return new Map(channelNames.map((name) => [name, { ...unlimited, ...change[name] }]))
}

/** A claim of all there is, changed where a test says so. */
export function everything(now: number, change: Partial<ClaimRequest> = {}): ClaimRequest {
  return {
    holder: 'test',
    now,
    leaseUntil: now + 60_000,
    configuration: 'test',
    channels: limited(),
    inFlight: new Map(),
    ...change,
  }
}

/** Claims all that is due and says that it was sent. Returns the ids. */
export async function deliverAll(store: Store, now: number): Promise<string[]> {
  const { leased } = await store.claim(everything(now))
  for (const { delivery } of leased) await completeSent(store, delivery.id, delivery.attempts + 1, now)
  return leased.map(({ delivery }) => delivery.id)
}

export async function completeSent(
  store: Store,
  deliveryId: string,
  number: number,
  startedAt: number,
): Promise<boolean> {
  const stored = await store.complete(
    {
      deliveryId,
      number,
      startedAt,
      durationMs: 12,
      outcome: { kind: 'sent', reference: { ts: '1.2' } },
      notes: [],
    },
    { state: 'delivered', dueAt: null, reason: null },
    true,
  )
  return stored !== null
}

/** `reached`: whether the failure is one of the destination. */
export async function completeRetry(
  store: Store,
  deliveryId: string,
  number: number,
  startedAt: number,
  dueAt: number,
  reached = false,
): Promise<boolean> {
  const stored = await store.complete(
    {
      deliveryId,
      number,
      startedAt,
      durationMs: 7,
      outcome: { kind: 'retry', reason: 'http 503' },
      notes: [],
    },
    { state: 'retrying', dueAt, reason: 'http 503' },
    reached,
  )
  return stored !== null
}

/** Ends a leased delivery in a state that waits for a person. */
export async function completeAs(
  store: Store,
  deliveryId: string,
  state: 'parked' | 'dead',
  startedAt: number,
): Promise<boolean> {
  const outcome = { kind: 'park', reason: 'not_in_channel' } as const
  const stored = await store.complete(
    { deliveryId, number: 1, startedAt, durationMs: 1, outcome, notes: [] },
    { state, dueAt: null, reason: outcome.reason },
    false,
  )
  return stored !== null
}

/** The ids on a page of a list, of all that fit. */
export async function listed(
  list: (page: { limit: number }) => Promise<{ readonly items: readonly { readonly id: string }[] }>,
): Promise<string[]> {
  return (await list({ limit: 10_000 })).items.map(({ id }) => id)
}
