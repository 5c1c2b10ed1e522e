/** What is wrong with `time_intervals`, and with what routes say about them. */
import { ownProperty } from '../../core/json/json.ts'
import type { RouteNode } from '../../core/routing/route.ts'
import {
  createMuting,
  HORIZON_MS,
  type Muting,
  type NamedInterval,
} from '../../core/time-intervals/muting.ts'
import type { CompiledConfig } from '../compiled.ts'
import type { Interpolated } from '../file/interpolate.ts'
import { isAt } from '../file/origin.ts'
import {
  error,
  meant,
  type Path,
  type Problem,
  type ProblemCode,
  pathName,
  quote,
  warning,
} from '../problem.ts'

const KEYS = ['mute_time_intervals', 'active_time_intervals'] as const

/** Names that routes use, even where other parts of the configuration are wrong. */
export function checkIntervalNames(filled: Interpolated): Problem[] {
  const { value } = filled
  const intervals = ownProperty(value, 'time_intervals')
  const names = Array.isArray(intervals) ? intervals.map((interval) => ownProperty(interval, 'name')) : []
  const known = names.filter((name) => typeof name === 'string')
  const ofNotices = ownProperty(ownProperty(value, 'notices'), 'routes')
  return [
    ...sameNames(filled, names),
    ...checkRoutes(filled, ownProperty(value, 'routes'), ['routes'], known),
    ...checkRoutes(filled, ofNotices, ['notices', 'routes'], known),
  ]
}

function sameNames({ document }: Interpolated, names: readonly unknown[]): Problem[] {
  return names.flatMap((name, index) => {
    const first = names.indexOf(name)
    if (typeof name !== 'string' || first === index) return []
    const place = document.at(['time_intervals', index, 'name'])
    const message = `${quote(name)} is also the name of time_intervals[${first}]`
    const hint =
      'choose another name, or make them the entries of one: a time is in it if it is in one of them'
    return [error('wrong_value', document.file, place, message, hint)]
  })
}

function checkRoutes(filled: Interpolated, raw: unknown, path: Path, known: readonly string[]): Problem[] {
  const routes: readonly unknown[] = Array.isArray(raw) ? raw : []
  return routes.flatMap((route, index) => {
    const place = [...path, index]
    const named = KEYS.flatMap((key) => checkNames(filled, ownProperty(route, key), [...place, key], known))
    return [...named, ...checkRoutes(filled, ownProperty(route, 'routes'), [...place, 'routes'], known)]
  })
}

function checkNames(
  { document, origins }: Interpolated,
  names: unknown,
  path: Path,
  known: readonly string[],
): Problem[] {
  if (!Array.isArray(names)) return []
  return names.flatMap((name: unknown, index) => {
    const place = [...path, index]
    const isBroken = origins.some((origin) => origin.broken && isAt(origin, place))
    if (typeof name !== 'string' || isBroken) return []
    const written = quote(document.scalar(place)?.text ?? '')
    const report = (code: ProblemCode, message: string, hint: string) => [
      error(code, document.file, document.at(place), message, hint),
    ]
    if (names.indexOf(name) < index)
      return report('wrong_value', `duplicate time interval ${written}`, 'remove one')
    if (known.includes(name)) return []
    const hint = known.length === 0 ? 'define it under time_intervals' : meant(name, known)
    return report('unknown_time_interval', `unknown time interval ${written}`, hint)
  })
}

/** What is probably not meant, at the time `now`. */
export function checkIntervals(compiled: CompiledConfig, now = Date.now()): Problem[] {
  const { router, notices } = compiled
  const routes = [
    ...withPaths(router.routes, ['routes']),
    ...withPaths(notices?.routes ?? [], ['notices', 'routes']),
  ]
  const used = new Set(routes.flatMap(({ node }) => KEYS.flatMap((key) => node.quietHours[key])))
  return [
    ...[...compiled.timeIntervals.values()].flatMap((interval, index) => {
      if (used.has(interval.name)) return checkEntries(compiled, interval, index, now)
      const message = `no route names the time interval ${quote(interval.name)}`
      const hint = 'add it to a route, or remove it'
      return [doubt(compiled, ['time_intervals', index, 'name'], message, hint, 'unused_time_interval')]
    }),
    ...routes.flatMap((route) => checkRoute(compiled, route, now)),
  ]
}

function checkEntries(
  compiled: CompiledConfig,
  { name, parts }: NamedInterval,
  index: number,
  now: number,
): Problem[] {
  return parts.flatMap((part, position) => {
    const muting = createMuting([{ name, parts: [part] }], [], 'drop')
    if (muting === null || comesWithinHorizon(muting, now)) return []
    const path = ['time_intervals', index, 'time_intervals', position]
    const message = `${pathName(path)}: no time of the next year lies in it`
    return [doubt(compiled, path, message, 'check its days, months and years')]
  })
}

function comesWithinHorizon(muting: Muting, now: number): boolean {
  for (let at = now; at <= now + HORIZON_MS; at = muting.changeAfter(at)) {
    if (muting.reasonAt(at) !== null) return true
  }
  return false
}

interface PlacedRoute {
  readonly node: RouteNode
  readonly path: Path
}

function checkRoute(compiled: CompiledConfig, { node, path }: PlacedRoute, now: number): Problem[] {
  const { document } = compiled
  const { quietHours, taken } = node
  const hasOwn = KEYS.some((key) => quietHours[key].length > 0 && document.has([...path, key]))
  const hasAny = KEYS.some((key) => quietHours[key].length > 0)
  const report = (key: string | null, message: string, hint: string) => {
    const place = key !== null && document.has([...path, key]) ? [...path, key] : path
    return [doubt(compiled, place, `${pathName(place)}: ${message}`, hint)]
  }
  if (!hasAny && document.has([...path, 'when_muted'])) {
    const hint = 'name the time intervals in mute_time_intervals or active_time_intervals, or remove it'
    return report('when_muted', 'it has no effect, because the route is never muted', hint)
  }
  if (!hasOwn) return []
  if (quietHours.critical) {
    const message = 'the time intervals of this route have no effect, because it is critical'
    return report('critical', message, 'remove critical, or the time intervals')
  }
  if (taken.muting?.at(now)?.until !== null) return []
  const message = 'the route is muted for all of the next year: none of its messages are sent'
  return report(null, message, 'check its time intervals, or send its events to an empty receiver, {}')
}

function doubt(
  { document }: CompiledConfig,
  path: Path,
  message: string,
  hint: string,
  code: ProblemCode = 'doubtful_setting',
): Problem {
  return warning(code, document.file, document.at(path), message, hint)
}

function withPaths(nodes: readonly RouteNode[], path: Path): PlacedRoute[] {
  return nodes.flatMap((node, index) => {
    const place = [...path, index]
    return [{ node, path: place }, ...withPaths(node.routes, [...place, 'routes'])]
  })
}
