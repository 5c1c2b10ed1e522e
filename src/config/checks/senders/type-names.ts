/** Event types in places that do not name a source: stages of lifecycles, links, and folders of templates. */
import { type Event, viewOf } from '../../../core/event.ts'
import { wildcard } from '../../../core/match/wildcard.ts'
import { TemplateError } from '../../../core/template/error.ts'
import type { Links } from '../../../core/template/urls/links.ts'
import { type Problem, quote, warning } from '../../problem.ts'
import { cuuroTypes, misspelt } from '../match/known-events.ts'
import { checkReach } from '../match/reach.ts'
import {
  type Checker,
  eventsOf,
  neverReceived,
  receivedFrom,
  toField,
  toName,
  typesOf,
} from '../match/sent.ts'
import { eventsOfTests } from '../tests/tests.ts'
import { withBelow } from '../usage.ts'

export function checkTypeNames(checker: Checker): Problem[] {
  return [...checkLifecycles(checker), ...checkLinks(checker), ...checkFolders(checker)]
}

function checkLifecycles(checker: Checker): Problem[] {
  const { config, document } = checker
  const all = Object.values(config.lifecycles ?? {}).flatMap(({ stages }) => stages)
  return Object.entries(config.lifecycles ?? {}).flatMap(([name, { stages }]) =>
    stages.flatMap((stage, index) => {
      const unknown = unknownType(stage, all, checker)
      const place = document.at(['lifecycles', name, 'stages', index])
      return unknown === null
        ? []
        : [warning('unknown_type', document.file, place, unknown.message, unknown.hint)]
    }),
  )
}

function checkLinks(checker: Checker): Problem[] {
  const { config, document } = checker
  const events = eventsOf(Object.keys(config.sources), checker)
  const { links } = config
  if (links === undefined) return []
  return Object.keys(links.byType).flatMap((key) => {
    const path = ['links', key]
    // Already reported as a variable that is not replaced.
    if (key.includes('${')) return []
    const unknown = unknownType(key, Object.keys(links.byType), checker)
    if (unknown !== null)
      return [warning('unknown_type', document.file, document.keyAt(path), unknown.message, unknown.hint)]
    const test = wildcard(key)
    const linked = (events ?? []).filter(({ type }) => test(type))
    if (linked.length === 0) return []
    const missing = missingIn(links, linked)
    if (typeof missing === 'string') {
      const message = `links.${key} fails for ${typesOf(linked).join(', ')}: ${missing}`
      const hint = 'simplify the template: a variable such as {{ data.id }} is enough'
      return [warning('wrong_link', document.file, document.at(path), message, hint)]
    }
    const [name] = missing.every((names) => names.length > 0) ? (missing[0] ?? []) : []
    if (name === undefined || !/^(?:data|payload)\./.test(name)) return []
    const message = `no event has ${name}, so no message has this link`
    return [
      warning('unknown_field', document.file, document.textAt(path, name), message, toField(name, linked)),
    ]
  })
}

/** Folders that no route names, which are used for events of the type that they are named after. */
function checkFolders(checker: Checker): Problem[] {
  const { config, document, templates } = checker
  const all = [...config.routes, ...(config.notices?.routes ?? [])].flatMap(withBelow)
  const named = new Set(['default', ...all.map(({ template }) => template)])
  const sources = Object.keys(config.sources)
  return templates.own
    .filter((name) => !named.has(name))
    .flatMap((name) => {
      const unknown = unknownType(name, templates.own, checker)
      if (unknown === null) return []
      // A folder whose type no route takes is reported as unused.
      const { mayTake } = checkReach(config.routes, ['routes'], { sources }, () => 0)
      if (config.unrouted === undefined && !mayTake('type', name)) return []
      const message = `no route names the template ${quote(name)}, and ${unknown.message}`
      return [warning('unknown_type', document.file, document.keyAt(['templates']), message, unknown.hint)]
    })
}

interface Unknown {
  readonly message: string
  readonly hint: string
}

/**
 * What is wrong with a type, or a wildcard for types, that no event has; null if one may have it. If senders may send
 * unknown types, only names are reported that are similar to a known type which is missing in `names`, the names in the same kind of place.
 */
function unknownType(name: string, names: readonly string[], checker: Checker): Unknown | null {
  const sources = Object.keys(checker.config.sources)
  const events = eventsOf(sources, checker)
  const received = receivedFrom(sources, checker)
  const test = wildcard(name)
  const isWildcard = name.includes('*')
  const like = `${isWildcard ? 'a type like' : 'the type'} ${quote(name)}`
  if (events !== null) {
    const types = typesOf(events)
    if ([...types, ...received].some((type) => test(type))) return null
    return { message: `no event has ${like}`, hint: toName(name, types) }
  }
  const near = isWildcard ? undefined : misspelt(name, received)
  if (near !== undefined) return { message: neverReceived(name), hint: `did you mean "${near}"?` }
  const meant = checker.known.size === 0 ? undefined : misspelt(name, isWildcard ? WILDCARDS : cuuroTypes)
  if (meant === undefined) return null
  const seen = [...cuuroTypes, ...received, ...eventsOfTests(checker).map(({ type }) => type)]
  if (seen.some((type) => test(type))) return null
  const isMeant = wildcard(meant)
  const others = names.map((other) => wildcard(other))
  if (cuuroTypes.some((type) => isMeant(type) && others.some((covers) => covers(type)))) return null
  const hint = `did you mean "${meant}"? If another sender uses this type, add an event of this type under tests`
  return { message: `no known event has ${like}`, hint }
}

/** `analysis.*` and `*.created`: the types with the same first or second word. */
const WILDCARDS = [
  ...new Set(
    cuuroTypes.flatMap((type) => {
      const [subject, news] = type.split('.')
      return [`${subject}.*`, `*.${news}`]
    }),
  ),
]

/** For each event, the variables of its link that it does not have; or why the link's template fails. */
function missingIn(links: Links, events: readonly Event[]): readonly (readonly string[])[] | string {
  try {
    return events.map((event) => links.missing(viewOf(event)))
  } catch (error) {
    if (error instanceof TemplateError) return error.message
    throw error
  }
}
