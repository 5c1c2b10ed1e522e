/** Types and fields that no event of a sender has, in matches, links and tests: typing mistakes, or wrong assumptions. */
import { type Event, viewOf } from '../../core/event.ts'
import { isObject } from '../../core/json.ts'
import { compileValue } from '../../core/match/condition.ts'
import { evaluate } from '../../core/match/evaluate.ts'
import { wildcard } from '../../core/match/wildcard.ts'
import { TemplateError } from '../../core/template/error.ts'
import type { Links } from '../../core/template/links.ts'
import type { CompiledConfig } from '../compiled.ts'
import { slipInValue } from '../file/slips.ts'
import { meant, type Problem, quote, warning } from '../problem.ts'
import { type Condition, conditionsOf, type Leaf, leavesOf } from './match/conditions.ts'
import { cuuroTypes, type KnownEvents, knownEvents, misspelt } from './match/known-events.ts'
import { isType, meaningOfType } from './match/operators.ts'

/** The types of events that were received, by source. */
export type ReceivedTypes = ReadonlyMap<string, readonly string[]>

interface Checker extends Pick<CompiledConfig, 'config' | 'document'> {
  readonly known: KnownEvents
  readonly received: ReceivedTypes
}

/** Warnings, because senders may send more than they document or have sent. */
export function checkSenders(
  compiled: CompiledConfig,
  received: ReceivedTypes = new Map(),
): readonly Problem[] {
  const known = knownEvents(compiled)
  if (known.size === 0 && received.size === 0) return []
  const checker = { ...compiled, known, received }
  return [
    ...conditionsOf(compiled.config).flatMap((condition) => checkCondition(condition, checker)),
    ...checkLifecycles(checker),
    ...checkLinks(checker),
    ...checkTests(checker),
  ]
}

/** The events of these sources; null where one of them may send others. */
function eventsOf(sources: readonly string[], { known }: Checker): readonly Event[] | null {
  if (sources.length === 0 || sources.some((name) => !known.has(name))) return null
  return sources.flatMap((name) => known.get(name) ?? [])
}

function checkCondition(condition: Condition, checker: Checker): Problem[] {
  const events = eventsOf(condition.sources, checker)
  const { path } = condition.field
  if (isType(path)) {
    const types = [...typesOf(events ?? []), ...receivedFrom(condition.sources, checker)]
    return leavesOf(condition).flatMap((leaf) =>
      events === null ? nearMiss(leaf, types, checker) : checkType(leaf, types, checker),
    )
  }
  if (events === null) return []
  return /^(?:data|payload)\.[^\s<>=]+$/.test(path) ? checkField(condition, events, checker) : []
}

function receivedFrom(sources: readonly string[], { received }: Checker): readonly string[] {
  return sources.flatMap((name) => received.get(name) ?? [])
}

/** Of a sender whose types are not known: only what is similar to one that was received. */
function nearMiss(
  { path, operator, value }: Leaf,
  types: readonly string[],
  { document }: Checker,
): Problem[] {
  // From a variable, which may have another value elsewhere.
  if (operator !== 'equal' || typeof value !== 'string' || document.scalar(path)?.text !== value) return []
  const near = value.includes('*') ? undefined : misspelt(value, types)
  if (near === undefined) return []
  return [
    warning(
      'unknown_type',
      document.file,
      document.at(path),
      neverReceived(value),
      `did you mean "${near}"?`,
    ),
  ]
}

function neverReceived(type: string): string {
  return `no event in the store has the type ${quote(type)}`
}

function typesOf(events: readonly Event[]): readonly string[] {
  return [...new Set(events.map(({ type }) => type))]
}

function checkType(
  { path, operator, value }: Leaf,
  types: readonly string[],
  { document }: Checker,
): Problem[] {
  // Text that is a condition of another language is reported as that.
  if (typeof value !== 'string' || meaningOfType(value) !== null || slipInValue(value) !== null) return []
  const test = compileValue(operator === 'equal' ? value : { [operator]: value }, [], [])
  if (types.some((type) => test(type))) return []
  const isName = operator === 'equal' && !value.includes('*')
  const message = `no event has ${isName ? 'the type' : 'a type like'} ${quote(value)}`
  return [warning('unknown_type', document.file, document.at(path), message, toName(value, types))]
}

/** How to correct a name, or to make it known. */
function toName(name: string, known: readonly string[]): string {
  const hint = meant(name, known)
  return hint.startsWith('did you mean') ? hint : `${hint}; if it is new, add an event that has it to tests`
}

function checkField(condition: Condition, events: readonly Event[], checker: Checker): Problem[] {
  const { field, path, sources } = condition
  const { document } = checker
  const found = events.flatMap((event) =>
    evaluate(field, viewOf(event)).conditions.flatMap((one) =>
      'actual' in one && one.actual !== undefined ? [one.actual] : [],
    ),
  )
  if (found.length > 0)
    return leavesOf(condition).flatMap((leaf) => checkKind(leaf, field.path, found, checker))
  // A condition that a missing field satisfies was written for missing fields.
  if (field.test(undefined)) return []
  const message = `no event of ${sources.join(' or ')} has ${field.path}`
  const hint = fetchedAs(field.path, checker) ?? toField(field.path, events)
  return [warning('unknown_field', document.file, document.keyAt(path), message, hint)]
}

/** The field of enrich that was probably meant. */
function fetchedAs(path: string, { config }: Checker): string | undefined {
  const field = path.split('.').at(-1) ?? ''
  const step = config.enrich.find(({ pick }) => pick !== undefined && Object.hasOwn(pick, field))
  return step && `did you mean enriched.${step.name}.${field}?`
}

function toField(path: string, events: readonly Event[]): string {
  const names = new Set(events.flatMap(({ payload }) => fieldsOf(payload.data, 'data')))
  return toName(path.replace(/^payload\.(?=data\.)/, ''), [...names])
}

function fieldsOf(value: unknown, path: string): string[] {
  if (!isObject(value)) return [path]
  return Object.entries(value).flatMap(([key, item]) => fieldsOf(item, `${path}.${key}`))
}

/** Text and numbers are never equal. */
function checkKind(
  { path, operator, value }: Leaf,
  name: string,
  found: readonly unknown[],
  { document }: Checker,
): Problem[] {
  const are = (kind: string) => operator === 'equal' && found.every((actual) => typeof actual === kind)
  const warn = (message: string, hint: string) => [
    warning('text_operator', document.file, document.at(path), message, hint),
  ]
  if (typeof value === 'number' && are('string'))
    return warn(`${name} is text, which no number equals`, 'put the value in quotes')
  const isNumeric = typeof value === 'string' && /^-?\d+(\.\d+)?$/.test(value)
  return isNumeric && are('number')
    ? warn(`${name} is a number, which no text equals`, 'remove the quotes')
    : []
}

function checkLifecycles(checker: Checker): Problem[] {
  const { config, document } = checker
  const events = eventsOf(Object.keys(config.sources), checker)
  if (events === null) return []
  const types = typesOf(events)
  return Object.entries(config.lifecycles ?? {}).flatMap(([name, { stages }]) =>
    stages.flatMap((stage, index) => {
      if (types.includes(stage)) return []
      const place = document.at(['lifecycles', name, 'stages', index])
      const message = `no event has the type ${quote(stage)}`
      return [warning('unknown_type', document.file, place, message, toName(stage, types))]
    }),
  )
}

function checkLinks(checker: Checker): Problem[] {
  const { config, document } = checker
  const sources = Object.keys(config.sources)
  const events = eventsOf(sources, checker)
  const received = receivedFrom(sources, checker)
  const { links } = config
  if (links === undefined) return []
  return Object.keys(links.byType).flatMap((key) => {
    const path = ['links', key]
    if (events === null) {
      const near = key.includes('*') ? undefined : misspelt(key, received)
      if (near === undefined) return []
      const hint = `did you mean "${near}"?`
      return [warning('unknown_type', document.file, document.keyAt(path), neverReceived(key), hint)]
    }
    const test = wildcard(key)
    const linked = events.filter(({ type }) => test(type))
    if (linked.length === 0 && received.some((type) => test(type))) return []
    if (linked.length === 0) {
      const message = `no event has ${key.includes('*') ? 'a type like' : 'the type'} ${quote(key)}`
      return [
        warning('unknown_type', document.file, document.keyAt(path), message, toName(key, typesOf(events))),
      ]
    }
    const missing = missingIn(links, linked)
    if (typeof missing === 'string') {
      const message = `links.${key} fails for ${typesOf(linked).join(', ')}: ${missing}`
      const hint = 'a value such as {{ data.id }} is enough'
      return [warning('wrong_link', document.file, document.at(path), message, hint)]
    }
    const [name] = missing.every((names) => names.length > 0) ? (missing[0] ?? []) : []
    if (name === undefined || !/^(?:data|payload)\./.test(name)) return []
    const message = `no event has ${name}, and so no message has this link`
    return [
      warning('unknown_field', document.file, document.textAt(path, name), message, toField(name, linked)),
    ]
  })
}

/** For each event, the variables of its link that it does not have; why the link's template fails, where it does. */
function missingIn(links: Links, events: readonly Event[]): readonly (readonly string[])[] | string {
  try {
    return events.map((event) => links.missing(viewOf(event)))
  } catch (error) {
    if (error instanceof TemplateError) return error.message
    throw error
  }
}

function checkTests({ config, document, known, received }: Checker): Problem[] {
  const [first = ''] = Object.keys(config.sources)
  return (config.tests ?? []).flatMap(({ event = {}, source = first }, index) =>
    Object.entries(event).flatMap(([key, type]) => {
      if ((key !== 'event' && key !== 'type') || typeof type !== 'string') return []
      const types = [...(known.has(source) ? cuuroTypes : []), ...(received.get(source) ?? [])]
      const near = misspelt(type, types)
      if (near === undefined) return []
      const place = document.at(['tests', index, 'event', key])
      const message = known.has(source) ? `no event has the type ${quote(type)}` : neverReceived(type)
      return [warning('unknown_type', document.file, place, message, `did you mean "${near}"?`)]
    }),
  )
}
