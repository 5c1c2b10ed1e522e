import type { Row, Table } from './tables.ts'

/** A store that rows are copied from or to. Until it is closed, no service can use it and nothing else can change it. */
export interface Side {
  /** Its URL without the password. */
  readonly name: string
  /** The same for every URL of this store. */
  readonly identity: string
  /** Rows in the order of their keys, after a given key or from the first one, as many as fit into memory at once. */
  rows(table: Table, after: Row | null): Promise<readonly Row[]>
  count(table: Table): Promise<number>
  /** Identifies this store and its state: the text is different after a service has used it. */
  state(): Promise<string>
  /** The latest time that a service has seen on its clock. */
  seenAt(): Promise<number>
  close(): Promise<void>
}

/** A store that is written to. Until `finish`, no service and no command opens it. */
export interface Target extends Side {
  /** The state of the store that it is an unfinished copy of; null if it is none. */
  unfinished(): Promise<string | null>
  /** Marks it as an unfinished copy. */
  begin(from: string): Promise<void>
  /** The greatest existing key: a copy continues after it. */
  lastKey(table: Table): Promise<Row | null>
  /** In one transaction. */
  insert(table: Table, rows: readonly Row[]): Promise<void>
  /** Makes it a usable store: numbering continues after the greatest numbers, and leases end. */
  finish(seenAt: number): Promise<void>
}
