import type { Store } from '../store.ts'
import { addPlan, append } from './append.ts'
import { noteClock, refusedClock } from './clocks.ts'
import { asUnavailable, type Database } from './database.ts'
import {
  claimEnrichments,
  endEnrichment,
  expediteEnrichments,
  keepEnrichment,
  waitingEnrichments,
} from './enrichments.ts'
import type { Checkpoints } from './file/checkpoints.ts'
import type { StoreFiles } from './file/store-files.ts'
import { GroupCommit } from './group-commit.ts'
import { deliveryPage } from './history/deliveries.ts'
import { eventPage } from './history/events.ts'
import { find } from './history/find.ts'
import { typesOf } from './history/kinds.ts'
import { backlog, destinations } from './history/places.ts'
import { conversationFor, deliveryRecord, eventRecord } from './history/records.ts'
import { purge, quarantined } from './purge.ts'
import { claim, renew } from './queue/claim.ts'
import { Clock } from './queue/clock.ts'
import { complete, skip } from './queue/complete.ts'
import { reconfigure } from './queue/rates.ts'
import { dismiss, requeue } from './queue/requeue.ts'

/** What a service watches in addition to its database. */
interface Watched {
  readonly files: StoreFiles
  readonly checkpoints: Checkpoints
}

/** The store on an open database with the current schema. `release` is called when it is closed. */
export function createSqliteStore(database: Database, release: () => void, watched?: Watched): Store {
  const { files, checkpoints } = watched ?? {}
  const commits = new GroupCommit(database, files, () => checkpoints?.afterCommit())
  const clock = new Clock(database)
  const listeners: (() => void)[] = []
  const enrichmentListeners: (() => void)[] = []

  /** A change that may make something due: a claim made at once runs in the same transaction. */
  function change<T>(operation: () => T, concerned = listeners): Promise<T> {
    const done = commits.run(operation)
    for (const listener of concerned) listener()
    return done
  }

  async function read<T>(query: () => T): Promise<T> {
    try {
      return database.read(query)
    } catch (error) {
      throw asUnavailable(error, database.path)
    }
  }

  return {
    append: (arrival) => {
      const operation = () => append(database, arrival)
      if (arrival.kind === 'event' && arrival.plan === null) return change(operation, enrichmentListeners)
      const isDue = arrival.kind === 'event' && (arrival.plan?.deliveries.length ?? 0) > 0
      return isDue ? change(operation) : commits.run(operation)
    },
    claimEnrichments: (request) => commits.runAnyhow(() => claimEnrichments(database, request)),
    keepEnrichment: (lease, progress, dueAt) =>
      commits.runAnyhow(() => keepEnrichment(database, lease, progress, dueAt)),
    endEnrichment: (lease, progress, plan) => change(() => endEnrichment(database, lease, progress, plan)),
    expediteEnrichments: (now) => change(() => expediteEnrichments(database, now), enrichmentListeners),
    waitingEnrichments: () => read(() => waitingEnrichments(database)),
    onEnrichmentDue: (listener) => void enrichmentListeners.push(listener),
    addPlan: (eventId, plan, replaces) => change(() => addPlan(database, eventId, plan, replaces)),
    noteClock: (source, timing) => commits.run(() => noteClock(database, source, timing)),
    isSequential: true,
    claim: (request) =>
      commits.runAnyhow(() => {
        clock.follow(request.now)
        const claimed = claim(database, request)
        if (claimed.leased.length > 0) clock.keep(request.now)
        return claimed
      }),
    // Checking is cheap here.
    idleUntil: () => null,
    renew: (holder, ids, leaseUntil) => commits.runAnyhow(() => renew(database, holder, ids, leaseUntil)),
    complete: (...completion) => commits.runAnyhow(() => complete(database, ...completion)),
    skip: (delivery, reason, now) => commits.runAnyhow(() => skip(database, delivery, reason, now)),
    requeue: (requests, now) => change(() => requeue(database, requests, now)),
    dismiss: (ids, reason, now) => commits.run(() => dismiss(database, ids, reason, now)),
    reconfigure: () => change(() => reconfigure(database)),
    isLeftToOthers: () => false,
    onDue: (listener) => void listeners.push(listener),
    onCommit: (listener) => commits.onCommit(listener),
    events: (filter, page) => read(() => eventPage(database, filter, page)),
    deliveries: (filter, page) => read(() => deliveryPage(database, filter, page)),
    event: (id) => read(() => eventRecord(database, id)),
    delivery: (id) => read(() => deliveryRecord(database, id)),
    conversation: (eventId, stage, key) => read(() => conversationFor(database, eventId, stage, key)),
    find: (text, limit) => read(() => find(database, text, limit)),
    refusedClock: (source) => read(() => refusedClock(database, source)),
    types: () => read(() => typesOf(database)),
    destinations: () => read(() => destinations(database)),
    backlog: () => read(() => backlog(database)),
    purge: (request) => commits.run(() => purge(database, request)),
    quarantined: (after, limit) => read(() => quarantined(database, after, limit)),
    probe: () => commits.run(() => probe(database)),
    now: Date.now,
    onLoss: (listener) => files?.onLoss(listener),
    loss: () => files?.loss?.message ?? null,
    async close() {
      commits.flush()
      // Further changes are in the log, which SQLite does not copy into a file that was moved.
      if (files?.loss?.kind === 'moved') checkpoints?.copyAll()
      const mayClose = watched === undefined || (watched.files.mayBeClosed() && watched.checkpoints.finish())
      if (mayClose) database.close()
      release()
    },
  }
}

/** Twice, because SQLite does not write a row that does not change. */
function probe(database: Database): void {
  for (const _ of [1, 2]) database.prepare('UPDATE holder SET pid = -pid').run()
}
