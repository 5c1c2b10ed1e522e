import { withoutPassword } from '../../postgres-url/password.ts'
import { parseUrl } from '../../postgres-url/url.ts'
import { ADVISORY } from '../postgres/connection/advisory.ts'
import { Database } from '../postgres/connection/database.ts'
import { asUnavailable } from '../postgres/connection/errors.ts'
import type { Connection, Session } from '../postgres/connection/session.ts'
import { UNLIMITED } from '../postgres/connection/transactions.ts'
import {
  isUnfinished,
  migrate,
  refuseOtherVersion,
  refuseUnprepared,
} from '../postgres/migrations/migrations.ts'
import { StoreRefused, StoreUnavailable } from '../store.ts'
import type { Side, Target } from './side.ts'
import { type Cell, keyOf, type Row, selectRows, type Table, tables } from './tables.ts'

const CONNECTIONS = 2
// Counting the rows of a large table takes minutes.
const LIMIT_MS = 15 * 60_000
const NO_IDLE_LIMIT = 'SET LOCAL idle_in_transaction_session_timeout = 0'

export async function openPostgresSource(url: string): Promise<Side> {
  return opened(url, async (database) => {
    await refuseUnprepared(database)
    await refuseOtherVersion(database)
    return side(database, await hold(database))
  })
}

/** Creates the tables if there are none. */
export async function openPostgresTarget(url: string): Promise<Target> {
  return opened(url, async (database) => {
    if (!(await refuseOtherVersion(database))) await migrate(database)
    await refuseInUse(database, database.name)
    const lock = await takeLock(database)
    return target(database, await side(database, lock.connection), lock.isLost)
  })
}

/** Tables that a service writes to before anything else. */
const OWN_TABLES = ['instances', 'clock']

/** Reads on one connection, whose locks allow others to read, but not to change anything. */
async function hold(database: Database): Promise<Connection> {
  // Detects a running service without blocking its statements.
  await refuseInUse(database, database.name)
  const connection = await database.connect(() => {})
  try {
    await connection.run(`BEGIN; ${UNLIMITED}; ${NO_IDLE_LIMIT}; SET LOCAL lock_timeout = '10s'`)
    const names = [...OWN_TABLES, ...tables.map(({ name }) => name)]
    await connection.run(`LOCK TABLE ${names.join(', ')} IN SHARE MODE`)
    await refuseInUse(connection, database.name)
    return connection
  } catch (error) {
    await connection.close()
    throw asUnavailable(error, database.name)
  }
}

/** Prevents another copy to the same database. */
async function takeLock(database: Database) {
  let lost = false
  const connection = await database.connect(() => {
    lost = true
  })
  const [row] = await connection.query<{ taken: boolean }>('SELECT pg_try_advisory_lock($1, 0) AS taken', [
    ADVISORY.copy,
  ])
  if (row?.taken === true) return { connection, isLost: () => lost }
  await connection.close()
  throw new StoreRefused('in_use', `another migrate-store is writing to ${database.name}; wait for its end`)
}

async function opened<T>(url: string, open: (database: Database) => Promise<T>): Promise<T> {
  const parsed = parseUrl(url)
  if (!parsed.ok) throw new StoreRefused('unusable', `the URL ${parsed.problem}`)
  const name = withoutPassword(url)
  const target = { ...parsed.target, statementTimeoutMs: LIMIT_MS }
  const database = new Database(target, { name, connections: CONNECTIONS })
  try {
    return await open(database)
  } catch (error) {
    await database.close()
    throw asUnavailable(error, name)
  }
}

type Raw = Readonly<Record<string, Cell>>

/** `connection`: the one to read on. The locks end with it. */
async function side(database: Database, connection: Connection): Promise<Side> {
  async function all(sql: string, values: Row = []): Promise<readonly Raw[]> {
    try {
      return await connection.query<Raw>(sql, values)
    } catch (error) {
      throw asUnavailable(error, database.name)
    }
  }
  const get = async (sql: string) => (await all(sql))[0]
  const [found] = await all(
    `SELECT (SELECT system_identifier::text FROM pg_control_system()) || '/' || oid AS identity
     FROM pg_database WHERE datname = current_database()`,
  )
  const identity = `postgres:${found?.identity}`
  return {
    name: database.name,
    identity,
    async rows(table, after) {
      const sql = selectRows(table, after !== null, (n) => `$${n}`)
      return (await all(sql, after ?? [])).map((row) => cells(table, row))
    },
    count: async ({ name }) => Number((await get(`SELECT count(*) AS count FROM ${name}`))?.count),
    async state() {
      const row = await get(
        `SELECT (SELECT max(seq) FROM events) AS events, (SELECT max(seq) FROM deliveries) AS deliveries,
           (SELECT last_value FROM pg_sequences
            WHERE schemaname = 'hookbridge' AND sequencename = 'instances_number_seq') AS instances`,
      )
      return JSON.stringify({ store: identity, ...row })
    },
    seenAt: async () => Number((await get('SELECT seen_at FROM clock'))?.seen_at ?? 0),
    async close() {
      await connection.close().catch(() => {})
      await database.close()
    },
  }
}

function target(database: Database, side: Side, isLost: () => boolean): Target {
  const write = (work: (session: Session) => Promise<unknown>) =>
    database.write(async (session) => {
      // Another copy may have begun since.
      if (isLost()) throw new StoreUnavailable(`the connection to ${database.name} was lost`)
      await work(session)
    })
  const get = async (sql: string) => (await database.query<Raw>(sql))[0]
  return {
    ...side,
    async unfinished() {
      if (!(await database.read(isUnfinished))) return null
      return String((await get('SELECT source FROM unfinished_copy'))?.source ?? '')
    },
    begin: (from) =>
      write(async (session) => {
        // A service that starts meanwhile registers in this table first, and then looks for the mark.
        await session.run('LOCK TABLE instances IN ACCESS EXCLUSIVE MODE')
        await refuseInUse(session, database.name)
        await session.run('CREATE TABLE unfinished_copy (source text NOT NULL)')
        await session.query('INSERT INTO unfinished_copy VALUES ($1)', [from])
      }),
    async lastKey(table) {
      const keys = table.columns.slice(0, table.key).map(([name]) => name)
      const order = keys.map((key) => `${key} DESC`).join(', ')
      const row = await get(`SELECT ${keys.join(', ')} FROM ${table.name} ORDER BY ${order} LIMIT 1`)
      return row === undefined ? null : keyOf(table, cells(table, row))
    },
    async insert(table, rows) {
      const names = table.columns.map(([name]) => name).join(', ')
      const arrays = table.columns.map(([, type], index) => `$${index + 1}::${type}[]`).join(', ')
      const values = table.columns.map((_, index) => rows.map((row) => bound(row[index] ?? null)))
      const sql = `INSERT INTO ${table.name} (${names}) OVERRIDING SYSTEM VALUE SELECT * FROM unnest(${arrays})`
      await write((session) => session.query(sql, values))
    },
    finish: (seenAt) => write((session) => finish(session, database.name, seenAt)),
  }
}

/** Each service holds a lock while it is connected. */
async function refuseInUse(session: Pick<Session, 'query'>, name: string): Promise<void> {
  const [row] = await session.query<{ names: string | null }>(
    `SELECT string_agg(coalesce(instances.name, 'process ' || pid), ', ') AS names
     FROM pg_locks LEFT JOIN instances ON objid = instances.number::oid
     WHERE locktype = 'advisory' AND granted AND objsubid = 2 AND classid = $1::integer::oid
       AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
    [ADVISORY.instance],
  )
  const names = row?.names ?? null
  if (names === null) return
  const message = `hookbridge services are using ${name} (${names}); stop them, and run this again`
  throw new StoreRefused('in_use', message)
}

/** What was being sent is claimed again as interrupted, as after the end of an instance. */
async function finish(session: Session, name: string, seenAt: number): Promise<void> {
  await refuseInUse(session, name)
  for (const { name, columns } of tables.filter(({ numbered }) => numbered)) {
    const column = columns[0]?.[0] ?? ''
    await session.query(
      `SELECT setval(pg_get_serial_sequence('hookbridge.${name}', '${column}'), ${column}) AS last
       FROM ${name} ORDER BY ${column} DESC LIMIT 1`,
    )
  }
  await session.query('UPDATE clock SET seen_at = $1', [seenAt])
  await session.query(
    "UPDATE deliveries SET due_at = least(due_at, leased_at), instance = NULL WHERE state = 'sending'",
  )
  await session.query(
    `UPDATE enrichments SET holder = NULL, instance = NULL,
       due_at = least(due_at, (SELECT received_at FROM events WHERE seq = event)) WHERE holder IS NOT NULL`,
  )
  await session.run('DROP TABLE unfinished_copy')
}

function bound(value: Cell): Cell {
  return value instanceof Uint8Array ? Buffer.from(value) : value
}

function cells({ columns }: Table, row: Raw): Row {
  return columns.map(([name]) => row[name] ?? null)
}
