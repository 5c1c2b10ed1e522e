/** A store with a long history, filled by SQL: through the store a million events would take many minutes. */
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { createIds } from '../../src/app/ids.ts'
import type { State } from '../../src/core/delivery/delivery.ts'
import { openStore } from '../../src/store/open.ts'
import { seeded, weighted } from './seeded-random.ts'

export const DAY_MS = 86_400_000
const HISTORY_DAYS = 30
/** When the history ends. */
export const HISTORY_END = Date.UTC(2026, 10, 1)
export const HISTORY_START = HISTORY_END - HISTORY_DAYS * DAY_MS

type Weighted = readonly (readonly [name: string, perMillion: number])[]

const sources: Weighted = [
  ['cuuro', 800_000],
  ['crm', 150_000],
  ['billing', 49_000],
  ['lab', 1_000],
]
const types: Weighted = [
  ['analysis.completed', 400_000],
  ['analysis.created', 300_000],
  ['startup.created', 100_000],
  ['startup.updated', 80_000],
  ['contact.created', 60_000],
  ['contact.updated', 40_000],
  ['invoice.paid', 10_000],
  ['invoice.overdue', 6_000],
  ['report.ready', 3_000],
  ['report.failed', 800],
  ['key.rotated', 150],
  ['key.expired', 50],
]
// Each subject has about four events.
const EVENTS_A_SUBJECT = 4

const RECEIVERS = 20
/** Every receiver has a destination of its own, every second one another one. */
const places = Array.from({ length: RECEIVERS }, (_, receiver) => [
  { receiver, destination: receiver },
  ...(receiver % 2 === 0 ? [{ receiver, destination: RECEIVERS + receiver / 2 }] : []),
]).flat()
const DESTINATIONS = places.length
/** Gets next to nothing. */
export const RARE_RECEIVER = receiverName(RECEIVERS - 1)
const RARE_RECEIVER_PER_MILLION = 100

// Of old deliveries, beside what is delivered.
const settled: readonly (readonly [State, number])[] = [
  ['skipped', 40_000],
  ['cancelled', 3_000],
  ['merged', 2_000],
  ['dismissed', 100],
]
// Of the newest deliveries, in this order from the newest on; and how many among all the rest wait for a person.
const unsettled: readonly (readonly [State, number])[] = [
  ['sending', 8],
  ['pending', 300],
  ['held', 150],
  ['retrying', 100],
  ['ambiguous', 10],
]
const unresolved: readonly (readonly [State, number])[] = [
  ['parked', 40],
  ['dead', 5],
]
const UNROUTED_PER_MILLION = 5_000
const QUARANTINED_PER_MILLION = 200
const REPLAYED_PER_MILLION = 1_000
const REPLAYED_AFTER_MS = 3 * DAY_MS

export function receiverName(receiver: number): string {
  return `receiver-${String(receiver).padStart(2, '0')}`
}

export function destinationOf(destination: number): { readonly channel: string; readonly target: string } {
  const name = String(destination).padStart(2, '0')
  return destination % 3 === 2
    ? { channel: 'email', target: `team-${name}@example.com` }
    : { channel: 'slack', target: `#channel-${name}` }
}

/** Makes the file, with about two deliveries an event. The same number of events gives the same history, but for ids. */
export async function writeLongHistory(path: string, events: number): Promise<void> {
  await (await openStore(`sqlite:${path}`, 'service')).close()
  const database = new DatabaseSync(path)
  // Indexes that are made afterwards take half the time.
  const indexes = database
    .prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL")
    .all()
  database.exec('PRAGMA synchronous = OFF; PRAGMA journal_mode = MEMORY; PRAGMA cache_size = -1000000; BEGIN')
  for (const { name } of indexes) database.exec(`DROP INDEX ${name}`)
  writeDestinations(database)
  writeKinds(database)
  writeEvents(database, events)
  for (const { sql } of indexes) database.exec(String(sql))
  database.exec('COMMIT')
  database.close()
}

function writeDestinations(database: DatabaseSync): void {
  for (let id = 0; id < DESTINATIONS; id++) {
    const { channel, target } = destinationOf(id)
    database.prepare('INSERT INTO rates (id, channel, key) VALUES (?, ?, ?)').run(id + 1, channel, target)
    database
      .prepare('INSERT INTO destinations (id, channel, target, rate) VALUES (?, ?, ?, ?)')
      .run(id + 1, channel, target, id + 1)
  }
}

function writeKinds(database: DatabaseSync): void {
  const insert = database.prepare('INSERT INTO kinds (source, type) VALUES (?, ?)')
  for (const [source] of sources) for (const [type] of types) insert.run(source, type)
}

interface Writer {
  readonly random: () => number
  readonly ids: ReturnType<typeof createIds>
  readonly event: StatementSync
  readonly plan: StatementSync
  readonly delivery: StatementSync
  readonly attempt: StatementSync
  /** The states of the deliveries that are not settled, by how many deliveries are left to write. */
  readonly states: ReadonlyMap<number, State>
  /** Deliveries that are left to write, as far as can be said. */
  left: number
}

function writeEvents(database: DatabaseSync, events: number): void {
  const random = seeded(events)
  const counts = Uint8Array.from({ length: events }, () => deliveriesOfEvent(random))
  const deliveries = counts.reduce((sum, count) => sum + count, 0)
  let time = HISTORY_START
  const writer: Writer = {
    random,
    ids: createIds(() => time),
    event: database.prepare(`INSERT INTO events
      (seq, id, message_id, source, type, subject, received_at, sent_at, secret_index, unrouted, problem, body)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?, ?)`),
    plan: database.prepare(`INSERT INTO plans (event, number, at, cause, fingerprint, unrouted, routes)
      VALUES (?, ?, ?, ?, '5f0c6cd2a1e7', ?, ?)`),
    delivery:
      database.prepare(`INSERT INTO deliveries (id, event, kind, plan, route, receiver, destination, rate, state, reason,
        due_at, leased_at, holder, attempts, ambiguous_attempts, created_at, retrying_since)
      VALUES (?1, ?2, (SELECT kinds.id FROM events CROSS JOIN kinds ON kinds.source = events.source
        AND kinds.type = events.type WHERE events.seq = ?2),
        ?3, 'completed analyses', ?4, ?5, ?5, ?6, ?7, ?8, ?9, ?10, ?11, 0, ?12, ?12)`),
    attempt: database.prepare(`INSERT INTO attempts (delivery, number, started_at, duration_ms, outcome)
      VALUES (?, 1, ?, 180, '{"kind":"sent","reference":{"channel":"C0123456789","ts":"1760000000.000100"}}')`),
    states: stateByCountdown(random, deliveries),
    left: deliveries,
  }
  const step = (HISTORY_END - HISTORY_START) / events
  for (let seq = 1; seq <= events; seq++) {
    time = Math.floor(HISTORY_START + (seq - 1) * step + random() * step)
    writeEvent(writer, seq, time, counts[seq - 1] ?? 0, Math.ceil(events / EVENTS_A_SUBJECT))
  }
}

function deliveriesOfEvent(random: () => number): number {
  return random() * 1_000_000 < UNROUTED_PER_MILLION ? 0 : 1 + Math.floor(random() * 3)
}

/** Those that are not settled are the newest; those that wait for a person are anywhere. */
function stateByCountdown(random: () => number, deliveries: number): Map<number, State> {
  const found = new Map<number, State>()
  let left = 1
  for (const [state, count] of unsettled) {
    for (let index = 0; index < count; index++) found.set(left++, state)
  }
  for (const [state, count] of unresolved) {
    for (let index = 0; index < count; index++) {
      found.set(left + Math.floor(random() * (deliveries - left)), state)
    }
  }
  return found
}

function writeEvent(writer: Writer, seq: number, time: number, count: number, subjects: number): void {
  const { random, ids } = writer
  const source = weighted(random, sources, 'cuuro')
  const type = weighted(random, types, 'analysis.completed')
  const subject = `an_${Math.floor(random() * subjects)}`
  const isQuarantined = count === 0 && random() * UNROUTED_PER_MILLION < QUARANTINED_PER_MILLION
  const body = JSON.stringify({ type, data: { id: subject, name: 'A startup of the benchmark', score: 87 } })
  const isUnrouted = count === 0 ? 1 : 0
  writer.event.run(
    seq,
    ids.event(),
    `msg_${time.toString(36)}${Math.floor(random() * 1e15).toString(36)}`,
    source,
    isQuarantined ? null : type,
    isQuarantined ? null : subject,
    time,
    time - 300,
    isQuarantined ? null : isUnrouted,
    isQuarantined ? 'no_event_type: the body has none' : null,
    Buffer.from(body),
  )
  if (isQuarantined) return
  writePlan(writer, seq, 1, time, count)
  if (random() * 1_000_000 < REPLAYED_PER_MILLION && time + REPLAYED_AFTER_MS < HISTORY_END) {
    writePlan(writer, seq, 2, time + REPLAYED_AFTER_MS, 0)
    if (count > 0) writeDelivery(writer, seq, 2, time + REPLAYED_AFTER_MS, 'delivered')
  }
}

const routes = JSON.stringify([
  { route: 'completed analyses', path: 'routes[0]', receivers: ['receiver-00', 'receiver-01'] },
])

function writePlan(writer: Writer, event: number, number: number, at: number, count: number): void {
  const cause = number === 1 ? 'received' : 'replay'
  writer.plan.run(event, number, at, cause, count === 0 ? 1 : 0, count === 0 ? '[]' : routes)
  for (let index = 0; index < count; index++) {
    const state = writer.states.get(writer.left) ?? weighted(writer.random, settled, 'delivered')
    writer.left -= 1
    writeDelivery(writer, event, number, at, state)
  }
}

const waiting: ReadonlySet<State> = new Set(['sending', 'pending', 'held', 'retrying', 'ambiguous'])
const tried: ReadonlySet<State> = new Set(['delivered', 'retrying', 'ambiguous', 'parked', 'dead'])

function writeDelivery(writer: Writer, event: number, plan: number, at: number, state: State): void {
  const { receiver, destination } = placeOf(writer.random)
  const attempts = tried.has(state) ? 1 : 0
  const isSending = state === 'sending'
  const { lastInsertRowid } = writer.delivery.run(
    writer.ids.delivery(),
    event,
    plan,
    receiverName(receiver),
    destination + 1,
    state,
    state === 'delivered' || state === 'pending' || isSending ? null : `the reason for ${state}`,
    waiting.has(state) ? at + 60_000 : null,
    isSending ? at : null,
    isSending ? 'benchmark' : null,
    attempts,
    at,
  )
  if (attempts > 0) writer.attempt.run(lastInsertRowid, at)
}

/** The first places get more than the last ones. */
function placeOf(random: () => number): { readonly receiver: number; readonly destination: number } {
  const rare = places.length - 1
  const index =
    random() * 1_000_000 < RARE_RECEIVER_PER_MILLION ? rare : Math.floor(random() * random() * rare)
  const place = places[index]
  if (place === undefined) throw new Error(`no place ${index}`)
  return place
}
