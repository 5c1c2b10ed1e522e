/** What PostgreSQL's errors, and those of connections to it, mean for the store. */
import { StoreUnavailable } from '../../store.ts'

// https://www.postgresql.org/docs/current/errcodes-appendix.html
const SERIALIZATION_FAILURE = '40001'
const DEADLOCK = '40P01'
const READ_ONLY = '25006'
const CHANGED_PLAN = '0A000'
export const LOCK_NOT_AVAILABLE = '55P03'
export const NOT_NULL_VIOLATION = '23502'
export const UNDEFINED_TABLE = '42P01'

/** A pooler gives each transaction another connection to the server, whose locks and prepared statements are not there then. */
export const POOLED =
  'it is behind a pooler in transaction mode, such as PgBouncer; let that use pool_mode = session, or name the server itself in store.url'
const UNTRUSTED =
  "this machine does not trust the authority of the server's certificate; name its file in store.url, as sslrootcert=FILE, or install it in the system's store"

const words: ReadonlyMap<string, string> = new Map([
  [READ_ONLY, 'the server is a standby, or read-only; list the other servers in store.url'],
  ['28000', 'the server refuses this user; check store.url and pg_hba.conf'],
  ['28P01', 'the password is wrong; check store.url, PGPASSWORD or the password file'],
  ['3D000', 'there is no such database; make it (createdb), or correct store.url'],
  [
    UNDEFINED_TABLE,
    'the tables of the store are gone; restore them, or restart the service, which makes new ones',
  ],
  [
    '42501',
    'the user may not do this; make it the owner of the database, or of the schema hookbridge and its tables',
  ],
  ['53100', 'the disk of the server is full; make room'],
  ['53300', 'the server has no connection left; raise max_connections, or run fewer instances'],
  [
    LOCK_NOT_AVAILABLE,
    'a lock was waited for too long; find out who has it (docs/postgresql.md, "When it is slow, or waits for a lock")',
  ],
  ['57014', 'a statement took too long'],
  ['57P01', 'the server is shutting down'],
  ['57P03', 'the server is starting up'],
  ['26000', POOLED],
  ['42P05', POOLED],
  [
    'ERR_TLS_CERT_ALTNAME_INVALID',
    'the certificate is for another host; write one of its names in store.url',
  ],
  ['CERT_HAS_EXPIRED', "the server's certificate has expired; renew it"],
  ['DEPTH_ZERO_SELF_SIGNED_CERT', UNTRUSTED],
  ['SELF_SIGNED_CERT_IN_CHAIN', UNTRUSTED],
  ['UNABLE_TO_GET_ISSUER_CERT_LOCALLY', UNTRUSTED],
  ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', UNTRUSTED],
])

// Classes of errors that may pass: connection, resources, operator intervention, system, and locks that were waited for too long. And
// mistakes of people, who can correct them while the service runs.
const PASSING = /^(08|53|57|58)|^(25006|25P03|26000|42P05|55P03|28000|28P01|3D000|42501|42P01)$/

// Errors of sockets and of TLS, which have codes of Node's.
const NETWORK =
  /^(E[A-Z]+|ERR_(TLS|SSL|SOCKET)_.*|CERT_.*|UNABLE_TO_.*|DEPTH_ZERO_.*|SELF_SIGNED_.*|HOSTNAME_MISMATCH)$/
// node-postgres gives these no code.
const CLOSED =
  /Connection terminated|Client has encountered a connection error|timeout expired|Query read timeout|Cannot use a pool after/
const NO_PASSWORD = /^SASL: .*password must be/
const ASKS_FOR_PASSWORD =
  'the server asks for a password; put it into store.url, PGPASSWORD or the password file'

/** Turns an error of a statement that may pass into StoreUnavailable; others stay as they are. */
export function asUnavailable(error: unknown, name: string): unknown {
  return isPassing(error) ? unavailable(error, name) : error
}

/** Of whatever keeps a connection from being made: the network, the server, certificates, or mistakes of set-up. None is a bug. */
export function unavailable(error: unknown, name: string): StoreUnavailable {
  if (error instanceof StoreUnavailable) return error
  const message = messageOf(error)
  const why = words.get(codeOf(error) ?? '') ?? (NO_PASSWORD.test(message) ? ASKS_FOR_PASSWORD : undefined)
  const text = why === undefined ? message : `${why} (${message})`
  return new StoreUnavailable(`the store ${name} is unavailable: ${text}`, { cause: error })
}

/** Whether `unavailable` made it of an error of PostgreSQL with this code. */
export function isUnavailable(error: unknown, code: string): boolean {
  return error instanceof StoreUnavailable && codeOf(error.cause) === code
}

/** That no connection of the pool became free in time. */
export function isPoolExhausted(error: unknown): boolean {
  return error instanceof Error && error.message === 'timeout exceeded when trying to connect'
}

/** The transaction was rolled back, and may be run again at once. */
export function mayRetry(error: unknown): boolean {
  const code = codeOf(error)
  return code === SERIALIZATION_FAILURE || code === DEADLOCK || isStalePlan(error)
}

/** A newer version has added columns: the statements of this connection must be prepared again. */
export function isStalePlan(error: unknown): boolean {
  return codeOf(error) === CHANGED_PLAN && error instanceof Error && error.message.includes('cached plan')
}

/** Whether the connection is of no more use. */
export function isLost(error: unknown): boolean {
  const code = codeOf(error)
  if (code === READ_ONLY || isStalePlan(error)) return true
  return code === undefined || NETWORK.test(code) ? isPassing(error) : /^(08|57P)/.test(code)
}

export function isReadOnly(error: unknown): boolean {
  return codeOf(error) === READ_ONLY
}

function isPassing(error: unknown): boolean {
  const code = codeOf(error)
  if (code !== undefined) return PASSING.test(code) || NETWORK.test(code)
  return error instanceof Error && CLOSED.test(error.message)
}

export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}

/** Node's AggregateError, for several addresses of a host, has no message. */
function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (error.message !== '') return error.message
  const first: unknown = error instanceof AggregateError ? error.errors[0] : undefined
  return first instanceof Error ? first.message : (codeOf(error) ?? error.name)
}
