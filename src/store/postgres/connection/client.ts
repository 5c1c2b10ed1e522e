/** How a connection begins. */
import { userInfo } from 'node:os'
import type pg from 'pg'
import type { Host, Target } from '../../../postgres-url/url.ts'
import { getTypeParser } from './session.ts'
import { tlsOf } from './tls.ts'

// The driver waits a little longer for the end of a statement than the server, whose error says more.
const DRIVER_WAITS_LONGER_MS = 2_000
const LOCK_TIMEOUT_MS = 5_000
const IDLE_IN_TRANSACTION_TIMEOUT_MS = 15_000
const KEEP_ALIVE_AFTER_MS = 10_000

// Always use indexes: statistics lag behind tables that grow, and a page must be read in the order of its index. Hash and merge joins
// are off because a plan is cached for a connection, perhaps while the tables are still empty. JIT is off because the cost that the
// planner gives to disabled plans would trigger it, for 100 ms a statement. The time limits and the isolation of transactions are those that
// the statements are made for, whatever the server, the database or the user has as a default.
const SETTINGS = {
  search_path: 'hookbridge, pg_catalog',
  enable_seqscan: 'off',
  enable_bitmapscan: 'off',
  enable_hashjoin: 'off',
  enable_mergejoin: 'off',
  jit: 'off',
  lock_timeout: String(LOCK_TIMEOUT_MS),
  idle_in_transaction_session_timeout: String(IDLE_IN_TRANSACTION_TIMEOUT_MS),
  // From PostgreSQL 14.
  idle_session_timeout: '0',
  // From PostgreSQL 17.
  transaction_timeout: '0',
  default_transaction_isolation: 'read committed',
}

// What is acknowledged is on disk, also where the server's settings say otherwise.
const PREPARE = `SELECT pg_is_in_recovery() OR current_setting('transaction_read_only') = 'on' AS standby,
  CASE WHEN current_setting('synchronous_commit') = 'off' THEN set_config('synchronous_commit', 'local', false) END,
  (SELECT count(set_config(key, value, false)) FROM json_each_text($1::json)
    WHERE current_setting(key, true) IS NOT NULL)`

/** Before its first use. By a statement: poolers refuse settings that come with the start of a connection. Refuses a standby. */
export async function prepare(client: pg.ClientBase, { statementTimeoutMs }: Target): Promise<void> {
  const settings = { ...SETTINGS, statement_timeout: String(statementTimeoutMs) }
  const { rows } = await client.query<{ standby: boolean }>(PREPARE, [JSON.stringify(settings)])
  if (rows[0]?.standby === true) throw Object.assign(new Error('it cannot be written to'), { code: '25006' })
}

export function clientOptions(target: Target, { host, port }: Host): pg.ClientConfig {
  const user = target.user ?? userInfo().username
  const { password, applicationName, connectTimeoutMs, statementTimeoutMs } = target
  return {
    host,
    port,
    user,
    database: target.database ?? user,
    ...(password !== null && { password }),
    application_name: applicationName,
    ssl: tlsOf(target, host),
    query_timeout: statementTimeoutMs + DRIVER_WAITS_LONGER_MS,
    connectionTimeoutMillis: connectTimeoutMs,
    // Statements do not wait for the answer to the one before.
    pipeline: true,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEP_ALIVE_AFTER_MS,
    types: { getTypeParser },
  }
}
