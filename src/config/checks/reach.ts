/** Routes that no event can reach: an earlier one takes all that they would, or their conditions never hold. */

import { isObject, ownProperty } from '../../core/json.ts'
import {
  both,
  coveredBy,
  covers,
  type Facts,
  possible,
  type Terms,
  termsOf,
} from '../../core/match/implies.ts'
import { compileMatch } from '../../core/match/match.ts'
import { equalTo } from '../../core/match/predicate.ts'
import { eventFields } from '../../core/template/template.ts'
import { meant, type Path, type ProblemCode, pathName } from '../problem.ts'

interface Unreachable {
  readonly code: ProblemCode
  readonly path: Path
  readonly message: string
  readonly hint: string
}

interface Reach {
  readonly facts: Facts
  readonly sources: readonly string[]
  readonly isBroken: (path: Path) => boolean
  readonly lineOf: (path: Path) => number
  readonly found: Unreachable[]
  /** Of each route, which events may come to it; null where that is not known. */
  readonly reached: (Terms | null)[]
}

export interface Reachable {
  readonly unreachable: readonly Unreachable[]
  /** Whether an event with this value of `type` or `source` may come to a route; true where that is not known. */
  mayTake(field: 'type' | 'source', value: string): boolean
}

/** A route that is tried before others, and stops them where it matches. */
interface Taker {
  readonly path: Path
  readonly terms: Terms
}

const TEXTS = ['type', 'source', ...(eventFields.event ?? []).map((name) => `event.${name}`)]

/** `config` with its variables filled in; `isBroken` where one could not be. What is wrong otherwise is passed over. */
export function checkReach(
  config: unknown,
  isBroken: (path: Path) => boolean,
  lineOf: (path: Path) => number,
): Reachable {
  const named = ownProperty(config, 'sources')
  const sources = isObject(named) ? Object.keys(named) : []
  const facts: Facts = {
    values: new Map(sources.length === 0 ? [] : [['source', sources]]),
    isText: (path) => TEXTS.includes(path),
    // Nothing enriches events in this version.
    isMissing: (path) => /^(?:event|enriched)\./.test(path) && !TEXTS.includes(path),
  }
  const reach: Reach = { facts, sources, isBroken, lineOf, found: [], reached: [] }
  level(ownProperty(config, 'routes'), ['routes'], { terms: [[]], named: false }, reach)
  const may = (able: Terms | null, field: string, value: string) => {
    const terms = both(able, [[{ path: field, predicate: equalTo(value), positive: true }]])
    return terms === null || possible(terms, facts).length > 0
  }
  return {
    unreachable: reach.found,
    mayTake: (field, value) => reach.reached.some((able) => may(able, field, value)),
  }
}

/** What routes have from the one above. */
interface Above {
  /** Holds for every event that comes to them; null where that is not known. */
  readonly terms: Terms | null
  /** It names receivers, or has them from above. */
  readonly named: boolean
}

function level(raw: unknown, path: Path, above: Above, reach: Reach): void {
  if (!Array.isArray(raw)) return
  const takers: Taker[] = []
  for (const [index, route] of raw.entries()) {
    const place = [...path, index]
    if (!isObject(route)) continue
    const own = ownTerms(route, place, reach)
    const all = both(above.terms, own)
    const able = all === null ? null : possible(all, reach.facts)
    if (able !== null && able.length === 0) {
      tellImpossible(route, place, own, reach)
    } else if (able === null || !isTaken(able, place, takers, reach)) {
      tellUnknownSources(route, place, reach)
      reach.reached.push(able)
      const named = above.named || Object.hasOwn(route, 'receivers')
      const routes = ownProperty(route, 'routes')
      if (!named && able !== null) tellLeaks(routes, place, able, reach)
      level(routes, [...place, 'routes'], { terms: able, named }, reach)
      // What nothing reaches takes nothing either.
      if (own !== null && route.continue !== true) takers.push({ path: place, terms: own })
    }
  }
}

/** Null where the match is wrong, or nothing can be said of it. */
function ownTerms(route: object, place: Path, { isBroken }: Reach): Terms | null {
  if (!Object.hasOwn(route, 'match')) return termsOf(null)
  if (isBroken([...place, 'match'])) return null
  const compiled = compileMatch(ownProperty(route, 'match'))
  return compiled.ok ? termsOf(compiled.match) : null
}

/** Events that match a route without receivers, and none of its own routes. */
function tellLeaks(routes: unknown, place: Path, able: Terms, reach: Reach): void {
  if (!Array.isArray(routes) || routes.length === 0) return
  const below = routes.map((route: unknown, index) =>
    isObject(route) ? ownTerms(route, [...place, 'routes', index], reach) : null,
  )
  // One of which nothing is known may take the rest.
  if (
    below.includes(null) ||
    covers(
      below.flatMap((terms) => terms ?? []),
      able,
      reach.facts,
    )
  )
    return
  reach.found.push({
    code: 'no_receivers',
    path: place,
    message: 'an event that matches here and none of the routes below goes nowhere',
    hint: 'add receivers, or a last route without match',
  })
}

function tellImpossible(route: object, place: Path, own: Terms | null, reach: Reach): void {
  const path = Object.hasOwn(route, 'match') ? [...place, 'match'] : place
  const tell = (message: string, hint: string) =>
    reach.found.push({ code: 'impossible_match', path, message, hint })
  if (own !== null && possible(own, reach.facts).length === 0) {
    tell('this match can never hold: no event has such values', hintOf(route, reach))
  } else {
    const parent = placed(place.slice(0, -2), reach)
    tell(`no event that matches ${parent} can match here`, 'loosen one of the two, or move this route out')
  }
}

/** Sources of a list that nobody is; where there is but one, the match is impossible. */
function tellUnknownSources(route: object, place: Path, { sources, isBroken, found }: Reach): void {
  const path = [...place, 'match', 'source']
  const wanted = ownProperty(ownProperty(route, 'match'), 'source')
  for (const [index, name] of (Array.isArray(wanted) ? wanted : []).entries()) {
    if (typeof name !== 'string' || name.includes('*') || sources.includes(name)) continue
    if (sources.length === 0 || isBroken([...path, index])) continue
    const message = `no source is named "${name}"`
    found.push({ code: 'unknown_source', path: [...path, index], message, hint: meant(name, sources) })
  }
}

/** `routes[0] (line 12)` */
function placed(path: Path, { lineOf }: Reach): string {
  return `${pathName(path)} (line ${lineOf(path)})`
}

function hintOf(route: object, { sources }: Reach): string {
  const match = ownProperty(route, 'match')
  if (isObject(match) && Object.keys(match).some((key) => /^enriched\b/.test(key))) {
    return 'this version fetches nothing that could stand in enriched'
  }
  const field = isObject(match)
    ? Object.keys(match).find((key) => /^event\./.test(key) && !TEXTS.includes(key))
    : undefined
  if (field !== undefined) return `there is no ${field}; a field of the payload is payload.NAME or data.NAME`
  const source = ownProperty(match, 'source')
  if (typeof source === 'string' && !source.includes('*') && !sources.includes(source)) {
    return `no source is named so; ${meant(source, sources)}`
  }
  return 'type and source are text; compare a field with one kind of value, and ask for nothing that excludes another'
}

function isTaken(able: Terms, place: Path, takers: readonly Taker[], reach: Reach): boolean {
  const one = takers.find(({ terms }) => covers(terms, able, reach.facts))
  const takenBy = one === undefined ? coveredBy(able, takers, reach.facts) : [one]
  if (takenBy === null) return false
  const names = takenBy.map(({ path }) => pathName(path)).join(' and ')
  const places = takenBy.map(({ path }) => placed(path, reach)).join(' and ')
  reach.found.push({
    code: 'unreachable_route',
    path: place,
    message: `no event comes here: ${places} ${takenBy.length === 1 ? 'takes' : 'take'} them all`,
    hint: `move it up, or let ${names} say \`continue: true\` or match less`,
  })
  return true
}
