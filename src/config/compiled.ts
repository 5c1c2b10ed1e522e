/** A configuration that can run. */
import { dirname, resolve } from 'node:path'
import { channels } from '../channels/channels.ts'
import type { Destination } from '../core/delivery/destination.ts'
import type { Fallback } from '../core/delivery/fallback.ts'
import type { View } from '../core/event.ts'
import { ownProperty } from '../core/json/json.ts'
import { type FollowUp, type Lifecycle, POST } from '../core/lifecycle/lifecycle.ts'
import { showAs } from '../core/match/match.ts'
import { compileRoutes, type RouteInput, type Router, type TimeIntervals } from '../core/routing/route.ts'
import type { Secret } from '../core/secret.ts'
import type { TimeInterval } from '../core/time-intervals/time-interval.ts'
import { localZone } from '../core/time-intervals/zone.ts'
import { type Fingerprints, shortFingerprint } from './file/fingerprint.ts'
import type { YamlDocument } from './file/yaml-document.ts'
import type { Config } from './schema/schema.ts'
import { LOCAL } from './schema/time-intervals.ts'
import { secretsOf } from './secrets.ts'
import type { Templates } from './templates/templates.ts'

/** A checked configuration, with everything compiled that routing and rendering need. */
export interface CompiledConfig {
  /** The path of the configuration file, as it was given. */
  readonly file: string
  /** The files that it was read from. */
  readonly files: Fingerprints
  /** Identifies the configuration: a hash of the file and the templates, without files of secrets. */
  readonly fingerprint: string
  /** `store.url` and `server.admin_socket` have absolute paths. */
  readonly config: Config
  /** All secrets, to keep them out of logs and messages. */
  readonly secrets: readonly Secret[]
  readonly router: Router
  /** The routes of notices; null if notices are not sent. */
  readonly notices: Router | null
  /** By name. */
  readonly timeIntervals: TimeIntervals
  readonly templates: Templates
  readonly lifecycles: readonly Lifecycle[]
  /** What later stages do at a receiver's destinations, for each channel. */
  readonly followUp: (receiver: string, channel: string) => FollowUp
  /** Where each receiver's messages go. */
  readonly destinations: ReadonlyMap<string, readonly Destination[]>
  /** By receiver: who gets the messages that it cannot get. */
  readonly fallbacks: ReadonlyMap<string, Fallback>
  /** The URL of the page about an event's subject; empty if there is none. */
  readonly links: (view: View) => string
  /** The title of a source in messages. */
  readonly sourceTitle: (source: string) => string
  /** For the places of problems that are reported later. */
  readonly document: Pick<YamlDocument, 'file' | 'at' | 'has' | 'keyAt' | 'textAt' | 'scalar'>
}

export function compile(
  file: string,
  files: Fingerprints,
  config: Config,
  templates: Templates,
  document: YamlDocument,
): CompiledConfig {
  const titles = new Map(Object.entries(config.sources).map(([name, { title }]) => [name, title]))
  const destinations = destinationsOf(config)
  const intervals = timeIntervalsOf(config)
  return {
    file,
    files,
    fingerprint: shortFingerprint(
      document.value,
      files,
      config.templates === undefined ? undefined : resolve(dirname(file), config.templates),
    ),
    config,
    secrets: secretsOf(config),
    router: compileRoutes(
      asWritten(config.routes, ownProperty(document.value, 'routes')),
      config.unrouted,
      intervals,
    ),
    notices: noticesOf(config, document, intervals),
    timeIntervals: intervals,
    templates,
    lifecycles: Object.entries(config.lifecycles ?? {}).map(([name, { stages, key = null }]) => ({
      name,
      stages,
      key,
    })),
    followUp: (receiver, channel) => followUpOf(config, receiver, channel),
    destinations,
    fallbacks: fallbacksOf(config, destinations),
    links: config.links?.urlOf ?? (() => ''),
    sourceTitle: (source) => titles.get(source) ?? source,
    document,
  }
}

/** The settings of the receivers that use the channel, by their names. */
export function receiversOf(config: Config, channel: string): ReadonlyMap<string, unknown> {
  return new Map(
    Object.entries(config.receivers).flatMap(([name, receiver]) =>
      receiver[channel] === undefined ? [] : [[name, receiver[channel]] as const],
    ),
  )
}

/** The time zone that is meant: `Local` is that of the machine. */
export function zoneOf({ time_zone }: Pick<Config, 'time_zone'>, location = time_zone): string {
  return location === LOCAL ? localZone() : location
}

function timeIntervalsOf({ time_intervals, time_zone }: Config): TimeIntervals {
  return new Map(
    time_intervals.map(({ name, time_intervals: parts }) => [
      name,
      {
        name,
        parts: parts.map(
          ({ times, weekdays, days_of_month, months, years, location = time_zone }): TimeInterval => ({
            times: times ?? null,
            weekdays: weekdays ?? null,
            daysOfMonth: days_of_month ?? null,
            months: months ?? null,
            years: years ?? null,
            location: zoneOf({ time_zone }, location),
          }),
        ),
      },
    ]),
  )
}

function noticesOf(
  { notices }: Config,
  { value }: Pick<YamlDocument, 'value'>,
  intervals: TimeIntervals,
): Router | null {
  if (notices === undefined) return null
  const { receivers, routes } = notices
  if (routes === undefined) return compileRoutes([{ name: 'notices', receivers }])
  const written = ownProperty(ownProperty(value, 'notices'), 'routes')
  return compileRoutes(asWritten(routes, written), undefined, intervals)
}

/** The routes, with matches that are shown as written. `written`: the same routes before variables were filled in. */
function asWritten(routes: Config['routes'], written: unknown): RouteInput[] {
  return routes.map((route, index) => {
    const shown: unknown = Array.isArray(written) ? written[index] : undefined
    return {
      ...route,
      match: route.match && showAs(ownProperty(shown, 'match'), route.match),
      routes: route.routes && asWritten(route.routes, ownProperty(shown, 'routes')),
    }
  })
}

function followUpOf({ receivers }: Config, receiver: string, name: string): FollowUp {
  const channel = channels.find((one) => one.name === name)
  const settings = receivers[receiver]?.[name]
  return settings === undefined ? POST : (channel?.followUp?.(settings) ?? POST)
}

function destinationsOf(config: Config): ReadonlyMap<string, readonly Destination[]> {
  return new Map(
    Object.entries(config.receivers).map(([name, settings]) => [
      name,
      channels.flatMap((channel) => {
        const receiver = settings[channel.name]
        if (receiver === undefined) return []
        return channel.targets(receiver, name).map((target) => ({ channel: channel.name, ...target }))
      }),
    ]),
  )
}

function fallbacksOf(
  { receivers }: Config,
  destinations: CompiledConfig['destinations'],
): ReadonlyMap<string, Fallback> {
  return new Map(
    Object.entries(receivers).flatMap(([name, { fallback }]) =>
      typeof fallback === 'string'
        ? [[name, { receiver: fallback, destinations: destinations.get(fallback) ?? [] }] as const]
        : [],
    ),
  )
}
