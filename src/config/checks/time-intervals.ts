/** What is wrong with `time_intervals`, and with what routes say about them. */
import { ownProperty } from '../../core/json/json.ts'
import { createMuting, HORIZON_MS, type Muting } from '../../core/time-intervals/muting.ts'
import { timeIntervalsOf } from '../compiled.ts'
import type { Interpolated } from '../file/interpolate.ts'
import { isAt } from '../file/origin.ts'
import type { YamlDocument } from '../file/yaml-document.ts'
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
import type { Config } from '../schema/schema.ts'

type Route = Config['routes'][number]

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
export function checkIntervals(config: Config, document: YamlDocument, now = Date.now()): Problem[] {
  const doubt = (path: Path, message: string, hint: string) =>
    warning('doubtful_setting', document.file, document.at(path), `${pathName(path)}: ${message}`, hint)
  const intervals = timeIntervalsOf(config)
  const routes = [
    ...withPlaces(config.routes, ['routes']),
    ...withPlaces(config.notices?.routes ?? [], ['notices', 'routes']),
  ]
  const used = new Set(routes.flatMap(({ route }) => KEYS.flatMap((key) => route[key] ?? [])))
  return [
    ...config.time_intervals.flatMap(({ name, time_intervals: parts }, index) => {
      const path = ['time_intervals', index]
      if (!used.has(name)) {
        const message = `no route names the time interval ${quote(name)}`
        const place = document.at([...path, 'name'])
        return [
          warning('unused_time_interval', document.file, place, message, 'add it to a route, or remove it'),
        ]
      }
      const all = intervals.get(name)?.parts ?? []
      return parts.flatMap((_part, position) => {
        const part = all[position]
        const muting = part && createMuting([{ name, parts: [part] }], [], 'drop')
        if (!muting || comesWithinHorizon(muting, now)) return []
        const place = [...path, 'time_intervals', position]
        return [doubt(place, 'no time of the next year lies in it', 'check its days, months and years')]
      })
    }),
    ...routes.flatMap(({ route, path, effective }) => {
      const { mute_time_intervals: mute = [], active_time_intervals: active = [], critical } = effective
      const hasOwn = KEYS.some((key) => (route[key] ?? []).length > 0)
      const hasAny = mute.length + active.length > 0
      if (route.when_muted !== undefined && !hasAny) {
        const hint = 'name the time intervals in mute_time_intervals or active_time_intervals, or remove it'
        return [doubt([...path, 'when_muted'], 'it has no effect, because the route is never muted', hint)]
      }
      if (critical && hasOwn) {
        const hint = 'remove critical, or the time intervals'
        const message = 'the time intervals of this route have no effect, because it is critical'
        return [doubt(route.critical === undefined ? path : [...path, 'critical'], message, hint)]
      }
      if (!hasOwn || critical) return []
      const named = (names: readonly string[]) => names.flatMap((name) => intervals.get(name) ?? [])
      const muting = createMuting(named(mute), named(active), 'defer')
      if (muting?.at(now)?.until !== null) return []
      const message = 'the route is muted for all of the next year: none of its messages are sent'
      return [doubt(path, message, 'check its time intervals, or send its events to an empty receiver, {}')]
    }),
  ]
}

function comesWithinHorizon(muting: Muting, now: number): boolean {
  for (let at = now; at <= now + HORIZON_MS; at = muting.changeAfter(at)) {
    if (muting.isAt(at)) return true
  }
  return false
}

interface PlacedRoute {
  readonly route: Route
  readonly path: Path
  /** What it inherits, or says itself. */
  readonly effective: Pick<Route, (typeof KEYS)[number] | 'critical'>
}

function withPlaces(
  routes: readonly Route[],
  path: Path,
  inherited: PlacedRoute['effective'] = {},
): PlacedRoute[] {
  return routes.flatMap((route, index) => {
    const place = [...path, index]
    const effective = {
      mute_time_intervals: route.mute_time_intervals ?? inherited.mute_time_intervals,
      active_time_intervals: route.active_time_intervals ?? inherited.active_time_intervals,
      critical: route.critical ?? inherited.critical,
    }
    return [
      { route, path: place, effective },
      ...withPlaces(route.routes ?? [], [...place, 'routes'], effective),
    ]
  })
}
