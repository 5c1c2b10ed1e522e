/**
 * A service that shares the store with others. It holds an advisory lock on a connection of its own, which ends with it: the
 * others then see within seconds that it is gone, and take over its leases. One that is suspended, or cut off, keeps its
 * lock for longer; its leases then end by their time.
 */

import { SERVER_TIME, type ServerClock } from './clock/server-clock.ts'
import type { Announced, Configurations } from './configurations.ts'
import { ADVISORY } from './connection/advisory.ts'
import type { Database } from './connection/database.ts'
import { asUnavailable } from './connection/errors.ts'
import type { Connection, Session } from './connection/session.ts'
import { refuseUnfinished } from './migrations/migrations.ts'

/** Also how long an instance may take to connect again, after a failover too, before its leases are taken over. */
const GONE_AFTER_MS = 3_000
const LOOK_EVERY_MS = 500
const RECONNECT_AFTER_MS = 250
const NOTIFY_EVERY_MS = 20
const CHANNEL = 'hookbridge_due'

export interface InstanceOptions {
  /** For people: host and process. */
  readonly name: string
  /** It keeps this one right. */
  readonly clock: ServerClock
  /** Of this one and of the others. */
  readonly configurations: Configurations
  /** Called when another instance or a command, or a lease that was taken over, made something due. */
  readonly onDue: () => void
}

export class Instance {
  readonly #database: Database
  readonly #options: InstanceOptions
  readonly number: number
  /** By the number of an instance that is gone, since when. */
  readonly #absent = new Map<number, number>()
  #connection: Connection | undefined
  /** What the others can read. */
  #announced: Announced | null = null
  #notifyTimer: NodeJS.Timeout | undefined
  #looking: Promise<void> | undefined
  #wake = Promise.withResolvers<void>()
  #closed = false

  static async open(database: Database, options: InstanceOptions): Promise<Instance> {
    const [row] = await database.query<{ number: number }>(
      `INSERT INTO instances (name, started_at) VALUES ($1, ${SERVER_TIME}) RETURNING number`,
      [options.name],
    )
    const instance = new Instance(database, options, row?.number ?? 0)
    await instance.#connect()
    instance.#looking = instance.#run()
    return instance
  }

  private constructor(database: Database, options: InstanceOptions, number: number) {
    this.#database = database
    this.#options = options
    this.number = number
  }

  /** Wakes the other instances soon. Losing it does no harm: they look every second. */
  notify(): void {
    if (this.#notifyTimer !== undefined) return
    this.#notifyTimer = setTimeout(() => {
      this.#notifyTimer = undefined
      void this.#connection?.query('SELECT pg_notify($1, $2)', [CHANNEL, String(this.number)]).catch(() => {})
    }, NOTIFY_EVERY_MS)
    this.#notifyTimer.unref()
  }

  /** Ends its own leases. */
  async close(): Promise<void> {
    this.#closed = true
    clearTimeout(this.#notifyTimer)
    this.#wake.resolve()
    await this.#looking
    const connection = this.#connection
    this.#connection = undefined
    await this.#database
      .write((session) => release(session, this.number, this.#options.clock.now()))
      .catch(() => {})
    await connection?.close().catch(() => {})
  }

  async #connect(): Promise<void> {
    const connection = await this.#database.connect(() => this.#lost(connection))
    try {
      // Waits for its own connection before, if the server has not noticed its end yet, and for one that takes it over.
      await connection.query('SELECT pg_advisory_lock($1::integer, $2::integer)', [
        ADVISORY.instance,
        this.number,
      ])
      await connection.query(
        `INSERT INTO instances (number, name, started_at) OVERRIDING SYSTEM VALUE VALUES ($1, $2, ${SERVER_TIME})
         ON CONFLICT DO NOTHING`,
        [this.number, this.#options.name],
      )
      // It may have begun since this instance looked at the schema.
      await refuseUnfinished(connection, this.#database.name)
      await connection.run(`LISTEN ${CHANNEL}`)
      await this.#options.clock.read(connection)
      this.#announced = null
      await this.#announce(connection)
      await this.#readOthers(connection)
    } catch (error) {
      void connection.close().catch(() => {})
      throw asUnavailable(error, this.#database.name)
    }
    connection.onNotification((_channel, sender) => {
      if (sender !== String(this.number)) this.#options.onDue()
    })
    this.#connection = connection
    this.#absent.clear()
  }

  #lost(connection: Connection): void {
    if (this.#connection !== connection) return
    this.#connection = undefined
    this.#absent.clear()
    this.#wake.resolve()
  }

  /** One look at a time: otherwise two would connect at once, and one of them wait for the other's lock. */
  async #run(): Promise<void> {
    let wait = LOOK_EVERY_MS
    for (;;) {
      await this.#rest(wait)
      if (this.#closed) return
      this.#wake = Promise.withResolvers<void>()
      wait = await this.#look()
    }
  }

  async #rest(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const timer = setTimeout(resolve, ms)
    timer.unref()
    await Promise.race([promise, this.#wake.promise])
    clearTimeout(timer)
  }

  /** Resolves with how long to wait until it looks again. */
  async #look(): Promise<number> {
    try {
      if (this.#connection === undefined) await this.#connect()
      else {
        const connection = this.#connection
        await this.#options.clock.keep(connection)
        await this.#announce(connection)
        await this.#takeOver(goneOf(await this.#readOthers(connection)))
      }
      return LOOK_EVERY_MS
    } catch {
      // Requests and claims fail for the same reason, and report that.
      return RECONNECT_AFTER_MS
    }
  }

  async #announce(connection: Connection): Promise<void> {
    const { own } = this.#options.configurations
    if (own === this.#announced) return
    const { configuration, channels } = own
    await connection.query('UPDATE instances SET configuration = $2, channels = $3 WHERE number = $1', [
      this.number,
      configuration,
      channels,
    ])
    this.#announced = own
  }

  async #readOthers(connection: Connection): Promise<readonly Other[]> {
    const others = await connection.query<Other>(OTHERS, [ADVISORY.instance, this.number])
    this.#options.configurations.sawOthers(others)
    return others
  }

  /** Only after this instance has seen for a while that one is gone: after a failover all connect again. */
  async #takeOver(numbers: ReadonlySet<number>): Promise<void> {
    const now = performance.now()
    for (const number of this.#absent.keys()) if (!numbers.has(number)) this.#absent.delete(number)
    for (const number of numbers) {
      const since = this.#absent.get(number) ?? now
      this.#absent.set(number, since)
      if (now - since < GONE_AFTER_MS) continue
      await this.#database.write((session) => takeOver(session, number, this.#options.clock.now()))
      this.#absent.delete(number)
      this.#options.onDue()
    }
  }
}

type Other = {
  readonly number: number
  readonly configuration: string | null
  readonly channels: string | null
  readonly is_gone: boolean
}

const OTHERS = `SELECT number, configuration, channels, NOT EXISTS (
    SELECT FROM pg_locks
    WHERE locktype = 'advisory' AND granted AND objsubid = 2 AND classid = $1::integer::oid
      AND objid = instances.number::oid
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())) AS is_gone
  FROM instances WHERE number <> $2`

function goneOf(others: readonly Other[]): ReadonlySet<number> {
  return new Set(others.flatMap(({ number, is_gone }) => (is_gone ? number : [])))
}

async function takeOver(session: Session, number: number, now: number): Promise<void> {
  const [row] = await session.query<{ gone: boolean }>(
    'SELECT pg_try_advisory_xact_lock($1::integer, $2::integer) AS gone',
    [ADVISORY.instance, number],
  )
  if (row?.gone === true) await release(session, number, now)
}

/** Ends the leases of an instance. What it was sending is claimed again as interrupted. */
async function release(session: Session, number: number, now: number): Promise<void> {
  await session.query(
    `UPDATE deliveries SET due_at = least(due_at, leased_at, $2::bigint) WHERE state = 'sending' AND instance = $1`,
    [number, now],
  )
  await session.query(
    `UPDATE enrichments SET holder = NULL, instance = NULL,
       due_at = least(due_at, $2::bigint, (SELECT received_at FROM events WHERE seq = event))
     WHERE instance = $1`,
    [number, now],
  )
  await session.query('DELETE FROM instances WHERE number = $1', [number])
}
