/** Statements, their values and their rows. */
import pg from 'pg'
import { Records } from './records.ts'
import { fromText, toText } from './text.ts'

/** What may be bound. Arrays become PostgreSQL's: `= ANY($1::bigint[])`. */
export type Scalar = null | number | string | boolean | Uint8Array
export type Value = Scalar | readonly Scalar[] | Records
/** A row as a query returns it; declare the rows of a query as a type alias of this shape. bigint is a number. */
export type Row = Readonly<Record<string, null | number | string | boolean | Uint8Array>>

/**
 * What statements run in. They are pipelined: they run in the order in which they are sent, and wait only for earlier rows that
 * they need.
 */
export interface Reader {
  /** A statement with $1, $2, …, prepared once for each connection. */
  query<R extends Row>(sql: string, values?: readonly Value[]): Promise<readonly R[]>
  /** Several statements without values. */
  run(sql: string): Promise<void>
}

/** A statement that changes something. */
export interface Change {
  readonly sql: string
  readonly values: readonly Value[]
}

/** A transaction. */
export interface Session extends Reader {
  /** A statement whose rows nobody needs. It goes with the next one, or with the commit, which fails where it does. */
  send(sql: string, values?: readonly Value[]): void
  /** The same for several changes, as one statement: none of them sees what the others do. Foreign keys are checked after all of them. */
  sendTogether(changes: readonly Change[]): void
}

export interface Transaction extends Session {
  /** What the first statement that failed says; those after it only say that the transaction has failed. */
  causeOf(error: unknown): Promise<unknown>
}

const INT8 = 20
const TEXT_TYPES: ReadonlySet<number> = new Set([25, 1043])

/**
 * `ANY` of an array, for statements that run with every event. PostgreSQL plans a prepared statement anew each time that a plan for the given array
 * looks cheaper than one for any array: how long this one is, it does not know when it plans.
 */
export function anyOf(parameter: `$${number}`, type: 'integer' | 'bigint' | 'text'): string {
  return `ANY((SELECT ${parameter}::${type}[])::${type}[])`
}

/** The names of prepared statements, by their text. */
const names = new Map<string, string>()

/** A connection outside the pool. */
export interface Connection extends Reader {
  onNotification(listener: (channel: string, payload: string) => void): void
  close(): Promise<void>
}

export function connectionOf(client: pg.Client): Connection {
  return {
    ...readerOf(client),
    onNotification: (listener) =>
      void client.on('notification', ({ channel, payload }) => listener(channel, payload ?? '')),
    close: () => client.end(),
  }
}

export function readerOf(client: pg.ClientBase): Reader {
  return {
    async query<R extends Row>(text: string, values: readonly Value[] = []) {
      const { rows } = await client.query<R>({ name: nameOfStatement(text), text, values: values.map(bound) })
      return rows
    },
    async run(sql) {
      await client.query(sql)
    },
  }
}

export function transactionOf(client: pg.ClientBase): Transaction {
  const reader = readerOf(client)
  const all: Promise<unknown>[] = []
  const kept = <T>(statement: Promise<T>): Promise<T> => {
    all.push(statement)
    // It may end before anything waits for it.
    statement.catch(() => {})
    return statement
  }
  return {
    query: (sql, values) => kept(reader.query(sql, values)),
    run: (sql) => kept(reader.run(sql)),
    send: (sql, values) => void kept(reader.query(sql, values)),
    sendTogether(changes) {
      if (changes.length === 0) return
      const { sql, values } = together(changes)
      void kept(reader.query(sql, values))
    },
    async causeOf(error) {
      const ended = await Promise.allSettled(all)
      return ended.find((each) => each.status === 'rejected')?.reason ?? error
    },
  }
}

function together(changes: readonly Change[]): Change {
  const values: Value[] = []
  const parts = changes.map((change, index) => {
    const sql = change.sql.replace(/\$(\d+)/g, (_, number) => `$${Number(number) + values.length}`)
    values.push(...change.values)
    return `change_${index} AS (${sql})`
  })
  return { sql: `WITH ${parts.join(', ')} SELECT`, values }
}

function nameOfStatement(text: string): string {
  const found = names.get(text) ?? `hookbridge_${names.size + 1}`
  names.set(text, found)
  return found
}

function bound(value: Value): unknown {
  if (typeof value === 'string') return toText(value)
  if (value instanceof Records) return value.json
  return Array.isArray(value) ? value.map(bound) : value
}

/** For the driver: bigint is a number, and text has its U+0000. */
export function getTypeParser(type: number, format?: 'text' | 'binary') {
  if (format === 'binary') return pg.types.getTypeParser(type, 'binary')
  if (type === INT8) return Number
  return TEXT_TYPES.has(type) ? fromText : pg.types.getTypeParser(type, 'text')
}
