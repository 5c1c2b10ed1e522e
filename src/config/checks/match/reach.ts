/** Routes that no event can reach: earlier ones take all their events, or their conditions can never hold. */
import { covers, createCoverage } from '../../../core/match/coverage.ts'
import {
  both,
  type KnownFields,
  possible,
  type Terms,
  termsOf,
  termsOfEqual,
} from '../../../core/match/implies.ts'
import type { FieldMatch, Match } from '../../../core/match/match.ts'
import { eventFields } from '../../../core/template/template.ts'
import { meant, type Path, type ProblemCode, pathName } from '../../problem.ts'
import type { Config } from '../../schema/schema.ts'

export interface Unreachable {
  readonly code: ProblemCode
  readonly path: Path
  readonly message: string
  readonly hint: string
}

export interface Reach {
  readonly unreachable: readonly Unreachable[]
  /** Whether an event with this `type` or `source` may reach a route; true if that is unknown. */
  mayTake(field: 'type' | 'source', value: string): boolean
}

/** The events that reach the first route; `types` is set if there are no other types. */
export interface RoutedEvents {
  readonly sources: readonly string[]
  readonly types?: readonly string[]
}

interface Checker {
  readonly facts: KnownFields
  readonly events: RoutedEvents
  readonly lineOf: (path: Path) => number
  readonly found: Unreachable[]
  /** Which events may reach each route. */
  readonly reached: Terms[]
}

type Route = Config['routes'][number]

// An event may have no subject.
const TEXTS = ['type', 'source', ...(eventFields.event ?? []).map((name) => `event.${name}`)].filter(
  (path) => path !== 'event.subject',
)

// The rest is only known when a message is sent.
const AT_ROUTING = ['lifecycle.name', 'lifecycle.stage', 'lifecycle.is_last']

/** `place`: the path of the routes. */
export function checkReach(
  routes: readonly Route[],
  place: Path,
  events: RoutedEvents,
  lineOf: (path: Path) => number,
): Reach {
  const { sources, types } = events
  const facts: KnownFields = {
    values: new Map([['source', sources], ...(types === undefined ? [] : [['type', types] as const])]),
    isText: (path) => TEXTS.includes(path),
    isMissing: (path) =>
      /^(?:event|lifecycle)\./.test(path) && ![...TEXTS, 'event.subject', ...AT_ROUTING].includes(path),
  }
  const checker: Checker = { facts, events, lineOf, found: [], reached: [] }
  checkLevel(routes, place, { terms: termsOf(undefined), hasReceivers: false }, checker)
  return {
    unreachable: checker.found,
    mayTake: (field, value) =>
      checker.reached.some((terms) => possible(both(terms, termsOfEqual(field, value)), facts).length > 0),
  }
}

interface Parent {
  /** What holds for every event that reaches its routes. */
  readonly terms: Terms
  /** Whether it names receivers or inherits them. */
  readonly hasReceivers: boolean
}

function checkLevel(routes: readonly Route[], path: Path, parent: Parent, checker: Checker): void {
  const { facts, found } = checker
  // The earlier siblings, which stop an event that they match.
  const takers = createCoverage<Path>(facts)
  for (const [index, route] of routes.entries()) {
    const place = [...path, index]
    const own = termsOf(route.match)
    const terms = possible(both(parent.terms, own), facts)
    const unreachable =
      terms.length === 0
        ? impossible(route, place, own, checker)
        : taken(takers.covering(terms), place, checker)
    if (unreachable !== null) {
      found.push(unreachable)
      continue
    }
    found.push(...unknownSources(route.match, place, checker))
    checker.reached.push(terms)
    const hasReceivers = parent.hasReceivers || route.receivers !== undefined
    const below = route.routes ?? []
    if (!hasReceivers) found.push(...leaks(below, place, terms, facts))
    checkLevel(below, [...place, 'routes'], { terms, hasReceivers }, checker)
    if (!route.continue) takers.add(place, own)
  }
}

/** Reports events that match a route without receivers, but none of its nested routes. */
function leaks(below: readonly Route[], path: Path, terms: Terms, facts: KnownFields): Unreachable[] {
  // An upper bound of what each of them takes.
  const most = below.flatMap(({ match }) => termsOf(match)).map(({ fields }) => ({ fields, exact: true }))
  if (below.length === 0 || covers(most, terms, facts)) return []
  const message = 'an event that matches this route and none of its nested routes is not delivered'
  return [
    { code: 'no_receivers', path, message, hint: 'add receivers, or a last nested route without match' },
  ]
}

function impossible({ match }: Route, place: Path, own: Terms, checker: Checker): Unreachable {
  const path = match === undefined ? place : [...place, 'match']
  if (possible(own, checker.facts).length === 0) {
    const message = 'no event can match this'
    return { code: 'impossible_match', path, message, hint: hintFor(match, checker) }
  }
  const message = `no event that matches the parent route, ${placed(place.slice(0, -2), checker)}, can match this`
  return {
    code: 'impossible_match',
    path,
    message,
    hint: 'change one of the two, or move this route out of its parent',
  }
}

function hintFor(match: Match | undefined, { facts, events: { sources, types } }: Checker): string {
  const fields = fieldsOf(match)
  const missing = fields.find(({ path }) => facts.isMissing(path))?.path
  if (missing?.startsWith('lifecycle.')) return `a match can only use ${AT_ROUTING.join(', ')}`
  if (missing !== undefined)
    return `there is no ${missing}; for a field of the payload write data.NAME or payload.NAME`
  const source = fields.find(({ path }) => path === 'source')?.wanted
  if (typeof source === 'string' && !source.includes('*') && !sources.includes(source))
    return `there is no such source; ${meant(source, sources)}`
  const type = fields.find(({ path }) => path === 'type')?.wanted
  if (typeof type === 'string' && types !== undefined && !types.includes(type))
    return `there is no such notice; ${meant(type, types)}`
  const textual = fields.find(
    ({ path, wanted }) => facts.isText(path) && ['number', 'boolean'].includes(typeof wanted),
  )
  if (textual !== undefined) return `${textual.path} is text, but this value is not`
  return 'its conditions contradict each other, or fit none of the sources'
}

/** Sources of a list that do not exist. If there is only one source, the whole match is impossible. */
function unknownSources(
  match: Match | undefined,
  place: Path,
  { events: { sources } }: Checker,
): Unreachable[] {
  return fieldsOf(match)
    .filter(({ path }) => path === 'source')
    .flatMap(({ wanted }) =>
      (Array.isArray(wanted) ? wanted : []).flatMap((name: unknown, index) => {
        if (typeof name !== 'string' || name.includes('*') || sources.includes(name)) return []
        const path = [...place, 'match', 'source', index]
        return [
          {
            code: 'unknown_source',
            path,
            message: `no source is named "${name}"`,
            hint: meant(name, sources),
          },
        ]
      }),
    )
}

/** The fields at the top level of a match. */
function fieldsOf(match: Match | undefined): readonly FieldMatch[] {
  if (match === undefined) return []
  return (match.kind === 'all' ? match.parts : [match]).filter((part) => part.kind === 'field')
}

function taken(takenBy: readonly Path[] | null, path: Path, checker: Checker): Unreachable | null {
  if (takenBy === null) return null
  const names = takenBy.map(pathName).join(' and ')
  const places = takenBy.map((taker) => placed(taker, checker)).join(' and ')
  return {
    code: 'unreachable_route',
    path,
    message: `no event reaches this route: ${places} ${takenBy.length === 1 ? 'takes' : 'take'} all of them`,
    hint: `move this route up, set \`continue: true\` in ${names}, or narrow ${takenBy.length === 1 ? 'its match' : 'their matches'}`,
  }
}

/** `routes[0] (line 12)` */
function placed(path: Path, { lineOf }: Checker): string {
  return `${pathName(path)} (line ${lineOf(path)})`
}
