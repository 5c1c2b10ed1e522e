import { Counter, Gauge, Histogram, type Registry } from 'prom-client'
import type { Outcome, State } from '../../core/delivery.ts'
import type { Fact } from '../../pipeline/fact.ts'
import type { Destination, MetricLabels } from './metrics.ts'

const attemptOutcomes = [
  'sent',
  'retry',
  'ambiguous',
  'park',
  'refuse',
] as const satisfies readonly Outcome['kind'][]
const deliveryOutcomes = ['delivered', 'parked', 'dead'] as const satisfies readonly State[]

/** What went out. */
export function createDeliveryMetrics(registers: Registry[], now: () => number) {
  const tallies = new Tallies()
  createDestinationMetrics(registers, tallies)
  const duration = new Histogram({
    name: 'hookbridge_attempt_duration_seconds',
    help: 'How long attempts took, rendering included.',
    labelNames: ['channel'],
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    registers,
  })
  const latency = new Histogram({
    name: 'hookbridge_delivery_latency_seconds',
    help: 'From the receipt of an event, or the resend of its delivery, until it was delivered.',
    labelNames: ['channel'],
    buckets: [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 21600, 86400],
    registers,
  })
  const timed = new Set<string>()

  return {
    attempted({ delivery, outcome, next, took, times }: Extract<Fact, { kind: 'attempted' }>): void {
      const { receiver, owedSince } = delivery
      const { channel } = delivery.destination
      const tally = tallies.of(channel, receiver)
      tally.attempts[outcome.kind] += 1
      if (isEnd(next.state)) tally.deliveries[next.state] += 1
      // Nobody saw the end of it: it says nothing about the destination, and nothing about time.
      if (times === null) return
      duration.observe({ channel }, took / 1000)
      // Of a refusal the message is the cause.
      if (outcome.kind === 'refuse') return
      tally.failures = outcome.kind === 'sent' ? 0 : tally.failures + 1
      if (outcome.kind !== 'sent') return
      tally.lastSuccess = now()
      latency.observe({ channel }, Math.max(0, tally.lastSuccess - owedSince) / 1000)
    },
    /** As the delivery loop does with a reload, which may have fixed the cause. */
    forgive(): void {
      for (const tally of tallies) tally.failures = 0
    },
    configure({ channels, destinations }: Pick<MetricLabels, 'channels' | 'destinations'>): void {
      tallies.configure(destinations)
      for (const channel of channels) {
        if (timed.has(channel)) continue
        timed.add(channel)
        for (const histogram of [duration, latency]) histogram.zero({ channel })
      }
    },
  }
}

function isEnd(state: State): state is (typeof deliveryOutcomes)[number] {
  return deliveryOutcomes.some((one) => one === state)
}

/**
 * What is known of one destination: a receiver over a channel, not the place behind it, which may be somebody's address.
 * Numbers that the delivery of each event counts up, and that a scrape gives to prom-client, which would look for them
 * by their labels each time.
 */
interface Tally {
  readonly destination: Destination
  configured: boolean
  readonly attempts: Record<Outcome['kind'], number>
  readonly deliveries: Record<(typeof deliveryOutcomes)[number], number>
  /** In a row. */
  failures: number
  /** Milliseconds since the epoch; null before the first. */
  lastSuccess: number | null
}

class Tallies {
  readonly #all: Tally[] = []
  readonly #found = new Map<string, Map<string, Tally>>();

  [Symbol.iterator](): Iterator<Tally> {
    return this.#all.values()
  }

  of(channel: string, receiver: string): Tally {
    return this.#found.get(channel)?.get(receiver) ?? this.#add({ channel, receiver })
  }

  configure(destinations: readonly Destination[]): void {
    for (const tally of this.#all) tally.configured = false
    for (const { channel, receiver } of destinations) this.of(channel, receiver).configured = true
  }

  #add(destination: Destination): Tally {
    const tally: Tally = {
      destination,
      configured: false,
      attempts: { sent: 0, retry: 0, ambiguous: 0, park: 0, refuse: 0 },
      deliveries: { delivered: 0, parked: 0, dead: 0 },
      failures: 0,
      lastSuccess: null,
    }
    this.#all.push(tally)
    const ofChannel = this.#found.get(destination.channel) ?? new Map<string, Tally>()
    this.#found.set(destination.channel, ofChannel.set(destination.receiver, tally))
    return tally
  }
}

function createDestinationMetrics(registers: Registry[], tallies: Iterable<Tally>): void {
  new Counter({
    name: 'hookbridge_attempts_total',
    help: `Attempts at deliveries, by how they ended: ${attemptOutcomes.join(', ')}.`,
    labelNames: ['channel', 'receiver', 'outcome'],
    registers,
    collect() {
      this.reset()
      for (const { destination, attempts } of tallies)
        for (const outcome of attemptOutcomes) this.inc({ ...destination, outcome }, attempts[outcome])
    },
  })
  new Counter({
    name: 'hookbridge_deliveries_total',
    help: `Deliveries that came to an end, by which: ${deliveryOutcomes.join(', ')}. One that is resent ends again.`,
    labelNames: ['channel', 'receiver', 'outcome'],
    registers,
    collect() {
      this.reset()
      for (const { destination, deliveries } of tallies)
        for (const outcome of deliveryOutcomes) this.inc({ ...destination, outcome }, deliveries[outcome])
    },
  })
  const labelNames = ['channel', 'receiver'] as const
  new Gauge({
    name: 'hookbridge_destination_consecutive_failures',
    help: 'Attempts that the destination failed (retry, ambiguous, park) since one last succeeded or the configuration was reloaded.',
    labelNames,
    registers,
    collect() {
      this.reset()
      for (const { configured, destination, failures } of tallies)
        if (configured) this.set({ ...destination }, failures)
    },
  })
  new Gauge({
    name: 'hookbridge_destination_last_success_timestamp_seconds',
    help: 'When the destination last took a message; missing before the first since the service started.',
    labelNames,
    registers,
    collect() {
      this.reset()
      for (const { configured, destination, lastSuccess } of tallies)
        if (configured && lastSuccess !== null) this.set({ ...destination }, lastSuccess / 1000)
    },
  })
}
