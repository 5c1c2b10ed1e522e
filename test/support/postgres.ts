/** Clusters of PostgreSQL, from Debian's package: each in a temporary folder, as a user without privileges, on 127.0.0.1. */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import {
  appendFileSync,
  chownSync,
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { parseUrl } from '../../src/postgres-url/url.ts'
import { Database } from '../../src/store/postgres/connection/database.ts'
import type { Certificate } from './certificates.ts'
import { installPackages } from './debian.ts'
import { freePort } from './ports.ts'
import { childrenOf, hasEnded, signalAll, stateOf } from './processes.ts'
import { until } from './until.ts'

export interface PostgresOptions {
  /** What is in postgresql.conf, beside what a cluster of a test needs. */
  readonly settings?: Readonly<Record<string, string>>
  /** Connections must be encrypted, with this certificate. */
  readonly tls?: Certificate & {
    /** In PEM, the authority that clients need a certificate of. */
    readonly clients?: string
  }
}

export interface Postgres {
  readonly port: number
  /** An empty database, or a copy of one that nobody is connected to. Its URL. */
  createDatabase(template?: string): string
  dropDatabase(url: string): void
  /** Runs SQL in a database, and returns the first column of each row. */
  query(sql: string, url?: string): string[]
  /** Runs a COPY … FROM STDIN. */
  load(copy: string, url: string, from: Readable): Promise<void>
  /** Ends all connections and stops, as an administrator would. */
  stop(): Promise<void>
  /** kill -9 of the server and of all its processes, as if the machine had lost its power. */
  kill(): Promise<void>
  /** Starts it again, on the same port. */
  start(): Promise<void>
  /** SIGSTOP of the server and of all its processes: connections stay open, and nothing answers. */
  pause(): void
  resume(): void
  /** Another cluster that follows this one. Commits here wait for it. */
  createStandby(): Promise<Standby>
  /**
   * Runs a shell script as the server's user in a folder of the cluster, with PostgreSQL's programs, and PGHOST and so on for the database; what
   * it prints.
   */
  shell(script: string, url: string): string
  /** The server, and the processes of its connections now. */
  processes(): readonly number[]
  /** What the server has written to its log. */
  log(): string
}

export interface Standby extends Postgres {
  /** Makes a server of its own of it, which can be written to. */
  promote(): Promise<void>
}

interface Owner {
  readonly uid?: number
  readonly gid?: number
}

interface Teardown {
  teardown(action: () => Promise<void>): unknown
}

const ROOT = '/usr/lib/postgresql'
const PROGRAMS = ['initdb', 'postgres', 'psql', 'pg_basebackup'] as const
const SUPERUSER = 'hookbridge'

/** Of a cluster that is not killed: what is committed need not be on the disk. */
export const notDurable = { fsync: 'off', full_page_writes: 'off' }

/** A new, empty cluster, which ends with the test. Installs Debian's package where it is missing. */
export async function startPostgres(t: Teardown, options: PostgresOptions = {}): Promise<Postgres> {
  const password = randomBytes(12).toString('hex')
  const cluster = new Cluster(t, password)
  cluster.initialize(options)
  await cluster.start()
  return cluster
}

class Cluster implements Standby {
  port = 0
  readonly #bin = programs()
  readonly #owner = unprivileged()
  readonly #password: string
  readonly #t: Teardown
  readonly #folder: string
  readonly #data: string
  #server: ChildProcess | undefined
  #databases = 0

  constructor(t: Teardown, password: string) {
    this.#t = t
    this.#password = password
    this.#folder = mkdtempSync(join(tmpdir(), 'hookbridge-postgres-'))
    this.#data = join(this.#folder, 'data')
    const { uid, gid } = this.#owner
    if (uid !== undefined && gid !== undefined) chownSync(this.#folder, uid, gid)
    // A runner that ends early runs no teardown.
    process.once('exit', () => this.#signal('SIGKILL'))
    t.teardown(async () => {
      await this.kill()
      rmSync(this.#folder, { recursive: true, force: true })
    })
  }

  initialize({ settings = {}, tls }: PostgresOptions): void {
    const passwordFile = this.#write('password', this.#password)
    const auth = ['--auth=scram-sha-256', `--username=${SUPERUSER}`, `--pwfile=${passwordFile}`]
    this.#run('initdb', [`--pgdata=${this.#data}`, '--encoding=UTF8', '--locale=C', ...auth])
    const encrypted = tls && {
      ssl: 'on',
      ssl_cert_file: this.#write('server.crt', tls.cert),
      ssl_key_file: this.#write('server.key', tls.key),
      ...(tls.clients !== undefined && { ssl_ca_file: this.#write('clients.crt', tls.clients) }),
    }
    const all = {
      listen_addresses: '127.0.0.1',
      unix_socket_directories: this.#folder,
      max_connections: '200',
      shared_buffers: '64MB',
      fsync: 'on',
      synchronous_commit: 'on',
      ...encrypted,
      ...settings,
    }
    const lines = Object.entries(all).map(([name, value]) => `${name} = '${value}'\n`)
    appendFileSync(join(this.#data, 'postgresql.conf'), lines.join(''))
    const rules = join(this.#data, 'pg_hba.conf')
    if (tls !== undefined) edit(rules, /^host /gm, 'hostssl ')
    if (tls?.clients !== undefined) {
      edit(rules, /^hostssl .*$/gm, '$& clientcert=verify-ca')
      // For `createDatabase`, which has none.
      edit(rules, /^/, 'hostssl postgres all 127.0.0.1/32 scram-sha-256\n')
    }
  }

  async start(): Promise<void> {
    // PostgreSQL cannot choose a port by itself: another process may take this one before it does.
    for (let attempts = this.port === 0 ? 5 : 1; attempts > 0; attempts -= 1) {
      const port = this.port === 0 ? freePort() : this.port
      if (await this.#startOn(port)) {
        this.port = port
        return
      }
    }
    throw new Error(`PostgreSQL does not start:\n${this.log()}`)
  }

  /** False where it ended before it took connections. */
  async #startOn(port: number): Promise<boolean> {
    const before = this.log().length
    const log = openSync(this.#logFile, 'a')
    const server = spawn(this.#program('postgres'), ['-D', this.#data, '-p', String(port)], {
      ...this.#owner,
      stdio: ['ignore', log, log],
      detached: true,
    })
    closeSync(log)
    // It does not keep a runner alive, whose end runs the teardowns.
    server.unref()
    this.#server = server
    const isReady = () => this.log().slice(before).includes('database system is ready to accept')
    await until(() => isReady() || hasEnded(server), 'PostgreSQL to take connections')
    return !hasEnded(server)
  }

  async stop(): Promise<void> {
    await this.#end(() => this.#server?.kill('SIGINT'))
  }

  async kill(): Promise<void> {
    let all: readonly number[] = []
    await this.#end(() => {
      all = this.#signal('SIGKILL')
    })
    // A server does not start while a process of the one before has its memory.
    await until(() => all.every((pid) => !existsSync(`/proc/${pid}`)), 'the processes of PostgreSQL to end')
  }

  async #end(signal: () => void): Promise<void> {
    const server = this.#server
    if (server === undefined || hasEnded(server)) return
    signal()
    await until(() => hasEnded(server), 'PostgreSQL to end')
  }

  pause(): void {
    this.#signal('SIGSTOP')
  }

  resume(): void {
    this.#signal('SIGCONT')
  }

  /** To the server and to all that it has started. It stands still first, and starts none for a connection that comes just then. */
  #signal(signal: NodeJS.Signals): readonly number[] {
    const [server] = this.processes()
    if (server === undefined) return []
    signalAll([server], 'SIGSTOP')
    while (!['T', 'Z'].includes(stateOf(server)));
    const all = this.processes()
    signalAll(all, signal)
    return all
  }

  processes(): readonly number[] {
    const server = this.#server
    if (server?.pid === undefined || hasEnded(server)) return []
    return [server.pid, ...childrenOf(server.pid)]
  }

  createDatabase(template?: string): string {
    this.#databases += 1
    const name = `test_${this.#databases}`
    this.query(`CREATE DATABASE ${name}${template === undefined ? '' : ` TEMPLATE ${databaseOf(template)}`}`)
    return this.#url(name)
  }

  dropDatabase(url: string): void {
    this.query(`DROP DATABASE ${databaseOf(url)} WITH (FORCE)`)
  }

  query(sql: string, url = this.#url('postgres')): string[] {
    const args = [...psqlOptions(url), '--tuples-only', '--no-align', '--command', sql]
    const rows = execFileSync(this.#program('psql'), args, {
      encoding: 'utf8',
      stdio: 'pipe',
      maxBuffer: 256 * 1024 * 1024,
    })
    return rows.split('\n').filter(Boolean)
  }

  async load(copy: string, url: string, from: Readable): Promise<void> {
    const psql = spawn(this.#program('psql'), [...psqlOptions(url), '--command', copy], {
      stdio: ['pipe', 'ignore', 'inherit'],
    })
    const ended = once(psql, 'close')
    await pipeline(from, psql.stdin)
    const [code] = await ended
    if (code !== 0) throw new Error(`psql ended with ${code}`)
  }

  shell(script: string, url: string): string {
    const { status, stdout, stderr } = spawnSync('sh', ['-e', '-c', script], {
      ...this.#owner,
      cwd: this.#folder,
      encoding: 'utf8',
      env: {
        PATH: `${this.#bin}:${process.env.PATH}`,
        PGHOST: '127.0.0.1',
        PGPORT: String(this.port),
        PGUSER: SUPERUSER,
        PGPASSWORD: this.#password,
        PGDATABASE: databaseOf(url),
        PGDATA: this.#data,
      },
    })
    if (status !== 0) throw new Error(`the script failed: ${stderr}`)
    return stdout
  }

  async createStandby(): Promise<Standby> {
    const standby = new Cluster(this.#t, this.#password)
    const backup = [
      '--pgdata',
      standby.#data,
      '--write-recovery-conf',
      '--checkpoint=fast',
      '--wal-method=stream',
    ]
    const from = `${this.#url('postgres')}?application_name=standby`
    standby.#run('pg_basebackup', [...backup, '--dbname', from])
    const sockets = `unix_socket_directories = '${standby.#folder}'\n`
    appendFileSync(join(standby.#data, 'postgresql.conf'), sockets)
    await standby.start()
    this.query("ALTER SYSTEM SET synchronous_standby_names = 'standby'")
    // What is committed can be read at the standby at once, too.
    this.query("ALTER SYSTEM SET synchronous_commit = 'remote_apply'")
    this.query('SELECT pg_reload_conf()')
    const state = "SELECT sync_state FROM pg_stat_replication WHERE application_name = 'standby'"
    await until(() => this.query(state).includes('sync'), 'the standby to follow')
    return standby
  }

  async promote(): Promise<void> {
    // What it has from its primary; a server of its own waits for nobody.
    this.query('SELECT pg_promote(wait => true, wait_seconds => 60)')
    this.query("ALTER SYSTEM SET synchronous_standby_names = ''")
    this.query('SELECT pg_reload_conf()')
  }

  log(): string {
    return existsSync(this.#logFile) ? readFileSync(this.#logFile, 'utf8') : ''
  }

  get #logFile(): string {
    return join(this.#folder, 'log')
  }

  #url(database: string): string {
    return `postgres://${SUPERUSER}:${this.#password}@127.0.0.1:${this.port}/${database}`
  }

  /** For the user of the server alone. */
  #write(name: string, text: string): string {
    const path = join(this.#folder, name)
    writeFileSync(path, text, { mode: 0o600 })
    const { uid, gid } = this.#owner
    if (uid !== undefined && gid !== undefined) chownSync(path, uid, gid)
    return path
  }

  #program(name: (typeof PROGRAMS)[number]): string {
    return join(this.#bin, name)
  }

  #run(name: (typeof PROGRAMS)[number], args: readonly string[]): void {
    const { status, stderr, error } = spawnSync(this.#program(name), args, {
      ...this.#owner,
      cwd: this.#folder,
      encoding: 'utf8',
    })
    if (status !== 0) throw new Error(`${name} failed: ${error?.message ?? stderr}`)
  }
}

/** Connections to a database, as the store has them. */
export function openDatabase(
  t: { teardown(action: () => unknown): unknown },
  url: string,
  connections = 4,
): Database {
  const parsed = parseUrl(url)
  if (!parsed.ok) throw new Error(parsed.problem)
  const database = new Database(parsed.target, { name: 'postgres://test', connections })
  t.teardown(() => database.close())
  return database
}

function psqlOptions(url: string): string[] {
  return ['--no-psqlrc', '--set=ON_ERROR_STOP=1', '--dbname', url]
}

/** The folder of the newest programs. */
function programs(): string {
  const found = newest()
  if (found !== null) return found
  installPackages('PostgreSQL', 'postgresql')
  const installed = newest()
  if (installed === null)
    throw new Error(`postgresql is installed, and still there is no PostgreSQL in ${ROOT}`)
  return installed
}

function newest(): string | null {
  const versions = existsSync(ROOT) ? readdirSync(ROOT).map(Number).filter(Number.isFinite) : []
  const folders = versions
    .sort((one, other) => other - one)
    .map((version) => join(ROOT, String(version), 'bin'))
  return folders.find((folder) => PROGRAMS.every((program) => existsSync(join(folder, program)))) ?? null
}

/** PostgreSQL refuses to run as root; Debian's package makes this user. */
export function unprivileged(): Owner {
  if (process.getuid?.() !== 0) return {}
  const id = (option: string) => Number(execFileSync('id', [option, 'postgres'], { encoding: 'utf8' }))
  return { uid: id('-u'), gid: id('-g') }
}

function databaseOf(url: string): string {
  return new URL(url).pathname.slice(1)
}

function edit(path: string, pattern: RegExp, by: string): void {
  writeFileSync(path, readFileSync(path, 'utf8').replace(pattern, by))
}
