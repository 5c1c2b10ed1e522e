/** The changes that share commits: events that come, and attempts that end. */
import type { Destination } from '../../core/delivery/destination.ts'
import type { Appended, Arrival, Attempt, Committed, Completed, NewPlan } from '../store.ts'
import { append, keyOfMessage } from './append.ts'
import { Batches } from './batches.ts'
import type { Database } from './connection/database.ts'
import { CommitUnknown } from './connection/transactions.ts'
import type { KnownRows } from './known-rows.ts'
import { type Completion, complete } from './queue/complete.ts'

// A batch locks a name for each of its messages, and the server's table of locks is shared.
const MOST_IN_BATCH = 200

export function createAppends(
  database: Database,
  known: KnownRows,
  report: Committed,
): Batches<Arrival, Appended> {
  return new Batches({
    keyOf: keyOfMessage,
    most: MOST_IN_BATCH,
    commit(arrivals) {
      const events = arrivals.flatMap((arrival) => (arrival.kind === 'event' ? arrival : []))
      const committed = (durationMs: number, appended: readonly Appended[]) => {
        if (appended.some(({ kind }) => kind === 'stored')) report(arrivals.length, durationMs)
      }
      return known.with(
        events.flatMap(({ plan }) => destinationsOf(plan)),
        events.map(({ event }) => event),
        () => database.write((session) => append(session, known, arrivals), committed),
      )
    },
  })
}

export function createCompletions(
  database: Database,
  known: KnownRows,
  report: Committed,
): Batches<Completion, Completed | null> {
  /** Those that may have been recorded, though the answer was lost. */
  const unknown = new WeakSet<Attempt>()
  const isUnknown = (attempt: Attempt) => unknown.has(attempt)
  return new Batches({
    keyOf: ({ attempt }) => attempt.deliveryId,
    most: MOST_IN_BATCH,
    async commit(ended) {
      const destinations = ended.flatMap(({ fallbacks }) => fallbacks.map(({ destination }) => destination))
      const committed = (durationMs: number, completed: readonly (Completed | null)[]) => {
        if (completed.some((each) => each !== null)) report(ended.length, durationMs)
      }
      try {
        return await known.with(destinations, [], () =>
          database.write((session) => complete(session, known, ended, isUnknown), committed),
        )
      } catch (error) {
        if (error instanceof CommitUnknown) for (const { attempt } of ended) unknown.add(attempt)
        throw error
      }
    },
  })
}

export function destinationsOf(plan: NewPlan | null): readonly Destination[] {
  return (plan?.deliveries ?? []).map(({ destination }) => destination)
}
