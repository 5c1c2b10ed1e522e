/** Random routes and alerts of Alertmanager, and both in our words. */
import fc from 'fast-check'
import { type View, viewOf } from '../../src/core/event.ts'
import type { Json, JsonObject } from '../../src/core/json/json.ts'
import { anEvent } from '../support/event.ts'
import { type Labels, quoted } from './amtool.ts'
import type { OurRoute } from './ours.ts'
import { regexWithStart, text } from './texts.ts'

export interface Matcher {
  readonly label: string
  readonly sign: '=' | '!=' | '=~' | '!~'
  readonly value: string
  /** Of a regular expression: whether it matches the empty text. */
  readonly empty?: boolean
}

export interface TheirRoute {
  readonly matchers: readonly Matcher[]
  /** Without one it has its parent's. */
  readonly receiver?: string
  readonly continue: boolean
  readonly routes: readonly TheirRoute[]
}

/** The root matches everything, and its receiver takes what no route below takes. */
export function alertmanagerConfig(root: string, routes: readonly TheirRoute[]): JsonObject {
  const names = new Set([root, ...routes.flatMap(namesIn)])
  return {
    route: { receiver: root, routes: routes.map(routeConfig) },
    receivers: [...names].map((name) => ({ name })),
  }
}

function namesIn({ receiver, routes }: TheirRoute): string[] {
  return [...(receiver === undefined ? [] : [receiver]), ...routes.flatMap(namesIn)]
}

function routeConfig({ matchers, routes, ...route }: TheirRoute): JsonObject {
  return {
    ...route,
    matchers: matchers.map(({ label, sign, value }) => `${label}${sign}${quoted(value)}`),
    routes: routes.map(routeConfig),
  }
}

export function countRoutes(routes: readonly TheirRoute[]): number {
  return routes.reduce((sum, route) => sum + 1 + countRoutes(route.routes), 0)
}

/** Labels by name, and the field that stands for each. */
const fields: Readonly<Record<string, string>> = {
  type: 'type',
  source: 'source',
  a: 'data.a',
  b: 'payload.data.deep.b',
  c: 'payload.c',
}

const label = fc.constantFrom(...Object.keys(fields))
const matcher: fc.Arbitrary<Matcher> = fc.oneof(
  fc.record({ label, sign: fc.constantFrom('=', '!='), value: text }),
  fc
    .tuple(label, fc.constantFrom('=~', '!~'), regexWithStart)
    .map(([label, sign, { source, empty }]) => ({ label, sign, value: source, empty })),
)
export const rootReceiver = 'root'
const { routes } = fc.letrec<{ routes: TheirRoute[] }>((tie) => ({
  routes: fc.array(
    fc.record(
      {
        matchers: fc.array(matcher, { maxLength: 3 }),
        receiver: fc.constantFrom('ann', 'bob', 'cy'),
        continue: fc.boolean(),
        routes: fc.oneof({ maxDepth: 2 }, fc.constant([]), tie('routes')),
      },
      { requiredKeys: ['matchers', 'continue', 'routes'] },
    ),
    { maxLength: 4 },
  ),
}))
export const theirRoutes: fc.Arbitrary<TheirRoute[]> = routes

export interface TheirAlert {
  readonly labels: Labels
  readonly view: View
}

// An empty label and none are the same there; here they are two values that the translation treats alike.
export const theirAlert: fc.Arbitrary<TheirAlert> = fc
  .record({ type: text, source: text, a: text, b: text, c: text }, { requiredKeys: ['type', 'source'] })
  .map(({ type, source, a, b, c }) => {
    const data: JsonObject = {
      ...(a === undefined ? {} : { a }),
      ...(b === undefined ? {} : { deep: { b } }),
    }
    const labels = {
      type,
      source,
      ...(a === undefined ? {} : { a }),
      ...(b === undefined ? {} : { b }),
      ...(c === undefined ? {} : { c }),
    }
    const payload = { data, ...(c === undefined ? {} : { c }) }
    return { labels, view: viewOf(anEvent({ type, source, payload })) }
  })

/** The whole tree, its root included: a route of ours that matches everything. */
export function toOurs(routes: readonly TheirRoute[]): OurRoute {
  return { receivers: [rootReceiver], routes: routes.map(ourRoute) }
}

function ourRoute({ matchers, receiver, routes, continue: continues }: TheirRoute): OurRoute {
  const all = matchers.map((matcher) => ({ [fields[matcher.label] ?? '']: condition(matcher) }))
  return {
    ...(all.length === 0 ? {} : { match: { all } }),
    ...(receiver === undefined ? {} : { receivers: [receiver] }),
    continue: continues,
    routes: routes.map(ourRoute),
  }
}

function condition({ sign, value, empty }: Matcher): Json {
  const isRegex = sign.endsWith('~')
  const wanted = isRegex ? { regex: value } : literal(value)
  const takesMissing = isRegex ? empty === true : value === ''
  const positive = takesMissing ? [wanted, { exists: false }] : wanted
  return sign.startsWith('!') ? { not: positive } : positive
}

/** A text in which a star is a star. */
function literal(value: string): string {
  return value.replaceAll(/(\\*)\*/g, '$1$1\\*')
}
