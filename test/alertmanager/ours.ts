/** Random routes and events of ours, and both in Alertmanager's words. */
import fc from 'fast-check'
import { type View, viewOf } from '../../src/core/event.ts'
import type { Json, JsonObject } from '../../src/core/json/json.ts'
import { anEvent } from '../support/event.ts'
import '../support/property-seed.ts'
import type { Labels } from './amtool.ts'
import { allOf, anyOf, disjoint, type Formula, is, like } from './formula.ts'
import { escapeRegex, regex, text } from './texts.ts'
import type { TheirRoute } from './theirs.ts'

/** A route as a person writes it. */
export interface OurRoute {
  readonly match?: JsonObject
  readonly receivers?: readonly string[]
  readonly continue?: boolean
  readonly routes?: readonly OurRoute[]
}

/** Fields by how they may be written, and the label that stands for each; some are two ways to one value. */
const labels: Readonly<Record<string, string>> = {
  type: 'type',
  'event.type': 'type',
  source: 'source',
  'data.a': 'data_a',
  'payload.data.a': 'data_a',
  'data.deep.b': 'data_deep_b',
  'payload.c': 'payload_c',
  'enriched.score.d': 'enriched_score_d',
}
const digits = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
const ANYTHING = '(?s:.*)'

const digit = fc.constantFrom(...digits)
const scalar: fc.Arbitrary<Json> = fc.oneof(
  { weight: 4, arbitrary: text },
  { weight: 2, arbitrary: digit },
  { weight: 1, arbitrary: fc.constantFrom<Json>(true, false, null) },
)

// Events: a field may be missing, a scalar or a list of scalars; type and source are always text.
const value = fc.oneof(
  { weight: 6, arbitrary: scalar },
  { weight: 1, arbitrary: fc.array(scalar, { maxLength: 2 }) },
)
const missing = fc.option(value, { nil: undefined, freq: 4 })

export interface OurEvent {
  readonly view: View
  readonly labels: Labels
}

export const ourEvent: fc.Arbitrary<OurEvent> = fc
  .record({ type: text, source: text, a: missing, b: missing, c: missing, d: missing })
  .map(({ type, source, a, b, c, d }) => {
    const deep = given({ deep: given({ b }) })
    const payload = given({ data: given({ a, ...deep }), c })
    const view = viewOf(anEvent({ type, source, payload: payload ?? {} }))
    const fields = { type, source, data_a: a, data_deep_b: b, payload_c: c, enriched_score_d: d }
    return {
      view: { ...view, enriched: given({ score: given({ d }) }) ?? {} },
      labels: Object.fromEntries(
        Object.entries(fields).flatMap(([name, value]) =>
          value === undefined ? [] : [[name, label(value)]],
        ),
      ),
    }
  })

/** Undefined where nothing is in it, so that a missing field has no parent either. */
function given(fields: Readonly<Record<string, Json | undefined>>): JsonObject | undefined {
  const entries = Object.entries(fields).filter((entry): entry is [string, Json] => entry[1] !== undefined)
  return entries.length === 0 ? undefined : Object.fromEntries(entries)
}

/** A value as a label's text: its type goes in front, so that no two values and no missing one look alike. */
function label(value: Json): string {
  if (Array.isArray(value)) return `list:${value.map((item) => `<${label(item)}>`).join('')}`
  return typeof value === 'string' ? `text:${value}` : `${typeof value}:${value}`
}

// Matches: the depths keep their translation small enough to read.
const textOperators = ['prefix', 'suffix', 'contains'] as const
const operatorEntry = (inner: fc.Arbitrary<Json>): fc.Arbitrary<[string, Json]> =>
  fc.oneof(
    fc.tuple(fc.constant('in'), fc.array(inner, { minLength: 1, maxLength: 3 })),
    fc.tuple(fc.constant('not'), inner),
    fc.tuple(fc.constantFrom('gt', 'gte', 'lt', 'lte'), fc.oneof(digit, fc.constantFrom(-1, 4.5, 10))),
    fc.tuple(fc.constant('exists'), fc.boolean()),
    fc.tuple(fc.constantFrom(...textOperators), text),
    fc.tuple(fc.constant('contains'), scalar),
    fc.tuple(
      fc.constant('regex'),
      regex.map(({ source }) => source),
    ),
  )
const wildcard = fc
  .array(fc.oneof(text, fc.constantFrom('*', '\\*', '\\\\*')), { maxLength: 4 })
  .map((parts) => parts.join(''))
const { wanted } = fc.letrec<{ wanted: Json; item: Json; operators: JsonObject }>((tie) => ({
  wanted: fc.oneof(
    { maxDepth: 2 },
    scalar,
    wildcard,
    fc.array(tie('item'), { minLength: 1, maxLength: 3 }),
    tie('operators'),
  ),
  item: fc.oneof({ maxDepth: 2 }, scalar, wildcard, tie('operators')),
  operators: fc
    .array(operatorEntry(fc.oneof({ maxDepth: 1 }, scalar, wildcard, tie('item'))), {
      minLength: 1,
      maxLength: 2,
    })
    .map((entries) => Object.fromEntries(entries)),
}))
const { match } = fc.letrec<{ match: JsonObject }>((tie) => {
  const field = fc.tuple(fc.constantFrom(...Object.keys(labels)), wanted)
  const group = fc.tuple(
    fc.constantFrom('any', 'all'),
    fc.array(tie('match'), { minLength: 1, maxLength: 2 }),
  )
  const entry: fc.Arbitrary<[string, Json]> = fc.oneof(
    { maxDepth: 2 },
    { weight: 4, arbitrary: field },
    { weight: 1, arbitrary: group },
    { weight: 1, arbitrary: fc.tuple(fc.constant('not'), tie('match')) },
  )
  return {
    match: fc.array(entry, { minLength: 1, maxLength: 2 }).map((entries) => Object.fromEntries(entries)),
  }
})

export const receiverNames = ['ann', 'bob', 'cy'] as const
const receivers = fc.subarray([...receiverNames], { minLength: 1 })
const { route } = fc.letrec<{ route: OurRoute }>((tie) => ({
  route: fc.record(
    {
      match,
      receivers,
      continue: fc.constantFrom(true, true, false),
      routes: fc.oneof({ maxDepth: 2 }, fc.constant([]), fc.array(tie('route'), { maxLength: 3 })),
    },
    { requiredKeys: [] },
  ),
}))

/** The loader wants at least one route, and every route that leads nowhere else to have receivers. */
export const ourRoutes = fc
  .array(route, { minLength: 1, maxLength: 5 })
  .map((list) => list.map((route) => withReceivers(route, false)))

function withReceivers(route: OurRoute, inherited: boolean): OurRoute {
  const named = inherited || route.receivers !== undefined
  const below = route.routes?.map((child) => withReceivers(child, named)) ?? []
  if (!named && below.length === 0) return { ...route, receivers: ['ann'] }
  return route.routes === undefined ? route : { ...route, routes: below }
}

/** Several receivers are one name there. */
export function joined(names: readonly string[]): string {
  return names.length === 0 ? 'nobody' : names.join('+')
}

/** One of our routes is several siblings there, of which an event matches at most one. */
export function toTheirs(route: OurRoute, isTop = true): TheirRoute[] {
  const matchers = route.match === undefined ? [[]] : disjoint(matchFormula(route.match))
  // At the top a route without receivers has none; there it would have the root's.
  const receivers = route.receivers ?? (isTop ? [] : undefined)
  const routes = route.routes?.flatMap((child) => toTheirs(child, false)) ?? []
  return matchers.map((conjunction) => ({
    matchers: conjunction,
    ...(receivers === undefined ? {} : { receiver: joined(receivers) }),
    continue: route.continue ?? false,
    routes,
  }))
}

function matchFormula(raw: Json): Formula {
  return allOf(
    Object.entries(object(raw)).map(([key, value]): Formula => {
      if (key === 'any') return anyOf(list(value).map(matchFormula))
      if (key === 'all') return allOf(list(value).map(matchFormula))
      if (key === 'not') return { not: matchFormula(value) }
      return valueFormula(labels[key] ?? '', value)
    }),
  )
}

function valueFormula(name: string, raw: Json): Formula {
  if (Array.isArray(raw)) return anyOf(raw.map((item) => valueFormula(name, item)))
  if (typeof raw === 'string' && raw.includes('*')) return like(name, `text:${wildcardRegex(raw)}`)
  if (raw === null || typeof raw !== 'object') return is(name, label(raw))
  return allOf(Object.entries(raw).map(([operator, operand]) => operatorFormula(name, operator, operand)))
}

function operatorFormula(name: string, operator: string, operand: Json): Formula {
  switch (operator) {
    case 'in':
      return valueFormula(name, operand)
    case 'not':
      return { not: valueFormula(name, operand) }
    case 'exists':
      return operand === true ? { not: is(name, '') } : is(name, '')
    case 'prefix':
      return like(name, `text:${escapeRegex(String(operand))}${ANYTHING}`)
    case 'suffix':
      return like(name, `text:${ANYTHING}${escapeRegex(String(operand))}`)
    case 'contains':
      return containsFormula(name, operand)
    case 'regex':
      return like(name, `text:(?:${operand})`)
    default:
      return orderFormula(name, operator, Number(operand))
  }
}

function containsFormula(name: string, operand: Json): Formula {
  const inList = like(name, `list:${ANYTHING}<${escapeRegex(label(operand))}>${ANYTHING}`)
  if (typeof operand !== 'string') return inList
  return anyOf([like(name, `text:${ANYTHING}${escapeRegex(operand)}${ANYTHING}`), inList])
}

/** Alertmanager does not count; of ten digits those that hold can be listed. */
function orderFormula(name: string, operator: string, limit: number): Formula {
  const holding = digits.filter((value) => {
    if (value === limit) return operator.endsWith('e')
    return operator.startsWith('g') ? value > limit : value < limit
  })
  return anyOf(holding.map((value) => is(name, label(value))))
}

/** Read one character after the other, unlike ours: a backslash counts only in a run before a star. */
function wildcardRegex(pattern: string): string {
  let made = ''
  let backslashes = 0
  for (const character of pattern) {
    if (character === '\\') {
      backslashes += 1
      continue
    }
    if (character === '*') {
      made += '\\\\'.repeat(Math.floor(backslashes / 2)) + (backslashes % 2 === 1 ? '\\*' : ANYTHING)
    } else {
      made += '\\\\'.repeat(backslashes) + escapeRegex(character)
    }
    backslashes = 0
  }
  return made + '\\\\'.repeat(backslashes)
}

function list(raw: Json): readonly Json[] {
  return Array.isArray(raw) ? raw : []
}

function object(raw: Json): JsonObject {
  return raw !== null && typeof raw === 'object' && !Array.isArray(raw) ? (raw as JsonObject) : {}
}
