import { type CompiledConfig, zoneOf } from '../../config/compiled.ts'
import { meant, quote } from '../../config/problem.ts'
import type { RouteNode } from '../../core/routing/route.ts'
import type { Muting } from '../../core/time-intervals/muting.ts'
import { timeOf, wallAt } from '../../core/time-intervals/zone.ts'
import { load } from '../config/load.ts'
import { type Define, positive } from '../context.ts'
import { iso } from '../history/words.ts'
import { printTable } from '../terminal/table.ts'
import { CommandError, colour, print, printable, printJson, type Terminal } from '../terminal/terminal.ts'
import { readTime, wallText } from './time.ts'

interface CalendarFlags {
  readonly from?: string
  readonly days: number
  readonly json?: boolean
}

/** A time during which a route is muted for one reason, or active. */
interface Span {
  readonly from: number
  readonly until: number
  /** Why it is muted; null while it is active. */
  readonly reason: string | null
}

const DAY_MS = 86_400_000
const DEFAULT_DAYS = 7

export const defineCalendar: Define = (command, context) => {
  command
    .argument('<route>', 'the name of a route, or its path, such as routes[0]')
    .option(
      '--from <time>',
      'the first time, such as 2026-12-24 or 2026-12-24T18:00 in `time_zone` (default: now)',
    )
    .option('--days <number>', 'how many days to show', positive, DEFAULT_DAYS)
    .option('--json', 'print JSON')
    .action((named: string, flags: CalendarFlags) => {
      const { terminal } = context
      const compiled = load(context)
      const node = routeNamed(compiled, named)
      const from = readTime(compiled, '--from', flags.from)
      const zone = zoneOf(compiled.config)
      const until = timeOf(zone, wallAt(zone, from) + flags.days * DAY_MS)
      const spans = spansOf(node.taken.muting, from, until)
      if (flags.json) printJson(terminal, asJson(node, zone, spans))
      else show(terminal, node, zone, spans)
    })
}

function routeNamed({ router, notices }: CompiledConfig, named: string): RouteNode {
  const nodes = [...router.routes, ...(notices?.routes ?? [])].flatMap(withBelow)
  const node =
    nodes.find(({ taken }) => taken.route === named) ?? nodes.find(({ taken }) => taken.path === named)
  if (node !== undefined) return node
  const names = nodes.map(({ taken }) => taken.route)
  throw new CommandError(`there is no route ${quote(named)}; ${meant(named, names)}`, 2)
}

function withBelow(node: RouteNode): RouteNode[] {
  return [node, ...node.routes.flatMap(withBelow)]
}

/** From one time to another, without gaps; neighbours differ. */
function spansOf(muting: Muting | undefined, from: number, until: number): Span[] {
  const spans: Span[] = []
  for (let at = from; at < until; ) {
    const reason = muting?.reasonAt(at) ?? null
    const end = Math.min(until, muting?.changeAfter(at) ?? until)
    const last = spans.at(-1)
    if (last?.reason === reason) spans[spans.length - 1] = { ...last, until: end }
    else spans.push({ from: at, until: end, reason })
    at = end
  }
  return spans
}

function show(
  terminal: Terminal,
  { taken, quietHours }: RouteNode,
  zone: string,
  spans: readonly Span[],
): void {
  const { route, path } = taken
  const title = route === path ? route : `${route} (${path})`
  print(terminal, `${colour(terminal, 'bold', printable(title))}, times in ${zone}`)
  const whenMuted =
    quietHours.when_muted === 'drop' ? 'its messages are dropped' : 'its messages wait until it is active'
  if (taken.muting === undefined) {
    const why = quietHours.critical ? 'It is critical' : 'It has no time intervals'
    print(terminal, `${why}, and so is never muted.`)
    return
  }
  print(terminal, `While it is muted, ${whenMuted}.\n`)
  printTable(terminal, spans, [
    { title: 'FROM', value: ({ from }) => wallText(zone, from) },
    { title: 'UNTIL', value: ({ until }) => wallText(zone, until) },
    {
      title: 'ROUTE IS',
      value: ({ reason }) => reason ?? 'active',
      style: ({ reason }) => (reason === null ? 'green' : 'yellow'),
      shrinks: 'wrap',
    },
  ])
}

function asJson({ taken: { route, path }, quietHours }: RouteNode, zone: string, spans: readonly Span[]) {
  return {
    route,
    path,
    ...quietHours,
    time_zone: zone,
    spans: spans.map(({ from, until, reason }) => ({
      from: iso(from),
      until: iso(until),
      state: reason === null ? 'active' : 'muted',
      reason,
    })),
  }
}
