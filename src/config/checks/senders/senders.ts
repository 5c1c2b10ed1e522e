/** Types and fields in matches, links and tests that no event of a sender has: typing mistakes or wrong assumptions. */
import { type Event, viewOf } from '../../../core/event.ts'
import { compileValue } from '../../../core/match/condition.ts'
import { evaluate } from '../../../core/match/evaluate.ts'
import type { CompiledConfig } from '../../compiled.ts'
import { slipInValue } from '../../file/slips.ts'
import { type Problem, quote, warning } from '../../problem.ts'
import { type Condition, conditionsOf, type Leaf, leavesOf } from '../match/conditions.ts'
import { cuuroTypes, knownEvents, misspelt } from '../match/known-events.ts'
import { isType, meaningOfType } from '../match/operators.ts'
import {
  type Checker,
  eventsOf,
  neverReceived,
  type ReceivedTypes,
  receivedFrom,
  toField,
  toName,
  typesOf,
} from '../match/sent.ts'
import { checkTypeNames } from './type-names.ts'

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
    ...checkTypeNames(checker),
    ...checkTests(checker),
  ]
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

/** For a sender whose types are unknown: reports only types that are similar to one that was received. */
function nearMiss(
  { path, operator, value }: Leaf,
  types: readonly string[],
  { document }: Checker,
): Problem[] {
  // It comes from a variable, which may have another value elsewhere.
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

function checkType(
  { path, operator, value }: Leaf,
  types: readonly string[],
  { document }: Checker,
): Problem[] {
  // Text in the syntax of another language is reported separately.
  if (typeof value !== 'string' || meaningOfType(value) !== null || slipInValue(value) !== null) return []
  const test = compileValue(operator === 'equal' ? value : { [operator]: value }, [], [])
  if (types.some((type) => test(type))) return []
  const isName = operator === 'equal' && !value.includes('*')
  const message = `no event has ${isName ? 'the type' : 'a type like'} ${quote(value)}`
  return [warning('unknown_type', document.file, document.at(path), message, toName(value, types))]
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
    return warn(`${name} is text, and a number never equals text`, 'put the value in quotes')
  const isNumeric = typeof value === 'string' && /^-?\d+(\.\d+)?$/.test(value)
  return isNumeric && are('number')
    ? warn(`${name} is a number, and text never equals a number`, 'remove the quotes')
    : []
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
