/** The tables of docs/performance.md that the results of `npm run bench -- growth` make. */
import type { Conditions, EventsRow, MemoryResult, SomeResults } from '../bench/growth/results.ts'
import { count, fixed, table } from './table.ts'

/** By the names of their places on the page; those of the parts that were measured. */
export function growthTables({
  routes,
  events,
  backlog,
  memory,
  disk,
}: SomeResults): Readonly<Record<string, string>> {
  return {
    ...(routes && {
      routes: measured(
        routes.conditions,
        ['routes told apart by', 'routes', 'CPU ms an event', 'of 10 routes', 'CPU ms of a check'],
        routes.rows.map((row) => [
          row.by,
          count(row.routes),
          fixed(row.cpuMs),
          fixed(row.ratio),
          fixed(row.checkMs, 0),
        ]),
      ),
    }),
    ...(events && { events: eventsTable(events) }),
    ...(backlog && { backlog: backlogTable(backlog) }),
    ...(memory && { memory: memoryTables(memory) }),
    ...(disk && {
      disk: measured(
        disk.conditions,
        ['bytes of a body', 'messages', 'bytes in the store'],
        disk.rows.map((row) => [count(row.body), row.messages, count(Math.round(row.bytesPerEvent))]),
      ),
    }),
  }
}

function eventsTable({ conditions, rows }: NonNullable<SomeResults['events']>): string {
  return measured(
    conditions,
    [
      'stored events',
      'CPU ms an event',
      'of the first',
      'CPU ms to remove one',
      'of the first',
      'pages written',
      'CPU of both, of the first',
      'ready after ms',
    ],
    rows.map((row, _, [first = row]) => [
      count(row.stored),
      fixed(row.cpuMs),
      fixed(row.ratio),
      fixed(row.purgeMs, 3),
      fixed(row.purgeRatio),
      fixed(row.purgePages),
      fixed(wholeLife(row, first)),
      fixed(row.readyMs, 0),
    ]),
  )
}

/** An event is delivered once, and removed once. */
function wholeLife(row: EventsRow, first: EventsRow): number {
  return (first.cpuMs * row.ratio + first.purgeMs * row.purgeRatio) / (first.cpuMs + first.purgeMs)
}

function backlogTable({ conditions, rows }: NonNullable<SomeResults['backlog']>): string {
  return measured(
    conditions,
    [
      'does not work',
      'works',
      '',
      'waiting',
      'p50 ms',
      'p99 ms',
      'of 10',
      'slowest ms',
      'CPU ms an event',
      'of 10',
      'messages',
    ],
    rows.map((row) => [
      row.dead,
      row.live,
      row.when,
      count(row.waiting),
      fixed(row.p50Ms, 1),
      fixed(row.p99Ms, 1),
      fixed(row.ratio),
      fixed(row.slowestMs, 0),
      fixed(row.cpuMs),
      fixed(row.cpuRatio),
      count(row.messages),
    ]),
  )
}

function memoryTables({
  conditions,
  rows,
}: {
  readonly conditions: Conditions
  readonly rows: MemoryResult
}): string {
  const { heap, bytesPerEvent, perSecond, minutes, earlyMb, lateMb, ratio } = rows
  const [first, last] = [heap[0], heap.at(-1)]
  if (first === undefined || last === undefined) throw new Error('the results of memory have no heap')
  const resident = table(
    ['events a second', 'minutes', 'MB resident in the second minute', 'in the last one', 'ratio'],
    [[perSecond, fixed(minutes, 1), fixed(earlyMb, 0), fixed(lateMb, 0), fixed(ratio)]],
  )
  const inUse = measured(
    conditions,
    [
      `MB of the heap in use after ${count(first.events)} events`,
      `after ${count(last.events)}`,
      'bytes that an event leaves',
    ],
    [[fixed(first.mb, 1), fixed(last.mb, 1), fixed(bytesPerEvent, 0)]],
  )
  return `${resident}\n\n${inUse}`
}

function measured(
  { date, cpu, cores, node, loadBefore, loadAfter }: Conditions,
  ...content: Parameters<typeof table>
): string {
  const load = `load ${fixed(loadBefore, 1)} before and ${fixed(loadAfter, 1)} after`
  return `${table(...content)}\n\nMeasured on ${date}: ${cores} cores of ${cpu}, Node ${node}, ${load}.`
}
