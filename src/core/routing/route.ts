/**
 * Routing: which routes take an event. Routes are tried in order and the first that matches stops its siblings,
 * unless it says `continue`; its own routes are tried first, and it takes the event itself if none of them does.
 */
import type { View } from '../event.ts'
import { type Condition, evaluate, matches } from '../match/evaluate.ts'
import type { Match } from '../match/match.ts'
import { createMuting, type Muting, type NamedInterval, type WhenMuted } from '../time-intervals/muting.ts'
import { type Candidates, indexMatches } from './route-index.ts'

/** A route as configured. A child inherits from its parent what it leaves out, but for `name`, `match` and `continue`. */
export interface RouteInput {
  readonly name?: string | undefined
  /** Without one the route matches everything. */
  readonly match?: Match | undefined
  readonly receivers?: readonly string[] | undefined
  readonly template?: string | undefined
  readonly continue?: boolean | undefined
  /** Names of time intervals. */
  readonly mute_time_intervals?: readonly string[] | undefined
  readonly active_time_intervals?: readonly string[] | undefined
  readonly when_muted?: WhenMuted | undefined
  /** It is never muted. */
  readonly critical?: boolean | undefined
  readonly routes?: readonly RouteInput[] | undefined
}

export interface Router {
  route(view: View): Routing
  /** Every route that is tried for an event, with its result, parents before their children. */
  visits(view: View): readonly Visit[]
  /** The routes as configured, in their order. */
  readonly routes: readonly RouteNode[]
  /** The receivers of the events that no route takes; null if there are none. */
  readonly unrouted: RouteMatch | null
}

export interface Routing {
  /** The routes that take the event, in order; if none does, `unrouted`, provided that it has receivers. */
  readonly matches: readonly RouteMatch[]
  /** No configured route takes the event. */
  readonly unrouted: boolean
}

export interface RouteMatch {
  /** The route's name, or its path if it has none. */
  readonly route: string
  /** `routes[0].routes[1]` */
  readonly path: string
  readonly receivers: readonly string[]
  readonly template: string | null
  /** Left out for a route that is never muted. */
  readonly muting?: Muting
}

/** The result of trying one route. */
export interface Visit extends RouteMatch {
  /** 0 for a route at the top. */
  readonly depth: number
  readonly result: 'no_match' | 'took' | 'child_took'
  /** It matched, and `continue` let its later siblings be tried. */
  readonly continued: boolean
  readonly conditions: readonly Condition[]
}

/** A compiled route, with what it inherits. */
export interface RouteNode {
  readonly taken: RouteMatch
  readonly depth: number
  /** Null if it matches everything. */
  readonly match: Match | null
  readonly continues: boolean
  /** What it inherits from its parent. */
  readonly inherits: Readonly<Record<'receivers' | 'template', boolean>>
  /** What it says or inherits of when it is muted. */
  readonly quietHours: QuietHours
  readonly routes: readonly RouteNode[]
  /** Which of them can take an event; null if they are few. */
  readonly candidates: Candidates | null
}

/** What is inherited: at the top, nothing. */
type Inherited = Pick<RouteMatch, 'receivers' | 'template'> & QuietHours

/** When a route is muted, as it is configured. */
export interface QuietHours {
  readonly mute_time_intervals: readonly string[]
  readonly active_time_intervals: readonly string[]
  readonly when_muted: WhenMuted
  readonly critical: boolean
}

/** The time intervals that routes may name. */
export type TimeIntervals = ReadonlyMap<string, NamedInterval>

// With fewer siblings, trying all of them is cheaper than finding candidates.
const INDEX_FROM = 8

const noConditions = { matched: true, conditions: [] } as const

const atTheTop: Inherited = {
  receivers: [],
  template: null,
  mute_time_intervals: [],
  active_time_intervals: [],
  when_muted: 'defer',
  critical: false,
}

/** Compiles the routes; `unrouted` are the receivers of the events that no route takes. */
export function compileRoutes(
  routes: readonly RouteInput[],
  unrouted?: { readonly receivers: readonly string[] },
  intervals: TimeIntervals = new Map(),
): Router {
  const nodes = compileLevel(routes, 'routes', 0, atTheTop, intervals)
  const candidates = indexOf(nodes)
  const last: RouteMatch | null =
    unrouted === undefined || unrouted.receivers.length === 0
      ? null
      : { route: 'unrouted', path: 'unrouted', receivers: unrouted.receivers, template: null }
  const fallback = last === null ? [] : [last]

  return {
    routes: nodes,
    unrouted: last,
    route(view) {
      const taken: RouteMatch[] = []
      tryEach(nodes, candidates, view, taken, null)
      return { matches: taken.length > 0 ? taken : fallback, unrouted: taken.length === 0 }
    },
    visits(view) {
      const visits: Visit[] = []
      tryEach(nodes, null, view, [], visits)
      return visits
    },
  }
}

function compileLevel(
  routes: readonly RouteInput[],
  at: string,
  depth: number,
  inherited: Inherited,
  intervals: TimeIntervals,
): RouteNode[] {
  return routes.map((input, index) => {
    const path = `${at}[${index}]`
    const own = inherit(input, inherited)
    const { receivers, template, ...quietHours } = own
    const muting = mutingOf(quietHours, intervals)
    const below = compileLevel(input.routes ?? [], `${path}.routes`, depth + 1, own, intervals)
    return {
      taken: { route: input.name ?? path, path, receivers, template, ...(muting !== null && { muting }) },
      depth,
      match: input.match ?? null,
      continues: input.continue ?? false,
      inherits: {
        receivers: input.receivers === undefined && inherited.receivers.length > 0,
        template: input.template === undefined && inherited.template !== null,
      },
      quietHours,
      routes: below,
      candidates: indexOf(below),
    }
  })
}

function inherit(input: RouteInput, inherited: Inherited): Inherited {
  return {
    receivers: input.receivers ?? inherited.receivers,
    template: input.template ?? inherited.template,
    mute_time_intervals: input.mute_time_intervals ?? inherited.mute_time_intervals,
    active_time_intervals: input.active_time_intervals ?? inherited.active_time_intervals,
    when_muted: input.when_muted ?? inherited.when_muted,
    critical: input.critical ?? inherited.critical,
  }
}

/** Throws for a name without a time interval: the configuration was checked for that. */
function mutingOf(
  { mute_time_intervals, active_time_intervals, when_muted, critical }: QuietHours,
  intervals: TimeIntervals,
): Muting | null {
  if (critical) return null
  const named = (names: readonly string[]) =>
    names.map((name) => {
      const interval = intervals.get(name)
      if (interval === undefined) throw new Error(`a route names a time interval that is missing: ${name}`)
      return interval
    })
  return createMuting(named(mute_time_intervals), named(active_time_intervals), when_muted)
}

function indexOf(nodes: readonly RouteNode[]): Candidates | null {
  return nodes.length < INDEX_FROM ? null : indexMatches(nodes.map(({ match }) => match))
}

/** Tries the siblings in their order: all of them where visits are recorded or there are no `candidates`. */
function tryEach(
  nodes: readonly RouteNode[],
  candidates: Candidates | null,
  view: View,
  taken: RouteMatch[],
  visits: Visit[] | null,
): void {
  if (candidates === null || visits !== null) {
    for (const node of nodes) {
      if (tryOne(node, view, taken, visits) && !node.continues) return
    }
    return
  }
  for (const position of candidates(view)) {
    const node = nodes[position]
    if (node !== undefined && tryOne(node, view, taken, null) && !node.continues) return
  }
}

/** Whether the route, or one below it, took the event. Conditions are recorded only where `visits` is not null. */
function tryOne(node: RouteNode, view: View, taken: RouteMatch[], visits: Visit[] | null): boolean {
  if (visits === null) {
    if (node.match !== null && !matches(node.match, view)) return false
    takeWithin(node, view, taken, null)
    return true
  }
  const { matched, conditions } = node.match === null ? noConditions : evaluate(node.match, view)
  const below: Visit[] = []
  const result = matched ? takeWithin(node, view, taken, below) : 'no_match'
  const continued = matched && node.continues
  visits.push({ ...node.taken, depth: node.depth, result, continued, conditions }, ...below)
  return matched
}

function takeWithin(
  node: RouteNode,
  view: View,
  taken: RouteMatch[],
  visits: Visit[] | null,
): 'took' | 'child_took' {
  const before = taken.length
  tryEach(node.routes, node.candidates, view, taken, visits)
  if (taken.length > before) return 'child_took'
  taken.push(node.taken)
  return 'took'
}
