/**
 * A claim of deliveries that are about to be stored: the transaction that inserts them leases them too. Where nothing else waits for their
 * destinations, they need no claim afterwards, which takes a transaction and three round trips more.
 */
import { type DestinationState, SLOW_AFTER_MS } from '../../../core/delivery/destination.ts'
import type { Event } from '../../../core/event.ts'
import type { NewDelivery } from '../../../core/routing/plan.ts'
import type { RateRow } from '../../sql/backlog.ts'
import { allowedNow, choose, isFailing, type OpenRate, openRate, statesAfter } from '../../sql/claiming.ts'
import { deliveryTo } from '../../sql/rows.ts'
import type { ClaimRequest, Leased } from '../../store.ts'
import { SERVER_TIME } from '../clock/server-clock.ts'
import { anyOf, type Change, type Session } from '../connection/session.ts'
import type { NewRow, PlannedRow } from './insert-deliveries.ts'
import { lockFreeRates, stateChanges } from './rates.ts'

export interface NewClaimOptions {
  readonly request: ClaimRequest
  /** The number of the one that claims. */
  readonly instance: number
  /** Whether the time of the request is right, by the server's. */
  readonly agrees: (serverTime: number) => boolean
}

interface Taken {
  readonly row: NewRow
  readonly planned: PlannedRow
}

/** One in a conversation needs what was sent in it, which takes round trips to read. */
export function isClaimable({ conversation, start }: NewDelivery): boolean {
  return conversation === null && start.kind === 'pending'
}

export class NewClaim {
  readonly #options: NewClaimOptions
  /** Those that something may be claimed of, by their ids. */
  readonly #rates: ReadonlyMap<number, OpenRate>
  readonly #states = new Map<number, DestinationState>()
  #taken: readonly Taken[] = []

  /**
   * Locks the rates of what is to be inserted, but for those that others have locked. Nothing is claimed of one that fails, or for which
   * something is due already: that is for `claim`.
   */
  static async begin(
    session: Session,
    options: NewClaimOptions,
    rates: readonly number[],
  ): Promise<NewClaim> {
    const [locked, rows] = await Promise.all([
      lockFreeRates(session, rates),
      readRates(session, options, rates),
    ])
    return new NewClaim(
      options,
      // What this instance has no channel for may be another one's.
      rows.filter(({ id, channel }) => locked.has(id) && options.request.channels.has(channel)),
    )
  }

  private constructor(options: NewClaimOptions, rows: readonly NewRateRow[]) {
    this.#options = options
    const { request, agrees } = options
    const { now } = request
    const rates = rows
      .filter(({ due_at, server_time }) => (due_at === null || due_at > now) && agrees(server_time))
      .map((row) => openRate(row, { dueAt: now, elsewhere: row.elsewhere, isMuchDue: () => false }, request))
      .filter((rate) => !isFailing(rate))
    this.#rates = new Map(allowedNow(rates, now).allowed.map((rate) => [rate.id, rate]))
  }

  /** Returns the rows as they are to be inserted, some of them leased. To be called once. */
  lease(rows: readonly NewRow[], planned: readonly PlannedRow[]): readonly NewRow[] {
    const { request, instance } = this.#options
    const { now, leaseUntil, holder } = request
    const due = rows.flatMap((row, seq) =>
      row.due_at !== null && row.due_at <= now ? { row, seq, dueAt: row.due_at } : [],
    )
    // What cannot be claimed here must not be overtaken.
    const isNew = ({ state, conversation }: NewRow) => state === 'pending' && conversation === null
    const others = new Set(due.flatMap(({ row }) => (isNew(row) ? [] : row.rate)))
    const candidates = due.flatMap(({ row: { rate: id }, seq, dueAt }) => {
      const rate = others.has(id) ? undefined : this.#rates.get(id)
      return rate === undefined ? [] : { seq, rate, dueAt }
    })
    const choice = choose(candidates, now)
    const chosen = new Set(choice.taken.map(({ seq }) => seq))
    const lease = { state: 'sending', due_at: leaseUntil, leased_at: now, holder, instance } as const
    const inserted = rows.map((row, index) => (chosen.has(index) ? { ...row, ...lease } : row))
    this.#taken = inserted.flatMap((row, index) => {
      const of = planned[index]
      return of !== undefined && chosen.has(index) ? { row, planned: of } : []
    })
    for (const [{ id, stored }, state] of statesAfter(choice, now))
      if (state !== stored) this.#states.set(id, state)
    return inserted
  }

  /** What `lease` changes of the rates. */
  get changes(): readonly Change[] {
    return stateChanges(this.#states)
  }

  /** What `lease` has leased. `events`: by their numbers. */
  leased(events: ReadonlyMap<number, Event>): readonly Leased[] {
    return this.#taken.flatMap(({ row, planned }) => {
      const event = events.get(row.event)
      if (event === undefined) return []
      const { at } = planned
      const columns = { ...row, seq: 0, leased_at: row.leased_at ?? null }
      const counts = { attempts: 0, ambiguous_attempts: 0, created_at: at, retrying_since: at }
      const delivery = deliveryTo(planned.delivery.destination, event.id, { ...columns, ...counts })
      const nothingBefore = { interruptedAt: null, atFailing: false, unanswered: null, conversation: null }
      return { delivery, event, ...nothingBefore }
    })
  }
}

type NewRateRow = RateRow & {
  readonly server_time: number
  /** When its first delivery is due. */
  readonly due_at: number | null
  readonly elsewhere: number
}

async function readRates(
  session: Session,
  { request: { now }, instance }: NewClaimOptions,
  ids: readonly number[],
): Promise<readonly NewRateRow[]> {
  return session.query<NewRateRow>(
    `SELECT ${SERVER_TIME} AS server_time, id, channel, key, state,
       (SELECT due_at FROM deliveries WHERE rate = rates.id AND due_at IS NOT NULL ORDER BY due_at LIMIT 1) AS due_at,
       (SELECT count(*) FROM deliveries WHERE rate = rates.id AND state = 'sending' AND due_at > $2
          AND instance IS DISTINCT FROM $3 AND leased_at > $4) AS elsewhere
     FROM rates WHERE id = ${anyOf('$1', 'integer')}`,
    [ids, now, instance, now - SLOW_AFTER_MS],
  )
}
