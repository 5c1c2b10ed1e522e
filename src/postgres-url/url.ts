/** Reads the URL of a PostgreSQL database, as libpq would: https://www.postgresql.org/docs/current/libpq-connect.html */

export interface Host {
  /** A name, an address, or the folder of a Unix socket. */
  readonly host: string
  readonly port: number
}

export const sslModes = ['disable', 'require', 'verify-ca', 'verify-full'] as const
export type SslMode = (typeof sslModes)[number]

export interface Target {
  /** In the order in which they are tried, until one accepts writes. */
  readonly hosts: readonly Host[]
  /** Null: the system user that runs the program. */
  readonly user: string | null
  /** Null if PGPASSWORD or the password file contains it. */
  readonly password: string | null
  /** Null: the database has the name of the user. */
  readonly database: string | null
  readonly applicationName: string
  /** Null: verify-full, except for this machine. */
  readonly sslMode: SslMode | null
  /** How many connections a pool has at most. Null: as many as its owner needs. */
  readonly poolSize: number | null
  readonly connectTimeoutMs: number
  readonly statementTimeoutMs: number
  /** Files in PEM. */
  readonly sslRootCert: string | null
  readonly sslCert: string | null
  readonly sslKey: string | null
}

export type ParsedUrl =
  | { readonly ok: true; readonly target: Target }
  | { readonly ok: false; readonly problem: string }

const URL_PARTS = /^postgres(?:ql)?:\/\/(?:([^@/?#]*)@)?([^/?#]*)(?:\/([^?#]*))?(?:\?([^#]*))?$/
const DEFAULT_PORT = 5432
const SOCKETS = '/var/run/postgresql'
const PARAMETERS: ReadonlySet<string> = new Set([
  'host',
  'port',
  'application_name',
  'sslmode',
  'sslrootcert',
  'sslcert',
  'sslkey',
  'target_session_attrs',
  'connect_timeout',
  'statement_timeout',
  'pool_max_conns',
])
// A working server answers within milliseconds; these timeouts end what hangs.
const CONNECT_TIMEOUT = '5'
const STATEMENT_TIMEOUT = '10s'
/** Milliseconds of each unit: https://www.postgresql.org/docs/current/config-setting.html */
const UNITS: Readonly<Record<string, number>> = { '': 1, ms: 1, s: 1_000, min: 60_000 }

export function parseUrl(url: string): ParsedUrl {
  const parts = URL_PARTS.exec(url)
  if (parts === null) return failed('must be postgres://USER@HOST/DATABASE')
  const [, account = '', authority = '', path = '', query = ''] = parts
  if (authority.includes('@') || path.includes('@'))
    return failed(
      'has more than one @; in the user, the password and the database, write %40 for @ and %2F for /',
    )
  try {
    return parsed(account, authority, decodeURIComponent(path), new URLSearchParams(query))
  } catch {
    return failed('has a % that is not part of an encoded character; write %25 for % itself')
  }
}

function parsed(account: string, authority: string, path: string, parameters: URLSearchParams): ParsedUrl {
  for (const name of parameters.keys())
    if (!PARAMETERS.has(name))
      // Text that is not a name may be the rest of a password.
      return failed(
        `has an unknown parameter${/^\w+$/.test(name) ? ` ${name}` : ''}; known: ${list(PARAMETERS)}`,
      )
  const hosts = hostsOf(parameters.get('host') ?? authority, parameters.get('port'))
  if (hosts === null) return failed('has a port that is not a number from 1 to 65535')
  const sslMode = parameters.get('sslmode')
  const isKnown = (mode: string | null): mode is SslMode | null =>
    mode === null || sslModes.some((each) => each === mode)
  if (!isKnown(sslMode))
    return failed(`has sslmode=${sslMode}, which is not supported; use one of ${list(sslModes)}`)
  if ((parameters.get('target_session_attrs') ?? 'read-write') !== 'read-write')
    return failed(
      'must not set target_session_attrs; leave it out, since the store always needs a server that accepts writes',
    )
  const limits = limitsOf(parameters)
  if (typeof limits === 'string') return failed(limits)
  const colon = account.indexOf(':')
  const user = decodeURIComponent(colon < 0 ? account : account.slice(0, colon)) || null
  const target: Target = {
    hosts,
    user,
    password: colon < 0 ? null : decodeURIComponent(account.slice(colon + 1)),
    database: path || null,
    applicationName: parameters.get('application_name') ?? 'hookbridge',
    sslMode,
    ...limits,
    sslRootCert: parameters.get('sslrootcert'),
    sslCert: parameters.get('sslcert'),
    sslKey: parameters.get('sslkey'),
  }
  return { ok: true, target }
}

/** The limits, or what is wrong with them. Without a limit, a request would wait forever for a server that hangs. */
function limitsOf(
  parameters: URLSearchParams,
): Pick<Target, 'poolSize' | 'connectTimeoutMs' | 'statementTimeoutMs'> | string {
  const seconds = wholeNumber(parameters.get('connect_timeout') ?? CONNECT_TIMEOUT, 1, 60)
  if (seconds === null) return 'has a connect_timeout that is not a number of seconds from 1 to 60'
  const [, digits = '', unit = ''] =
    /^(\d+) *(ms|s|min)?$/.exec(parameters.get('statement_timeout') ?? STATEMENT_TIMEOUT) ?? []
  const statementTimeoutMs = wholeNumber(String(Number(digits) * (UNITS[unit] ?? 0)), 1_000, 600_000)
  if (statementTimeoutMs === null)
    return 'has a statement_timeout that is not from 1s to 10min; write 30s, or milliseconds without a unit'
  const pool = parameters.get('pool_max_conns')
  const poolSize = pool === null ? null : wholeNumber(pool, 2, 100)
  if (pool !== null && poolSize === null) return 'has a pool_max_conns that is not a number from 2 to 100'
  return { poolSize, connectTimeoutMs: seconds * 1_000, statementTimeoutMs }
}

function wholeNumber(text: string, least: number, most: number): number | null {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN
  return value >= least && value <= most ? value : null
}

/** `HOST:PORT,[ADDRESS]:PORT`. */
function hostsOf(text: string, ports: string | null): readonly Host[] | null {
  const given = ports?.split(',') ?? []
  const hosts = text.split(',').map((each, index) => {
    const [, address, name = '', port] = /^(?:\[([^\]]*)\]|([^:]*))(?::(.*))?$/.exec(each) ?? []
    return {
      host: address ?? (decodeURIComponent(name) || SOCKETS),
      port: Number(port ?? given[index] ?? given[0] ?? DEFAULT_PORT),
    }
  })
  return hosts.every(({ port }) => Number.isInteger(port) && port >= 1 && port <= 65_535) ? hosts : null
}

const FILE = /([?&](?:sslrootcert|sslcert|sslkey)=)([^&#]*)/g

/** The same URL with its files renamed; text that is not a URL is returned unchanged. */
export function withFiles(url: string, rename: (file: string) => string): string {
  if (!parseUrl(url).ok) return url
  return url.replace(FILE, (all, parameter: string, value: string) => {
    const file = new URLSearchParams(`file=${value}`).get('file') ?? ''
    // `system` means the system's authorities, not a file.
    if (file === '' || file === 'system') return all
    return parameter + encodeURIComponent(rename(file)).replaceAll('%2F', '/')
  })
}

/** Whether it names a PostgreSQL database. */
export function isPostgres(url: string): boolean {
  return /^postgres(ql)?:/.test(url)
}

function failed(problem: string): ParsedUrl {
  return { ok: false, problem }
}

function list(names: Iterable<string>): string {
  return [...names].join(', ')
}
