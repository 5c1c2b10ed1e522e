/** The changes that share commits: events that come, and attempts that end. */
import type { Destination } from '../../core/delivery/destination.ts'
import type { Appended, Arrival, Attempt, Committed, Completed, Leased, NewPlan } from '../store.ts'
import { type AppendedAll, append, keyOfMessage } from './append.ts'
import { Batches } from './batches.ts'
import type { Database } from './connection/database.ts'
import type { Session } from './connection/session.ts'
import { CommitUnknown } from './connection/transactions.ts'
import type { DueNotifier } from './due-notifier.ts'
import type { KnownRows } from './known-rows.ts'
import type { NewClaimOptions } from './queue/claim-new.ts'
import { type Completion, complete } from './queue/complete.ts'
import { completeAlone, mayEndAlone } from './queue/complete-alone.ts'

// A batch locks a name for each of its messages, and the server's table of locks is shared.
const MOST_IN_BATCH = 200

export interface Appends extends Pick<Batches<Arrival, Appended>, 'add' | 'idle'> {
  /** Claims of what the next transaction appends, in that transaction; null where none waits to begin, or where it fails. */
  claim(claim: NewClaimOptions): Promise<ClaimedNew | null> | null
}

export interface ClaimedNew {
  readonly leased: readonly Leased[]
  /** When the first of what was appended, and not leased, is due. */
  readonly firstDueAt: number | null
  /** How many arrivals have deliveries. */
  readonly changes: number
  /** How many changes there were in all, with these, when the transaction began. */
  readonly changesSoFar: number
}

export interface BatchedOptions {
  readonly known: KnownRows
  readonly report: Committed
  readonly due: Pick<DueNotifier, 'changed' | 'changesSoFar'>
}

export function createAppends(database: Database, { known, report, due }: BatchedOptions): Appends {
  let waiting:
    | { readonly claim: NewClaimOptions; readonly claimed: PromiseWithResolvers<ClaimedNew | null> }
    | undefined
  const batches = new Batches<Arrival, Appended>({
    keyOf: keyOfMessage,
    most: MOST_IN_BATCH,
    async commit(arrivals) {
      const { claim = null, claimed } = waiting ?? {}
      waiting = undefined
      const events = arrivals.flatMap((arrival) => (arrival.kind === 'event' ? arrival : []))
      const changes = events.filter(({ plan }) => plan !== null && plan.deliveries.length > 0).length
      const { changesSoFar } = due
      const committed = (durationMs: number, { appended }: AppendedAll) => {
        if (appended.some(({ kind }) => kind === 'stored')) report(arrivals.length, durationMs)
      }
      try {
        const all = await known.with(
          events.flatMap(({ plan }) => destinationsOf(plan)),
          events.map(({ event }) => event),
          () => database.write((session) => append(session, known, arrivals, claim), committed),
        )
        claimed?.resolve({ ...all, changes, changesSoFar })
        return all.appended
      } catch (error) {
        // What it leased is given back, if it did. All else is no failure of the claim, which goes on without.
        if (error instanceof CommitUnknown) claimed?.reject(error)
        else claimed?.resolve(null)
        throw error
      }
    },
  })
  return {
    add: (arrival) => batches.add(arrival),
    idle: () => batches.idle(),
    claim(claim) {
      if (!batches.isWaiting || waiting !== undefined) return null
      const claimed = Promise.withResolvers<ClaimedNew | null>()
      waiting = { claim, claimed }
      return claimed.promise
    },
  }
}

export type Completions = Pick<Batches<Completion, Completed | null>, 'add' | 'idle'>

export function createCompletions(database: Database, { known, report, due }: BatchedOptions): Completions {
  /** Those that may have been recorded, though the answer was lost. */
  const unknown = new WeakSet<Attempt>()
  const isUnknown = (attempt: Attempt) => unknown.has(attempt)
  const batches = (
    commit: (
      ended: readonly Completion[],
      committed: (durationMs: number, completed: readonly (Completed | null)[]) => void,
    ) => Promise<readonly (Completed | null)[]>,
  ) =>
    new Batches<Completion, Completed | null>({
      keyOf: ({ attempt }) => attempt.deliveryId,
      most: MOST_IN_BATCH,
      async commit(ended) {
        try {
          return await commit(ended, (durationMs, completed) => {
            if (completed.some((each) => each !== null)) report(ended.length, durationMs)
          })
        } catch (error) {
          if (error instanceof CommitUnknown) for (const { attempt } of ended) unknown.add(attempt)
          throw error
        }
      },
    })
  const alone = batches(async (ended, committed) => {
    const end = (session: Session) => completeAlone(session, ended)
    const { completed, mayMakeDue } = await database.write(end, (durationMs, { completed }) =>
      committed(durationMs, completed),
    )
    if (mayMakeDue) due.changed()
    return completed
  })
  const all = batches((ended, committed) => {
    const destinations = ended.flatMap(({ fallbacks }) => fallbacks.map(({ destination }) => destination))
    const completed = known.with(destinations, [], () =>
      database.write((session) => complete(session, known, ended, isUnknown), committed),
    )
    return completed.finally(() => due.changed())
  })
  return {
    async add(completion) {
      const done = mayEndAlone(completion) ? await alone.add(completion) : null
      return done ?? all.add(completion)
    },
    async idle() {
      // What does not end alone goes on to the others.
      await alone.idle()
      await all.idle()
    },
  }
}

export function destinationsOf(plan: NewPlan | null): readonly Destination[] {
  return (plan?.deliveries ?? []).map(({ destination }) => destination)
}
