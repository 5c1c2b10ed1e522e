/**
 * The same figures with PostgreSQL as the store: one, two and three instances beside one with SQLite and, where it is installed,
 * Alertmanager; and what the server does for an event.
 */
import { type Postgres, startPostgres } from '../test/support/postgres.ts'
import { type Burst, burst, type Conditions, type Contender, deliveredOf, otherBuild } from './burst.ts'
import { fire, median } from './load.ts'
import { cpuMs, pin, type Running } from './process.ts'

export interface PostgresBench {
  readonly rounds: number
  readonly events: number
  readonly shots: Contender['shots']
  /** For comparison. */
  readonly others: readonly Contender[]
  readonly conditions: readonly Conditions[]
  /** Measures requests alone too. */
  readonly isAcknowledging: boolean
  /** Starts a server that verifies, and stores nothing. */
  readonly verify: () => Promise<Running>
  /** Starts a service that only acknowledges. */
  readonly acknowledge: (store?: string) => Promise<Running>
  readonly start: (
    slack: Parameters<Contender['start']>[0],
    mail: Parameters<Contender['start']>[1],
    store?: string,
  ) => Promise<Running>
}

interface Variant {
  readonly name: string
  /** None: one with SQLite. */
  readonly instances: number
}

/** What the server has done so far, in milliseconds of CPU, transactions and statements. */
interface Work {
  readonly cpu: number
  readonly commits: number
  readonly statements: number
}

interface Measured extends Burst {
  readonly server: Work
}

const CONNECTIONS = 50
const variants: readonly Variant[] = [
  { name: 'SQLite', instances: 0 },
  { name: 'PostgreSQL, 1', instances: 1 },
  { name: 'PostgreSQL, 2', instances: 2 },
  { name: 'PostgreSQL, 3', instances: 3 },
]

export async function postgres(bench: PostgresBench): Promise<void> {
  const ends: (() => unknown)[] = []
  try {
    // The server, and all instances, run on both cores, as the load and the sinks do not.
    pin(process.pid, '0-1')
    const server = await startPostgres(
      { teardown: (end) => ends.push(end) },
      {
        settings: {
          shared_preload_libraries: 'pg_stat_statements',
          'pg_stat_statements.track_planning': 'off',
        },
      },
    )
    server.query('CREATE EXTENSION pg_stat_statements')
    pin(process.pid, 1)
    if (bench.isAcknowledging) await acknowledging(server, bench)
    await bursts(server, bench)
  } finally {
    for (const end of ends) await end()
  }
}

async function acknowledging(server: Postgres, bench: PostgresBench): Promise<void> {
  console.log(`\nAcknowledging at ${CONNECTIONS} connections; medians of ${bench.rounds} rounds`)
  console.log('store, instances  requests/s  p50 ms  p99 ms  CPU ms, service + server')
  const shots = 5 * bench.events
  const own = variants.map(({ name, instances }) => ({
    name,
    start: () => started(server, instances, bench.acknowledge),
  }))
  const results = [{ name: '+ svix verify', start: async () => [await bench.verify()] }, ...own].map(
    (each) => ({
      ...each,
      volleys: [] as Awaited<ReturnType<typeof volley>>[],
    }),
  )
  for (let round = 0; round < bench.rounds; round++)
    for (const { start, volleys } of results)
      volleys.push(await volley(server, await start(), bench.shots, shots))
  for (const { name, volleys } of results) {
    const of = (pick: (one: (typeof volleys)[number]) => number, digits = 2) =>
      median(volleys.map(pick)).toFixed(digits)
    const cpu = `${of(({ cpu }) => cpu)} + ${of(({ served }) => served)}`
    console.log(
      [
        name.padEnd(16),
        of(({ rate }) => rate, 0).padStart(10),
        of(({ p50 }) => p50).padStart(6),
        of(({ p99 }) => p99).padStart(6),
        cpu.padStart(24),
      ].join('  '),
    )
  }
}

async function volley(
  server: Postgres,
  services: readonly Running[],
  shots: Contender['shots'],
  count: number,
) {
  try {
    const ports = services.map(({ port }) => port)
    await fire(ports, shots(2_000), CONNECTIONS)
    const total = () => services.reduce((sum, { pid }) => sum + cpuMs(pid), 0)
    const before = [total(), workOf(server).cpu] as const
    const result = await fire(ports, shots(count), CONNECTIONS)
    const failed = Object.keys(result.statuses).filter((status) => status !== '202')
    if (failed.length > 0) throw new Error(`unexpected answers: ${JSON.stringify(result.statuses)}`)
    return {
      ...result,
      cpu: (total() - before[0]) / count,
      served: (workOf(server).cpu - before[1]) / count,
    }
  } finally {
    await Promise.all(services.map((service) => service.stop()))
  }
}

async function started(
  server: Postgres,
  instances: number,
  start: (store?: string) => Promise<Running>,
): Promise<readonly Running[]> {
  if (instances === 0) return [await start()]
  const store = server.createDatabase()
  const services: Running[] = []
  for (let n = 0; n < instances; n++) services.push(await start(store))
  for (const { pid } of services) pin(pid, '0-1')
  return services
}

async function bursts(server: Postgres, bench: PostgresBench): Promise<void> {
  const { conditions, rounds } = bench
  console.log(
    `\nEvents, each one Slack message and one mail; medians of ${rounds} rounds: conditions as in the part "bursts"`,
  )
  console.log(
    'conditions  store, instances  acked/s  delivered/s (range)  end to end p50 / p99 ms  CPU ms, services + server  an event: commits, statements',
  )
  for (const condition of conditions) {
    const own = variants.map(
      ({ name, instances }): Contender => ({
        name,
        shots: bench.shots,
        start: (slack, mail) => started(server, instances, (store) => bench.start(slack, mail, store)),
      }),
    )
    const [, one] = own
    const other = one === undefined ? [] : otherBuild(one)
    const results = [...bench.others, ...own, ...other].map((contender) => ({
      contender,
      measured: [] as Measured[],
    }))
    for (let round = 0; round < rounds; round++)
      for (const { contender, measured } of results) {
        const edges: Work[] = []
        const onMeasure = () => void edges.push(workOf(server))
        const result = await burst({ ...contender, onMeasure }, condition)
        measured.push({ ...result, server: between(edges, condition.events) })
      }
    for (const { contender, measured } of results) print(condition.name, contender.name, measured)
  }
}

/** For each event. */
function between([begin, end]: readonly Work[], events: number): Work {
  const each = (pick: (work: Work) => number) =>
    begin === undefined || end === undefined ? Number.NaN : (pick(end) - pick(begin)) / events
  return {
    cpu: each(({ cpu }) => cpu),
    commits: each(({ commits }) => commits),
    statements: each(({ statements }) => statements),
  }
}

function print(conditions: string, name: string, measured: readonly Measured[]): void {
  const of = (pick: (one: Measured) => number, digits = 0) => median(measured.map(pick)).toFixed(digits)
  const cpu = `${of(({ cpu }) => cpu, 2)} + ${of(({ server }) => server.cpu, 2)}`
  const work = `${of(({ server }) => server.commits, 2)}, ${of(({ server }) => server.statements, 2)}`
  console.log(
    [
      conditions.padEnd(10),
      name.slice(-16).padEnd(16),
      of(({ acked }) => acked).padStart(7),
      deliveredOf(measured).padStart(19),
      `${of(({ p50 }) => p50, 1)} / ${of(({ p99 }) => p99, 1)}`.padStart(23),
      cpu.padStart(25),
      work.padStart(29),
    ].join('  '),
  )
}

function workOf(server: Postgres): Work {
  const cpu = server.processes().reduce((sum, pid) => sum + cpuMs(pid, 'with ended children'), 0)
  const [commits = 0, statements = 0] = server
    .query(
      `SELECT sum(xact_commit) FROM pg_stat_database WHERE datname LIKE 'test%'
       UNION ALL SELECT sum(calls) FROM pg_stat_statements`,
    )
    .map(Number)
  return { cpu, commits, statements }
}
