/** What a long history is asked for: every filter alone, and some together. */
import type { DeliveryFilter, EventFilter } from '../../src/store/store.ts'
import { DAY_MS, destinationOf, HISTORY_START, RARE_RECEIVER, receiverName } from './long-history.ts'

const since = HISTORY_START + 14 * DAY_MS
const until = HISTORY_START + 15 * DAY_MS
const subject = 'an_4711'
const common = { type: 'analysis.completed' }
const rare = { type: 'key.rotated' }

export const eventFilters: readonly EventFilter[] = [
  {},
  common,
  rare,
  { type: 'no.such.type' },
  { source: 'cuuro' },
  { source: 'lab' },
  { subject },
  { kind: 'routed' },
  { kind: 'unrouted' },
  { kind: 'quarantined' },
  { since },
  { until },
  { since, until },
  { ...common, source: 'cuuro', since },
  { ...rare, source: 'crm', until },
  { ...rare, kind: 'unrouted' },
  { ...common, kind: 'unrouted' },
  { source: 'crm', kind: 'unrouted' },
  { source: 'crm', kind: 'routed', until },
]

const place = destinationOf(3)
export const deliveryFilters: readonly DeliveryFilter[] = [
  {},
  common,
  rare,
  { type: 'no.such.type' },
  { source: 'cuuro' },
  { source: 'lab' },
  { subject },
  { states: ['delivered'] },
  { states: ['parked'] },
  { states: ['dead'] },
  { states: ['parked', 'dead'] },
  { states: ['skipped'] },
  { receiver: receiverName(0) },
  { receiver: RARE_RECEIVER },
  { receiver: 'nobody' },
  place,
  { target: place.target },
  { channel: 'email' },
  { since },
  { until },
  { since, until },
  { ...common, states: ['delivered'] },
  { ...common, states: ['parked'] },
  { ...rare, states: ['delivered'] },
  { ...rare, states: ['skipped'] },
  { ...rare, states: ['parked'] },
  { receiver: receiverName(0), states: ['delivered'] },
  { receiver: receiverName(0), states: ['parked'] },
  { receiver: RARE_RECEIVER, states: ['skipped'] },
  { ...common, source: 'cuuro', since },
  { ...common, source: 'cuuro', until },
  { ...common, receiver: receiverName(4) },
  { ...common, receiver: RARE_RECEIVER },
  { ...rare, receiver: receiverName(4) },
  { ...rare, receiver: RARE_RECEIVER },
  { source: 'crm', channel: 'email', since, until },
  { subject, states: ['delivered'] },
  { subject, states: ['parked'] },
]
