import { Counter, Histogram, type Registry } from 'prom-client'
import type { State } from '../../core/delivery/delivery.ts'
import { lookUps, type Outcome } from '../../core/delivery/outcome.ts'
import { steps } from '../../core/lifecycle/lifecycle.ts'
import type { MutedCounts } from '../../core/routing/plan.ts'
import type { WhenMuted } from '../../core/time-intervals/muting.ts'
import type { Fact } from '../../pipeline/fact.ts'
import type { MetricLabels } from './labels.ts'

const attemptOutcomes = [
  'sent',
  'retry',
  'ambiguous',
  'park',
  'refuse',
] as const satisfies readonly Outcome['kind'][]
const conversationSteps = [...steps, 'skipped'] as const
const WHEN_MUTED = ['defer', 'drop'] as const satisfies readonly WhenMuted[]
const deliveryOutcomes = ['delivered', 'parked', 'dead'] as const satisfies readonly State[]

/** What went out. */
export function createDeliveryMetrics(registers: Registry[], now: () => number) {
  const destinationLabels = ['channel', 'receiver'] as const
  const attempts = new Counter({
    name: 'hookbridge_attempts_total',
    help: `Attempts at deliveries, by outcome: ${attemptOutcomes.join(', ')}.`,
    labelNames: [...destinationLabels, 'outcome'],
    registers,
  })
  const deliveries = new Counter({
    name: 'hookbridge_deliveries_total',
    help: `Finished deliveries, by outcome: ${deliveryOutcomes.join(', ')}. One that is resent counts again.`,
    labelNames: [...destinationLabels, 'outcome'],
    registers,
  })
  const fallbacks = new Counter({
    name: 'hookbridge_fallbacks_total',
    help: 'Messages that were sent to the fallback of this receiver, because they were parked or dead at the receiver itself.',
    labelNames: ['receiver'],
    registers,
  })
  const lookedUp = new Counter({
    name: 'hookbridge_delivery_lookups_total',
    help: `Look-ups of whether an attempt without an answer had delivered its message, by result: ${lookUps.join(', ')}.`,
    labelNames: ['channel', 'result'],
    registers,
  })
  const conversations = new Counter({
    name: 'hookbridge_conversation_messages_total',
    help: `Messages in conversations, by what they did there: ${conversationSteps.join(', ')}.`,
    labelNames: ['channel', 'how'],
    registers,
  })
  const muted = new Counter({
    name: 'hookbridge_muted_messages_total',
    help: `Messages of muted routes, by what happened to them: ${WHEN_MUTED.join(' (sent when the route is not muted any more), ')} (not sent).`,
    labelNames: ['when_muted'],
    registers,
  })
  const duration = new Histogram({
    name: 'hookbridge_attempt_duration_seconds',
    help: 'How long attempts took, including rendering.',
    labelNames: ['channel'],
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    registers,
  })
  const latency = new Histogram({
    name: 'hookbridge_delivery_latency_seconds',
    help: 'Time from the receipt of an event, or the resend of its delivery, until the message was delivered.',
    labelNames: ['channel'],
    buckets: [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 21600, 86400],
    registers,
  })
  const initialized = new Set<string>()

  return {
    attempted({
      delivery,
      outcome,
      next,
      durationMs,
      times,
      step,
    }: Extract<Fact, { kind: 'attempted' }>): void {
      const { receiver, retryingSince } = delivery
      const { channel } = delivery.destination
      const destination = { channel, receiver }
      attempts.inc({ ...destination, outcome: outcome.kind })
      if (outcome.lookUp !== undefined) lookedUp.inc({ channel, result: outcome.lookUp })
      if (step !== undefined) conversations.inc({ channel, how: step.how })
      if (next.fallbacks !== undefined) fallbacks.inc({ receiver }, next.fallbacks.length)
      if (isEnd(next.state)) deliveries.inc({ ...destination, outcome: next.state })
      // An earlier process made the attempt: it is unknown how and when it ended.
      if (times === null) return
      duration.observe({ channel }, durationMs / 1000)
      if (outcome.kind === 'sent') latency.observe({ channel }, Math.max(0, now() - retryingSince) / 1000)
    },
    muted({ deferred, dropped }: MutedCounts): void {
      muted.inc({ when_muted: 'defer' }, deferred)
      muted.inc({ when_muted: 'drop' }, dropped)
    },
    skipped({ delivery }: Extract<Fact, { kind: 'skipped' }>): void {
      conversations.inc({ channel: delivery.destination.channel, how: 'skipped' })
    },
    configure({
      channels,
      destinations,
      fallbacks: receivers,
    }: Pick<MetricLabels, 'channels' | 'destinations' | 'fallbacks'>): void {
      for (const receiver of receivers) fallbacks.inc({ receiver }, 0)
      for (const when_muted of WHEN_MUTED) muted.inc({ when_muted }, 0)
      for (const { channel, receiver } of destinations) {
        for (const outcome of attemptOutcomes) attempts.inc({ channel, receiver, outcome }, 0)
        for (const outcome of deliveryOutcomes) deliveries.inc({ channel, receiver, outcome }, 0)
      }
      for (const channel of channels) {
        for (const how of conversationSteps) conversations.inc({ channel, how }, 0)
      }
      // `zero` would reset what has been measured since before a reload.
      for (const channel of channels) {
        if (initialized.has(channel)) continue
        initialized.add(channel)
        for (const histogram of [duration, latency]) histogram.zero({ channel })
        for (const result of lookUps) lookedUp.inc({ channel, result }, 0)
      }
    },
  }
}

function isEnd(state: State): state is (typeof deliveryOutcomes)[number] {
  return deliveryOutcomes.some((one) => one === state)
}
