import type { Claimed, ClaimRequest, Leased } from '../store.ts'
import type { Database } from './database.ts'
import { type DeliveryRow, deliveryOf, EVENT_COLUMNS, type EventRow, eventOf } from './rows.ts'

/** A lane with deliveries that are not final, and how many of them this claim may take at most. */
interface OpenLane {
  readonly channel: string
  readonly lane: string
  readonly limit: number
  /** When its first delivery is due. */
  readonly dueAt: number
}

interface Candidate {
  readonly seq: number
  readonly channel: string
  readonly lane: string
  readonly dueAt: number
}

/** `Store.claim`, inside a transaction. It costs as much as there are lanes and deliveries taken, however many wait. */
export function claim(database: Database, request: ClaimRequest): Claimed {
  const { candidates, waiting } = lookAround(database, request)
  candidates.sort((a, b) => a.dueAt - b.dueAt || a.seq - b.seq)
  const taken: Candidate[] = []
  const quota = new Quota(request)
  for (const candidate of candidates) {
    if (candidate.dueAt <= request.now && quota.take(candidate)) taken.push(candidate)
    else waiting.push(candidate.dueAt)
  }
  const nextDueAt = waiting.reduce((first, dueAt) => Math.min(first, dueAt), Infinity)
  return { leased: lease(database, taken, request), nextDueAt: nextDueAt === Infinity ? null : nextDueAt }
}

/** What may be taken now, and when the first of each lane is due of which nothing may. */
function lookAround(database: Database, request: ClaimRequest) {
  const candidates: Candidate[] = []
  const waiting: number[] = []
  for (const channel of channels(database)) {
    const budget = channelBudget(request, channel)
    const lanes = openLanes(database, request, channel, budget).sort((a, b) => a.dueAt - b.dueAt)
    for (const [index, lane] of lanes.entries()) {
      // Each lane that was due longer takes at least one of the budget.
      if (lane.dueAt > request.now || index >= budget) waiting.push(lane.dueAt)
      else for (const candidate of firstOf(database, lane)) candidates.push(candidate)
    }
  }
  return { candidates, waiting }
}

function laneLimit(request: ClaimRequest, lane: string): number {
  return request.limits.get(lane) ?? request.limit
}

function channelBudget(request: ClaimRequest, channel: string): number {
  return request.budgets.get(channel) ?? Infinity
}

class Quota {
  readonly #request: ClaimRequest
  readonly #lanes = new Map<string, number>()
  readonly #channels = new Map<string, number>()

  constructor(request: ClaimRequest) {
    this.#request = request
  }

  /** Whether one more delivery may be taken; then it is counted. */
  take({ lane, channel }: Candidate): boolean {
    const ofLane = this.#lanes.get(lane) ?? laneLimit(this.#request, lane)
    const ofChannel = this.#channels.get(channel) ?? channelBudget(this.#request, channel)
    if (ofLane < 1 || ofChannel < 1) return false
    this.#lanes.set(lane, ofLane - 1)
    this.#channels.set(channel, ofChannel - 1)
    return true
  }
}

function channels(database: Database): string[] {
  const next = database.prepare<{ channel: string }>(
    'SELECT channel FROM deliveries WHERE due_at IS NOT NULL AND channel > ? ORDER BY channel LIMIT 1',
  )
  const found: string[] = []
  for (let row = next.get(''); row !== undefined; row = next.get(row.channel)) found.push(row.channel)
  return found
}

/** Skips through the index of what is due from one lane to the next; a lane of thousands costs as much as one of one. */
function openLanes(database: Database, request: ClaimRequest, channel: string, budget: number): OpenLane[] {
  if (budget < 1) return []
  const next = database.prepare<{ lane: string; due_at: number }>(
    `SELECT lane, due_at FROM deliveries WHERE due_at IS NOT NULL AND channel = ? AND lane > ?
     ORDER BY lane, due_at LIMIT 1`,
  )
  const lanes: OpenLane[] = []
  for (let row = next.get(channel, ''); row !== undefined; row = next.get(channel, row.lane)) {
    const limit = Math.min(laneLimit(request, row.lane), budget)
    if (limit >= 1) lanes.push({ channel, lane: row.lane, limit, dueAt: row.due_at })
  }
  return lanes
}

// A bare `LIMIT ?` would be prepared anew at each call: its value may change the plan.
export const FIRST_OF_LANE = `SELECT seq, due_at FROM deliveries WHERE due_at IS NOT NULL AND channel = ? AND lane = ?
  ORDER BY due_at, seq LIMIT ? + 0`

/** As many of a lane as may be taken, and one more, which tells when the next is due. */
function firstOf(database: Database, { channel, lane, limit }: OpenLane): Candidate[] {
  return database
    .prepare<{ seq: number; due_at: number }>(FIRST_OF_LANE)
    .all(channel, lane, Math.min(limit + 1, Number.MAX_SAFE_INTEGER))
    .map((row) => ({ seq: row.seq, dueAt: row.due_at, channel, lane }))
}

const SELECT_EVENT = `SELECT ${EVENT_COLUMNS} FROM events WHERE seq = ?`

function lease(database: Database, taken: readonly Candidate[], request: ClaimRequest): Leased[] {
  const selectDelivery = database.prepare<DeliveryRow>('SELECT * FROM deliveries WHERE seq = ?')
  const selectEvent = database.prepare<EventRow>(SELECT_EVENT)
  const update = database.prepare(
    "UPDATE deliveries SET state = 'sending', due_at = ?, leased_at = ? WHERE seq = ?",
  )
  const events = new Map<number, Leased['event']>()
  return taken.map(({ seq }) => {
    const row = selectDelivery.get(seq)
    if (row === undefined) throw new Error(`delivery ${seq} is in the index but not in the table`)
    let event = events.get(row.event)
    if (event === undefined) {
      event = eventOf(selectEvent.get(row.event))
      events.set(row.event, event)
    }
    // Who claims an interrupted attempt only records it: should that be interrupted too, the start stays the same.
    const interruptedAt = row.state === 'sending' ? row.leased_at : null
    update.run(request.leaseUntil, interruptedAt ?? request.now, seq)
    const delivery = { ...deliveryOf(row, event.id), state: 'sending', dueAt: request.leaseUntil } as const
    return { delivery, event, interruptedAt }
  })
}
