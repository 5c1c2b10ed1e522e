/** A store in one SQLite file, for one machine: one process delivers from it, others may read and change it meanwhile. */
import { existsSync } from 'node:fs'
import { addPlan, append } from './sqlite/append.ts'
import { Checkpoints } from './sqlite/checkpoints.ts'
import { noteClock, refusedClock } from './sqlite/clocks.ts'
import { asUnavailable, Database } from './sqlite/database.ts'
import {
  claimEnrichments,
  endEnrichment,
  expediteEnrichments,
  keepEnrichment,
  releaseEnrichments,
  waitingEnrichments,
} from './sqlite/enrichments.ts'
import { GroupCommit } from './sqlite/group-commit.ts'
import { deliveryPage } from './sqlite/history/deliveries.ts'
import { eventPage } from './sqlite/history/events.ts'
import { find } from './sqlite/history/find.ts'
import { typesOf } from './sqlite/history/kinds.ts'
import { backlog, destinations } from './sqlite/history/places.ts'
import { conversationFor, deliveryRecord, eventRecord } from './sqlite/history/records.ts'
import { takeInstanceLock } from './sqlite/instance-lock.ts'
import { markWhole, refuseParts } from './sqlite/log-marker.ts'
import { migrate } from './sqlite/migrations/migrations.ts'
import { realPath } from './sqlite/paths.ts'
import { createPrivately } from './sqlite/private-file.ts'
import { purge, quarantined } from './sqlite/purge.ts'
import { claim, renew } from './sqlite/queue/claim.ts'
import { Clock } from './sqlite/queue/clock.ts'
import { complete, skip } from './sqlite/queue/complete.ts'
import { reconfigure } from './sqlite/queue/rates.ts'
import { dismiss, requeue } from './sqlite/queue/requeue.ts'
import { inUse, refuseForeign, refuseNewer, refuseOlder } from './sqlite/refusals.ts'
import { StoreFiles } from './sqlite/store-files.ts'
import { type Store, StoreRefused, StoreUnavailable } from './store.ts'

export interface SqliteOptions {
  /** A file, created with its folders if it is missing; or `:memory:`. */
  readonly path: string
  /**
   * `service`: the one process that claims; makes the file and brings its schema up to date.
   * `operator`: reads, resends and replays while a service may be running.
   */
  readonly role: 'service' | 'operator'
}

// How long the event loop may be blocked while another process writes; each such write takes one fsync.
// Less than the shortest server.request_timeout: no request that came meanwhile is taken for a slow one.
const SERVICE_BUSY_TIMEOUT_MS = 500
const OPERATOR_BUSY_TIMEOUT_MS = 10_000

/** Opens a store. Throws StoreRefused, or StoreUnavailable if the file cannot be used. */
export async function openSqlite({ path, role }: SqliteOptions): Promise<Store> {
  try {
    return role === 'service' ? openAsService(path) : openAsOperator(path)
  } catch (error) {
    throw asUnavailable(error, path)
  }
}

function openAsService(configured: string): Store {
  if (configured === ':memory:') return inMemory(configured)
  const path = realPath(configured)
  const release = takeInstanceLock(path)
  if (release === undefined) throw new StoreRefused('in_use', inUse(path))
  try {
    createPrivately(path)
    refuseParts(path)
    const database = new Database(path, SERVICE_BUSY_TIMEOUT_MS)
    return closedOnError(database, () => {
      prepare(database)
      const files = new StoreFiles(configured, path)
      const checkpoints = new Checkpoints(database, () => files.written())
      files.watch(checkpoints)
      return createSqliteStore(database, release, { files, checkpoints })
    })
  } catch (error) {
    release()
    throw error
  }
}

function inMemory(path: string): Store {
  const database = new Database(path, SERVICE_BUSY_TIMEOUT_MS)
  return closedOnError(database, () => {
    prepare(database)
    return createSqliteStore(database, () => {})
  })
}

function prepare(database: Database): void {
  refuseForeign(database)
  refuseNewer(database)
  configure(database)
  database.write(() => {
    migrate(database)
    takeOver(database)
  })
}

function openAsOperator(path: string): Store {
  if (!existsSync(path)) {
    const hint = 'start the service once, which makes it, or check store.url'
    throw new StoreRefused('missing', `there is no store at ${path}; ${hint}`)
  }
  refuseParts(path)
  const database = new Database(path, OPERATOR_BUSY_TIMEOUT_MS)
  return closedOnError(database, () => {
    refuseForeign(database)
    refuseNewer(database)
    refuseOlder(database)
    configure(database)
    markWhole(database)
    return createSqliteStore(database, () => {})
  })
}

function closedOnError(database: Database, open: () => Store): Store {
  try {
    return open()
  } catch (error) {
    database.close()
    throw error
  }
}

/** What a service watches beside its database. */
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
    renew: (holder, ids, leaseUntil) => commits.runAnyhow(() => renew(database, holder, ids, leaseUntil)),
    complete: (...completion) => commits.runAnyhow(() => complete(database, ...completion)),
    skip: (delivery, reason, now) => commits.runAnyhow(() => skip(database, delivery, reason, now)),
    requeue: (requests, now) => change(() => requeue(database, requests, now)),
    dismiss: (ids, reason, now) => commits.run(() => dismiss(database, ids, reason, now)),
    reconfigure: () => change(() => reconfigure(database)),
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
      // What goes on is in the log, which SQLite does not copy into a file that was moved.
      if (files?.loss?.kind === 'moved') checkpoints?.copyAll()
      const mayClose = watched === undefined || (watched.files.mayBeClosed() && watched.checkpoints.finish())
      if (mayClose) database.close()
      release()
    },
  }
}

function configure(database: Database): void {
  // A write-ahead log lets others read while the service writes; FULL is what makes a commit outlive a power cut.
  const mode = database.pragma('journal_mode = WAL')
  if (mode !== 'wal' && mode !== 'memory') {
    throw new StoreUnavailable(`${database.path} cannot have a write-ahead log; put it on a local disk`)
  }
  database.execute('PRAGMA synchronous = FULL')
  // Truncates a log that a slow reader made long.
  database.execute('PRAGMA journal_size_limit = 67108864')
  // The service copies the log into the file itself, and marks both.
  database.execute('PRAGMA wal_autocheckpoint = 0')
  // A commit that divides pages walks through all of the cache: 4 MB hold what is written to, and the system keeps the rest.
  database.execute('PRAGMA cache_size = -4000')
}

/** Twice: SQLite does not write a row that stays the same. */
function probe(database: Database): void {
  for (const _ of [1, 2]) database.prepare('UPDATE holder SET pid = -pid').run()
}

/** Ends the leases of earlier processes, which no longer run since this one has the lock, and records the holder. */
function takeOver(database: Database): void {
  const now = Date.now()
  // Through the index of what is due, for finished deliveries may be many. The clock may have been set back since.
  database
    .prepare(
      `UPDATE deliveries INDEXED BY deliveries_due SET due_at = min(due_at, leased_at, ?)
       WHERE due_at IS NOT NULL AND state = 'sending'`,
    )
    .run(now)
  releaseEnrichments(database, now)
  database
    .prepare(
      `INSERT INTO holder (one, pid, started_at) VALUES (1, ?, ?)
       ON CONFLICT DO UPDATE SET pid = excluded.pid, started_at = excluded.started_at`,
    )
    .run(process.pid, now)
}
