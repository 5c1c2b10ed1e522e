/** Connections to PostgreSQL: a pool, transactions, and the server that takes writes. */
import pg from 'pg'
import type { Target } from '../../../postgres-url/url.ts'
import { StoreRefused, StoreUnavailable } from '../../store.ts'
import { clientOptions, prepare } from './client.ts'
import {
  asUnavailable,
  isLost,
  isPoolExhausted,
  isReadOnly,
  isStalePlan,
  mayRetry,
  POOLED,
  unavailable,
} from './errors.ts'
import { type Connection, connectionOf, type Row, readerOf, type Value } from './session.ts'
import { CommitUnknown, readOnly, readWrite, UNLIMITED, type Work } from './transactions.ts'

const MOST_TRIES = 5
/**
 * A plan that was made for small tables reads them whole, and would be kept until the server next analyzes them, however they have grown. So all
 * plans of a connection are made anew so often.
 */
const PLANS_KEPT_MS = 10_000

export interface DatabaseOptions {
  /** For messages. */
  readonly name: string
  /** How many the pool has at most. */
  readonly connections: number
}

export class Database {
  /** Its URL without the password. */
  readonly name: string
  readonly #target: Target
  readonly #pool: pg.Pool
  /** When each connection last made its plans anew. */
  readonly #prepared = new WeakMap<pg.ClientBase, number>()
  readonly #onLost: (() => void)[] = []
  #host = 0
  #closed: Promise<void> | undefined

  constructor(target: Target, { name, connections }: DatabaseOptions) {
    this.name = name
    this.#target = target
    let last: pg.ClientConfig | undefined
    // The files of its certificates may be missing for a moment, while they are renewed.
    const options = () => {
      try {
        last = this.#options()
      } catch (error) {
        if (last === undefined) throw error
      }
      return last
    }
    class ClientOfHost extends pg.Client {
      constructor() {
        super(options())
      }
    }
    this.#pool = new pg.Pool({
      max: connections,
      connectionTimeoutMillis: target.connectTimeoutMs,
      // Never close idle connections: opening one costs more than a request.
      idleTimeoutMillis: 0,
      allowExitOnIdle: true,
      Client: ClientOfHost,
    })
    // Of a connection that is in use, between two statements: the next statement fails. Without a listener the process would end.
    this.#pool.on('connect', (client) => client.on('error', () => {}))
    // Of an idle connection: the next use makes another one.
    this.#pool.on('error', () => this.#lost())
  }

  /** Calls back when a connection was lost: the server may be another one now, or have other data. */
  onLost(listener: () => void): void {
    this.#onLost.push(listener)
  }

  /** One statement on its own, which is a transaction. */
  async query<R extends Row>(sql: string, values: readonly Value[] = []): Promise<readonly R[]> {
    return this.#with((client) => readerOf(client).query<R>(sql, values))
  }

  /** Runs `work` on one snapshot of the data. */
  async read<T>(work: Work<T>): Promise<T> {
    return this.#with((client) => readOnly(client, work))
  }

  /**
   * Runs `work` in a transaction: all of it is on disk when this resolves, or none of it and this rejects, but for CommitUnknown. `work`
   * may run several times. `committed` is called with how many milliseconds the commit took, and the result.
   */
  async write<T>(work: Work<T>, committed?: (durationMs: number, result: T) => void): Promise<T> {
    return this.#with((client) => readWrite(client, work, committed))
  }

  /** The same on a connection of its own, once, and without time limits: for changes of the schema. */
  async writeUnlimited<T>(work: Work<T>): Promise<T> {
    const client = await this.#connect({ query_timeout: 0 })
    try {
      return await readWrite(client, async (session) => {
        await session.run(UNLIMITED)
        return work(session)
      })
    } catch (error) {
      throw asUnavailable(error, this.name)
    } finally {
      void client.end().catch(() => {})
    }
  }

  /** A connection of its own, outside the pool, to the server that takes writes. `lost` is called once, when it ends. */
  async connect(lost: () => void): Promise<Connection> {
    const client = await this.#connect()
    client.once('end', lost)
    return connectionOf(client)
  }

  /** Refuses a pooler that shares connections to the server: each of two has a process of its own there otherwise. */
  async refusePooler(): Promise<void> {
    const own = await this.#connect()
    try {
      const processes = [await processOf(own), await this.#with(processOf)]
      if (processes[0] === processes[1])
        throw new StoreRefused('unusable', `the store ${this.name} cannot be used: ${POOLED}`)
    } catch (error) {
      throw asUnavailable(error, this.name)
    } finally {
      void own.end().catch(() => {})
    }
  }

  async #connect(change: pg.ClientConfig = {}): Promise<pg.Client> {
    for (let tries = 1; ; tries++) {
      let client: pg.Client | undefined
      try {
        client = new pg.Client({ ...this.#options(), ...change })
        // Without a listener an error would end the process.
        client.on('error', () => {})
        await client.connect()
        await prepare(client, this.#target)
        return client
      } catch (error) {
        void client?.end().catch(() => {})
        this.#nextHost()
        if (tries >= this.#target.hosts.length) throw unavailable(error, this.name)
      }
    }
  }

  /** Idempotent. Waits for statements that are running. */
  close(): Promise<void> {
    this.#closed ??= this.#pool.end()
    return this.#closed
  }

  async #with<T>(work: (client: pg.ClientBase) => Promise<T>): Promise<T> {
    for (let tries = 1; ; tries++) {
      const client = await this.#acquire()
      try {
        const result = await work(client)
        client.release()
        return result
      } catch (error) {
        const lost = error instanceof CommitUnknown || isLost(error)
        client.release(lost)
        if (lost) this.#lost()
        if (isReadOnly(error)) this.#nextHost()
        // Each connection of the pool may have the plan of a statement from before a change of the schema.
        const most = isStalePlan(error) ? MOST_TRIES + this.#pool.options.max : MOST_TRIES
        if (!mayRetry(error) || tries >= most) throw asUnavailable(error, this.name)
      }
    }
  }

  async #acquire(): Promise<pg.PoolClient> {
    if (this.#closed !== undefined) throw new StoreUnavailable(`the store ${this.name} is closed`)
    for (let tries = 1; ; tries++) {
      let client: pg.PoolClient | undefined
      try {
        client = await this.#pool.connect()
        const plannedAt = this.#prepared.get(client)
        const now = performance.now()
        if (plannedAt === undefined) await prepare(client, this.#target)
        // It goes with the statements behind it, which fail where it does.
        else if (now - plannedAt > PLANS_KEPT_MS) void client.query('DISCARD PLANS').catch(() => {})
        else return client
        this.#prepared.set(client, now)
        return client
      } catch (error) {
        client?.release(true)
        if (isPoolExhausted(error)) throw this.#exhausted()
        this.#nextHost()
        if (tries >= this.#target.hosts.length) throw unavailable(error, this.name)
      }
    }
  }

  #exhausted(): StoreUnavailable {
    const hint = 'raise pool_max_conns in store.url'
    const message = `all ${this.#pool.options.max} connections are in use; ${hint}`
    return new StoreUnavailable(`the store ${this.name} is unavailable: ${message}`)
  }

  #nextHost(): void {
    this.#host = (this.#host + 1) % this.#target.hosts.length
  }

  #lost(): void {
    for (const listener of this.#onLost) listener()
  }

  #options(): pg.ClientConfig {
    return clientOptions(this.#target, this.#target.hosts[this.#host] ?? { host: 'localhost', port: 5432 })
  }
}

/** Of the server. Not by a prepared statement, which is what some poolers do not have. */
async function processOf(client: pg.ClientBase): Promise<number | undefined> {
  const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')
  return rows[0]?.pid
}
