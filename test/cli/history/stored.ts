/** A configuration with a store that holds what a test wants, made as the service makes it. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Test } from 'tap'
import type { Delivery, NextState } from '../../../src/core/delivery/delivery.ts'
import type { Outcome } from '../../../src/core/delivery/outcome.ts'
import type { Event } from '../../../src/core/event.ts'
import { openStore } from '../../../src/store/open.ts'
import type { Arrival, NewDelivery, QuarantinedRequest, Store } from '../../../src/store/store.ts'
import { temporaryFolder } from '../../support/service.ts'

export const START = Date.UTC(2026, 10, 23, 12)
export const SECOND = 1_000
export const HOUR = 3_600_000

const head = (source: string) => `
store: { url: "sqlite:store.db" }
sources:
  cuuro: { svix: { secrets: ["\${WEBHOOK_SECRET}"] }${source} }
channels:
  slack: { token: "\${SLACK_BOT_TOKEN}" }
  email: { smtp: "\${SMTP_URL:-smtp://127.0.0.1:2525}", from: a@example.org }
`
export const yaml = `
receivers:
  deals: { slack: { channel: "#deals" } }
  partners: { email: { to: [ada@example.org, bob@example.org] } }
routes:
  - { name: analyses, match: { type: "analysis.*" }, receivers: [deals, partners] }
`

/** Gives the folder. */
export async function configured(
  t: Test,
  fill: (store: Store) => Promise<void>,
  config = yaml,
): Promise<string> {
  const cwd = temporaryFolder(t)
  configure(cwd, config)
  const store = await openStore(`sqlite:${join(cwd, 'store.db')}`, 'service')
  await fill(store)
  await store.close()
  return cwd
}

/** `source`: more settings of the source, each after a comma. */
export function configure(cwd: string, config: string, source = ''): void {
  writeFileSync(join(cwd, 'config.yaml'), head(source) + config)
}

/** Looks into the store as a command does. */
export async function look<T>(cwd: string, use: (store: Store) => Promise<T>): Promise<T> {
  const store = await openStore(`sqlite:${join(cwd, 'store.db')}`, 'operator')
  try {
    return await use(store)
  } finally {
    await store.close()
  }
}

export function eventId(number: number): string {
  return `evt_01KARZ${String(number).padStart(6, '0')}QW5XKTN3MD4E7A`
}

export function deliveryId(number: number): string {
  return `dlv_2QX7${String(number).padStart(9, '0')}`
}

export function event(number: number, change: Partial<Event> = {}): Event {
  const type = change.type ?? 'analysis.completed'
  const subject = `0191e29a-1644-7972-9466-${String(number).padStart(12, '0')}`
  return {
    id: eventId(number),
    messageId: `msg_2mvYGzY5uqcZyEwrUVMvAk9Q${number}`,
    source: 'cuuro',
    type,
    subject,
    receivedAt: START + number * SECOND,
    sentAt: START + number * SECOND - 300,
    secretIndex: 0,
    payload: { event: type, data: { id: change.subject ?? subject } },
    enriched: {},
    ...change,
  }
}

/** `slack #deals`, for the receiver that is named after it. */
export function planned(
  number: number,
  to: string,
  receiver: string,
  change: Partial<NewDelivery> = {},
): NewDelivery {
  const [channel = '', target = ''] = to.split(' ')
  return {
    id: deliveryId(number),
    route: 'analyses',
    receiver,
    destination: { channel, target, rateKey: to },
    template: null,
    conversation: null,
    group: null,
    start: { kind: 'pending' },
    ...change,
  }
}

export function arrival(
  stored: Event,
  deliveries: readonly NewDelivery[] = [],
): Extract<Arrival, { kind: 'event' }> {
  const receivers = [...new Set(deliveries.map(({ receiver }) => receiver))]
  const unrouted = deliveries.length === 0
  return {
    kind: 'event',
    event: stored,
    body: Buffer.from(JSON.stringify(stored.payload)),
    plan: {
      at: stored.receivedAt,
      cause: 'received',
      fingerprint: '3f9a01c7d2e45b68',
      routes: unrouted ? [] : [{ route: 'analyses', path: 'routes[0]', receivers }],
      unrouted,
      deliveries,
    },
    dedupeFor: 72 * HOUR,
  }
}

export function quarantine(number: number, change: Partial<QuarantinedRequest> = {}): Arrival {
  const { id, messageId, source, receivedAt, sentAt, secretIndex } = event(number)
  const request = {
    id,
    messageId,
    source,
    receivedAt,
    sentAt,
    secretIndex,
    body: Buffer.from('{"kind":"analysis.completed","data":{"id":"an_7"}}'),
    problem: 'no_event_type: no event type (a string) at /type or /event',
    ...change,
  }
  return { kind: 'quarantine', request, dedupeFor: 72 * HOUR }
}

export interface Ending {
  readonly outcome: Outcome
  readonly next: NextState
  readonly notes?: readonly string[]
}

export const sent: Ending = {
  outcome: { kind: 'sent', reference: { channel: 'C0DEALS', ts: '1763899201.000100' } },
  next: { state: 'delivered', dueAt: null, reason: null },
}

export function parked(reason = 'channel_not_found: correct the channel of the receiver'): Ending {
  return { outcome: { kind: 'park', reason }, next: { state: 'parked', dueAt: null, reason } }
}

export function dead(reason = 'http 400 msg_too_long'): Ending {
  return { outcome: { kind: 'refuse', reason }, next: { state: 'dead', dueAt: null, reason } }
}

export function retry(dueAt: number, reason = 'connect ECONNREFUSED 10.0.0.5:25'): Ending {
  return { outcome: { kind: 'retry', reason }, next: { state: 'retrying', dueAt, reason } }
}

const limits = {
  rate: Number.POSITIVE_INFINITY,
  burst: 1_000,
  inOrderUpTo: 0,
  perDestination: 1_000,
  free: 1_000,
  freeForFailing: Number.POSITIVE_INFINITY,
}

/** Attempts what is due at a time, each ending as `end` says. */
export async function attemptDue(
  store: Store,
  now: number,
  end: (delivery: Delivery) => Ending,
): Promise<void> {
  for (;;) {
    const { leased } = await store.claim({
      holder: 'a test',
      now,
      leaseUntil: now + 60 * SECOND,
      configuration: 'test',
      channels: new Map(['slack', 'email', 'console'].map((name) => [name, limits])),
      inFlight: new Map(),
    })
    if (leased.length === 0) return
    await Promise.all(
      leased.map(({ delivery }) => {
        const { outcome, next, notes = [] } = end(delivery)
        const number = delivery.attempts + 1
        const attempt = { deliveryId: delivery.id, number, startedAt: now, durationMs: 212, outcome, notes }
        return store.complete(attempt, next, true)
      }),
    )
  }
}

/** Compares with a file of test/golden/history; UPDATE_GOLDEN=1 writes it anew. */
export function golden(t: Test, name: string, text: string): void {
  const file = fileURLToPath(new URL(`../../golden/history/${name}.txt`, import.meta.url))
  if (process.env.UPDATE_GOLDEN) {
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, text)
  }
  t.equal(text, readFileSync(file, 'utf8'), name)
}

/** So many events: of each the Slack message is parked, and both mails are delivered. */
export function parkedInSlack(events: number) {
  return async (store: Store) => {
    const numbers = Array.from({ length: events }, (_, index) => index + 1)
    await Promise.all(
      numbers.map((number) =>
        store.append(
          arrival(event(number), [
            planned(number * 10 + 1, 'slack #deals', 'deals'),
            planned(number * 10 + 2, 'email ada@example.org', 'partners'),
            planned(number * 10 + 3, 'email bob@example.org', 'partners'),
          ]),
        ),
      ),
    )
    await attemptDue(store, START + 2_000 * SECOND, ({ destination }) =>
      destination.channel === 'slack' ? parked() : sent,
    )
  }
}
