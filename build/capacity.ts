/** The computed tables of docs/capacity.md: round figures that stand for what was measured, and what follows from them. */
import { count, fixed, table } from './table.ts'

/** What the tables assume. docs/performance.md has the measurements. */
const assumed = {
  /** CPU of an event with SQLite: a body of some hundred bytes, one Slack message. Measured: 1.8 to 2.8. */
  cpuMs: 2.5,
  /** CPU of an instance on PostgreSQL, relative to SQLite. Measured: 1.02 for one instance, 1.44 for three. */
  instanceOnPostgres: 1.5,
  /** CPU of the PostgreSQL server, relative to that of an instance with SQLite. Measured: 0.46 and 0.66; 0.82 for events that come one by one. */
  postgresServer: 0.9,
  /** Bytes of an event in the store, with its messages. Measured: 1,000 to 4,800. */
  bytes: 2_500,
  /** So that a burst is worked off. */
  coreUse: 0.6,
  retainDays: 30,
  mailMs: 100,
} as const
const DAY_S = 86_400
const GB = 1e9
const RATES = [1, 50, 500] as const
const TARGET = 10_000

export interface Load {
  readonly eventsPerSecond: number
  readonly store: 'SQLite' | 'PostgreSQL'
  /** Cores of all instances, at 60 % use. An instance uses one. */
  readonly cores: number
  /** The same of the PostgreSQL server; 0 with SQLite. */
  readonly serverCores: number
  readonly gbPerDay: number
  readonly gbRetained: number
  readonly mailConnections: number
}

/** How much of everything so many events a second take. SQLite is for one instance, and so for one core. */
export function loadOf(eventsPerSecond: number): Load {
  const { cpuMs, instanceOnPostgres, postgresServer, bytes, coreUse, retainDays, mailMs } = assumed
  const gbPerDay = (eventsPerSecond * DAY_S * bytes) / GB
  const withSqlite = (eventsPerSecond * cpuMs) / 1000 / coreUse
  const isSmall = withSqlite <= 1
  return {
    eventsPerSecond,
    store: isSmall ? 'SQLite' : 'PostgreSQL',
    cores: isSmall ? withSqlite : withSqlite * instanceOnPostgres,
    serverCores: isSmall ? 0 : withSqlite * postgresServer,
    gbPerDay,
    gbRetained: gbPerDay * retainDays,
    mailConnections: Math.ceil((eventsPerSecond * mailMs) / 1000),
  }
}

export function capacitySections(): Readonly<Record<string, string>> {
  const ofCpu = ['cores of instances at 60 %', 'cores of PostgreSQL at 60 %']
  const ofDisk = ['GB a day', `GB in ${assumed.retainDays} days`]
  const cpu = ({ cores, serverCores }: Load) => [
    rounded(cores),
    serverCores === 0 ? '' : rounded(serverCores),
  ]
  const disk = ({ gbPerDay, gbRetained }: Load) => [rounded(gbPerDay), rounded(gbRetained)]
  const target = loadOf(TARGET)
  return {
    assumptions: assumptions(),
    cpu: cpuTable(),
    examples: table(
      ['events a second', 'run it on', ...ofCpu, ...ofDisk, 'Slack channels at least', 'mail connections'],
      RATES.map(loadOf).map((load) => [
        load.eventsPerSecond,
        placeOf(load),
        ...cpu(load),
        ...disk(load),
        load.eventsPerSecond,
        load.mailConnections,
      ]),
    ),
    target: table(
      ['events a second', 'instances', ...ofCpu, ...ofDisk],
      [[count(TARGET), Math.ceil(target.cores), ...cpu(target), ...disk(target)]],
    ),
  }
}

function assumptions(): string {
  const { cpuMs, instanceOnPostgres, postgresServer, bytes, coreUse, mailMs } = assumed
  const growth = '[Growth](performance.md#growth)'
  const postgres = '[PostgreSQL](performance.md#postgresql)'
  return table(
    ['Assumed', '', 'Measured'],
    [
      ['CPU of an event, with SQLite', `${cpuMs} ms`, `1.8 to 2.8 ms: ${growth}`],
      [
        'CPU of an event in the instances, with PostgreSQL',
        `${instanceOnPostgres} times as much`,
        `1.0 times with one instance, 1.4 times with three on the same two cores: ${postgres}`,
      ],
      [
        'CPU of an event in the PostgreSQL server',
        `${postgresServer} times the CPU with SQLite`,
        '0.5 times with one instance, 0.7 times with three, 0.8 times if events come one by one: the same',
      ],
      [
        'bytes of an event in the store',
        count(bytes),
        '1,000 to 4,800, depending on the body: [Disk](#disk)',
      ],
      ['use of a core', `${coreUse * 100} %`, 'the rest works off bursts'],
      ['time of one mail on a connection', `${mailMs} ms`, 'depends on the mail server'],
    ],
  )
}

function cpuTable(): string {
  const { cpuMs, instanceOnPostgres, postgresServer, coreUse } = assumed
  const row = (store: string, instanceMs: number, serverMs: string) => [
    store,
    fixed(instanceMs, 1),
    serverMs,
    fixed(1000 / instanceMs, 0),
    fixed((1000 * coreUse) / instanceMs, 0),
  ]
  return table(
    [
      'store',
      'CPU ms an event, instance',
      'server',
      'events a second of one instance',
      'at 60 % of its core',
    ],
    [
      row('SQLite', cpuMs, ''),
      row('PostgreSQL, several instances', cpuMs * instanceOnPostgres, fixed(cpuMs * postgresServer, 1)),
    ],
  )
}

function placeOf({ store, cores }: Load): string {
  return store === 'SQLite' ? 'one machine, SQLite' : `${Math.ceil(cores)} instances, PostgreSQL`
}

function rounded(value: number): string {
  return value >= 100 ? count(Number(value.toPrecision(2))) : `${Number(value.toPrecision(2))}`
}
