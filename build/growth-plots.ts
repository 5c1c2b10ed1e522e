/** The plots of docs/performance.md that the results of `npm run bench -- growth` make. */
import { type Axis, bars, lines } from '../bench/growth/plot.ts'
import type { MemoryResult, SomeResults } from '../bench/growth/results.ts'

/** By their names; those of the parts that were measured. */
export function growthPlots({
  routes,
  events,
  backlog,
  memory,
}: SomeResults): Readonly<Record<string, string>> {
  return {
    ...(routes && {
      routes: lines(
        'CPU of an event, by the number of routes',
        { label: 'routes', ticks: [10, 100, 1_000], log: true },
        upTo(
          routes.rows.map(({ cpuMs }) => cpuMs),
          'ms of CPU',
        ),
        [...Map.groupBy(routes.rows, ({ by }) => by)].map(([by, rows]) => ({
          name: `told apart by ${by}`,
          points: rows.map((row) => [row.routes, row.cpuMs] as const),
          marked: true,
        })),
      ),
    }),
    ...(events && { events: eventsPlot(events.rows) }),
    ...(backlog && { backlog: backlogPlot(backlog.rows) }),
    ...(memory && { memory: memoryPlot(memory.rows) }),
  }
}

function eventsPlot(rows: NonNullable<SomeResults['events']>['rows']): string {
  const marked = true
  return lines(
    'CPU of an event, by the number of stored events',
    { label: 'stored events', ticks: [10_000, 100_000, 1_000_000], log: true },
    upTo(
      rows.map(({ cpuMs }) => cpuMs),
      'ms of CPU',
    ),
    [
      { name: 'delivering', points: rows.map((row) => [row.stored, row.cpuMs] as const), marked },
      { name: 'removing', points: rows.map((row) => [row.stored, row.purgeMs] as const), marked },
    ],
  )
}

function backlogPlot(rows: NonNullable<SomeResults['backlog']>['rows']): string {
  const running = rows.filter(({ when }) => when === 'running')
  return bars(
    'p99 of messages beside what does not work',
    upTo(
      running.map(({ p99Ms }) => p99Ms),
      'ms from the request to the message',
    ),
    ['10 waiting', '10,000 waiting'],
    [...Map.groupBy(running, ({ dead }) => dead)].map(([name, ofCase]) => ({
      name,
      values: ofCase.map(({ p99Ms }) => p99Ms),
    })),
  )
}

function memoryPlot({ perSecond, minutes, samples, heap }: MemoryResult): string {
  return lines(
    `Memory at ${perSecond} events a second`,
    upTo([minutes], 'minutes'),
    upTo(
      samples.map(({ mb }) => mb),
      'MB',
    ),
    [
      {
        name: 'resident',
        points: samples.map(({ seconds, mb }) => [seconds / 60, mb] as const),
        marked: false,
      },
      {
        name: 'heap in use',
        points: heap.map(({ seconds, mb }) => [seconds / 60, mb] as const),
        marked: false,
      },
    ],
  )
}

/** From 0, in about five steps of 1, 2 or 5 times a power of ten. */
function upTo(values: readonly number[], label: string): Axis {
  const most = Math.max(...values)
  const power = 10 ** Math.floor(Math.log10(most / 4))
  const step = ([1, 2, 5].find((factor) => factor * power * 5 >= most) ?? 10) * power
  const steps = Math.ceil(most / step)
  return {
    label,
    ticks: Array.from({ length: steps + 1 }, (_, index) => Number((index * step).toPrecision(3))),
  }
}
