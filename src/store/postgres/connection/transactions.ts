import type pg from 'pg'
import { StoreUnavailable } from '../../store.ts'
import { isLost } from './errors.ts'
import { type Session, transactionOf } from './session.ts'

/** It is unknown whether a transaction was committed: the connection was lost before the answer. */
export class CommitUnknown extends StoreUnavailable {}

/** Lifts the time limits of the current transaction. */
export const UNLIMITED = 'SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0'

export type Work<T> = (session: Session) => Promise<T>

/** Runs `work` on one snapshot of the data. */
export async function readOnly<T>(client: pg.ClientBase, work: Work<T>): Promise<T> {
  const transaction = transactionOf(client)
  void transaction.run('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY')
  try {
    return await work(transaction)
  } catch (error) {
    throw await transaction.causeOf(error)
  } finally {
    // Nothing depends on its answer.
    void client.query('COMMIT').catch(() => {})
  }
}

/** Commits what `work` did, or nothing. `committed` is called with how many milliseconds the commit took, and the result. */
export async function readWrite<T>(
  client: pg.ClientBase,
  work: Work<T>,
  committed: (durationMs: number, result: T) => void = () => {},
): Promise<T> {
  const transaction = transactionOf(client)
  void transaction.run('BEGIN')
  try {
    const result = await work(transaction)
    const began = performance.now()
    await commit(client)
    committed(performance.now() - began, result)
    return result
  } catch (error) {
    if (error instanceof CommitUnknown) throw error
    const cause = await transaction.causeOf(error)
    if (!isLost(cause)) await client.query('ROLLBACK')
    throw cause
  }
}

/** Behind statements that may still be running: where one of them fails, the server rolls back. */
async function commit(client: pg.ClientBase): Promise<void> {
  const { command } = await client.query('COMMIT').catch((error: unknown) => {
    throw isLost(error) ? new CommitUnknown('the store was lost during a commit', { cause: error }) : error
  })
  if (command !== 'COMMIT') throw new Error('the transaction was rolled back')
}
