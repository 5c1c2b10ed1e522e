/** A store in a PostgreSQL database, for several machines: all services that name it share the work. */
import { hostname } from 'node:os'
import { withoutPassword } from '../postgres-url/password.ts'
import { parseUrl } from '../postgres-url/url.ts'
import { createAppends, createCompletions, destinationsOf } from './postgres/batched.ts'
import { StoreClock } from './postgres/clock/clock.ts'
import { noteClock, refusedClock } from './postgres/clock/clocks.ts'
import { ServerClock } from './postgres/clock/server-clock.ts'
import { Configurations } from './postgres/configurations.ts'
import { Database } from './postgres/connection/database.ts'
import type { Session } from './postgres/connection/session.ts'
import { CommitUnknown, type Work } from './postgres/connection/transactions.ts'
import { DueNotifier } from './postgres/due-notifier.ts'
import {
  claimEnrichments,
  endEnrichment,
  expediteEnrichments,
  giveBackEnrichments,
  keepEnrichment,
  waitingEnrichments,
} from './postgres/enrichments.ts'
import { deliveryPage } from './postgres/history/deliveries.ts'
import { eventPage } from './postgres/history/events.ts'
import { find } from './postgres/history/find.ts'
import { typesOf } from './postgres/history/kinds.ts'
import { backlog, destinations } from './postgres/history/places.ts'
import { conversationFor, deliveryRecord, eventRecord } from './postgres/history/records.ts'
import { Instance } from './postgres/instance.ts'
import { KnownRows } from './postgres/known-rows.ts'
import { migrate, refuseUnprepared } from './postgres/migrations/migrations.ts'
import { purge, quarantined } from './postgres/purge.ts'
import { Claims } from './postgres/queue/claims.ts'
import { reconfigure } from './postgres/queue/rates.ts'
import { dismiss, RENEW, requeue, skip } from './postgres/queue/requeue.ts'
import { UnknownClaims } from './postgres/queue/unknown-claims.ts'
import { addPlan } from './postgres/replay.ts'
import type { Committed, EnrichmentClaim, Store } from './store.ts'
import { StoreRefused } from './store.ts'

export interface PostgresOptions {
  readonly url: string
  /**
   * `service`: one of those that claim; brings the schema up to date.
   * `operator`: reads, resends and replays while services may be running.
   */
  readonly role: 'service' | 'operator'
}

// One for each kind of batch, one for claims and renewals, and one for reads of the history and the metrics.
const SERVICE_CONNECTIONS = 10
const OPERATOR_CONNECTIONS = 2
/** Opens a store. Throws StoreRefused, or StoreUnavailable if the server cannot be used. */
export async function openPostgres({ url, role }: PostgresOptions): Promise<Store> {
  const parsed = parseUrl(url)
  if (!parsed.ok) throw new StoreRefused('unusable', `store.url ${parsed.problem}`)
  const { poolSize } = parsed.target
  const connections = role === 'service' ? (poolSize ?? SERVICE_CONNECTIONS) : OPERATOR_CONNECTIONS
  const database = new Database(parsed.target, { name: withoutPassword(url), connections })
  const clock = new ServerClock()
  const configurations = new Configurations()
  try {
    if (role === 'operator') {
      await refuseUnprepared(database)
      await clock.read(database)
      return createStore({ database, clock, configurations, due: new DueNotifier(database) })
    }
    await database.refusePooler()
    await migrate(database)
    const due = new DueNotifier(database)
    const name = `${hostname()} ${process.pid}`
    const instance = await Instance.open(database, { name, clock, configurations, onDue: () => due.wake() })
    return createStore({ database, clock, configurations, due, instance })
  } catch (error) {
    await database.close()
    throw error
  }
}

interface StoreParts {
  readonly database: Database
  readonly clock: ServerClock
  readonly configurations: Configurations
  readonly due: DueNotifier
  /** Of a service. */
  readonly instance?: Instance
}

function createStore({ database, clock: serverClock, configurations, due, instance }: StoreParts): Store {
  due.notifiedBy(instance)
  const known = new KnownRows(database)
  const clock = new StoreClock(database)
  const committed: Committed[] = []
  const number = instance?.number ?? null
  const report: Committed = (changes, durationMs) => {
    for (const listener of committed) listener(changes, durationMs)
  }
  // If nothing was changed, the time of the commit is not representative.
  const write = <T>(work: Work<T>, changed: (result: T) => boolean = () => true): Promise<T> =>
    database.write(work, (durationMs, result) => {
      if (changed(result)) report(1, durationMs)
    })
  const unknownEnrichments = new UnknownClaims<EnrichmentClaim>((request) =>
    write(
      (session) => giveBackEnrichments(session, request, number),
      (count) => count > 0,
    ),
  )

  const batched = { known, report, due }
  const appends = createAppends(database, batched)
  const claims = new Claims(database, {
    instance: instance?.number ?? 0,
    configurations,
    serverClock,
    clock,
    committed: (durationMs) => report(1, durationMs),
    due,
    appends,
  })
  database.onLost(() => due.changed())
  const completions = createCompletions(database, batched)
  /** Plans after an enrichment, and skipped deliveries, that may have been stored although the server's answer was lost. */
  const unknown = new WeakSet<object>()
  const remembered = <T>(asked: object, change: Promise<T>): Promise<T> =>
    change.catch((error: unknown) => {
      if (error instanceof CommitUnknown) unknown.add(asked)
      throw error
    })

  let closed: Promise<void> | undefined
  async function close(): Promise<void> {
    await Promise.all([appends.idle(), completions.idle(), due.settled('deliveries')])
    await instance?.close()
    await database.close()
  }

  return {
    append(arrival) {
      const appended = appends.add(arrival)
      if (arrival.kind !== 'event') return appended
      if (arrival.plan === null) return due.during(appended, 'enrichments')
      return arrival.plan.deliveries.length > 0 ? due.during(appended, 'deliveries') : appended
    },
    async claimEnrichments(request) {
      await due.settled('enrichments')
      await unknownEnrichments.giveBack(request.now)
      return unknownEnrichments.run(request, () =>
        write(
          (session) => claimEnrichments(session, request, number),
          ({ leased }) => leased.length > 0,
        ),
      )
    },
    keepEnrichment: (lease, progress, dueAt) =>
      write((session) => keepEnrichment(session, lease, progress, dueAt)),
    endEnrichment(lease, progress, plan) {
      const work = (session: Session) =>
        endEnrichment(session, known, { lease, progress, plan, isUnknown: unknown.has(plan) })
      const ended = known.with(destinationsOf(plan), [], () => write(work, (isDone) => isDone))
      return due.during(remembered(plan, ended), 'deliveries')
    },
    expediteEnrichments: (now) =>
      due.during(
        write((session) => expediteEnrichments(session, now)),
        'enrichments',
      ),
    waitingEnrichments: () => database.read(waitingEnrichments),
    onEnrichmentDue: (listener) => due.on('enrichments', listener),
    addPlan(eventId, plan, replaces) {
      const added = known.with(destinationsOf(plan), [], () =>
        write((session) => addPlan(session, known, eventId, plan, replaces)),
      )
      return due.during(added, 'deliveries')
    },
    noteClock: (source, timing) => write((session) => noteClock(session, source, timing)),
    claim: (request) => claims.claim(request),
    idleUntil: (now) => claims.idleUntil(now),
    renew: (holder, ids, leaseUntil) =>
      write(async (session) => void (await session.query(RENEW, [holder, ids, leaseUntil]))),
    complete: (attempt, next, reached, fallbacks = []) =>
      completions.add({ attempt, next, reached, fallbacks }),
    skip(delivery, reason, now) {
      const work = (session: Session) =>
        skip(session, delivery, { reason, now, isUnknown: unknown.has(delivery) })
      const skipped = remembered(
        delivery,
        write(work, (isDone) => isDone),
      )
      return skipped.finally(() => due.changed())
    },
    requeue(requests, now) {
      const requeued = known.with(
        requests.flatMap(({ instead }) => instead?.destination ?? []),
        [],
        () => write((session) => requeue(session, known, requests, now)),
      )
      return due.during(requeued, 'deliveries')
    },
    dismiss: (ids, reason, now) =>
      write(
        (session) => dismiss(session, ids, reason, now),
        ({ length }) => length > 0,
      ),
    reconfigure: () => due.during(write(reconfigure), 'deliveries'),
    isLeftToOthers: (since) => configurations.areLeft(since, serverClock.now()),
    isSequential: false,
    onDue: (listener) => due.on('deliveries', listener),
    onCommit: (listener) => void committed.push(listener),
    events: (filter, page) => database.read((session) => eventPage(session, filter, page)),
    deliveries: (filter, page) => database.read((session) => deliveryPage(session, filter, page)),
    event: (id) => database.read((session) => eventRecord(session, id)),
    delivery: (id) => database.read((session) => deliveryRecord(session, id)),
    conversation: (eventId, stage, key) =>
      database.read((session) => conversationFor(session, eventId, stage, key)),
    find: (text, limit) => database.read((session) => find(session, text, limit)),
    refusedClock: (source) => database.read((session) => refusedClock(session, source)),
    types: () => database.read(typesOf),
    destinations: () => database.read(destinations),
    backlog: () => database.read(backlog),
    purge: (request) =>
      write(
        (session) => purge(session, request),
        ({ events }) => events > 0,
      ),
    quarantined: (after, limit) => database.read((session) => quarantined(session, after, limit)),
    // Takes an id, which writes to the write-ahead log.
    probe: () =>
      write(async (session) => void (await session.query('SELECT pg_current_xact_id()::text AS id'))),
    now: () => serverClock.now(),
    // A lost connection is reopened, so nothing needs a restart.
    onLoss: () => {},
    loss: () => null,
    close() {
      closed ??= close()
      return closed
    },
  }
}
