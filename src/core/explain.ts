import type { Condition } from './match.ts'
import type { Routing, Visit } from './route.ts'

const LONGEST_VALUE = 100

/** Why an event went where it went: a tree of the routes that were tried, one line a route or condition. */
export function formatExplanation(routing: Routing): string {
  const lines = routing.visits.flatMap((visit) => [
    routeLine(visit),
    ...conditionLines(visit.conditions, visit.depth + 1),
  ])
  if (routing.unrouted) lines.push(unroutedLine(routing))
  return lines.join('\n')
}

function routeLine(visit: Visit): string {
  const name = visit.route === visit.path ? visit.path : `${printable(visit.route)} (${visit.path})`
  return `${indent(visit.depth)}${mark(visit.result !== 'no_match')} ${name}: ${resultWords(visit)}`
}

function resultWords(visit: Visit): string {
  if (visit.result === 'no_match') return 'did not match'
  const words =
    visit.result === 'took' ? `took it, for ${receiverList(visit.receivers)}` : 'a route below took it'
  return visit.continued ? `${words}, and went on (continue)` : words
}

function unroutedLine(routing: Routing): string {
  const receivers = routing.matches.flatMap((match) => match.receivers)
  if (receivers.length === 0) return '✗ no route takes this event, and unrouted has no receivers'
  return `✗ no route takes this event: it goes to unrouted, for ${receiverList(receivers)}`
}

function receiverList(receivers: readonly string[]): string {
  return receivers.length === 0 ? 'no receiver' : receivers.map(printable).join(', ')
}

function conditionLines(conditions: readonly Condition[], depth: number): string[] {
  return conditions.flatMap((condition) => {
    const start = `${indent(depth)}${mark(condition.held)} `
    if (condition.kind !== 'field') {
      return [`${start}${condition.kind}`, ...conditionLines(condition.conditions, depth + 1)]
    }
    const actual = condition.actual === undefined ? 'it is missing' : `it is ${show(condition.actual)}`
    return [`${start}${printable(condition.path)} must be ${show(condition.wanted)}: ${actual}`]
  })
}

function show(value: unknown): string {
  const text = printable(JSON.stringify(value))
  return text.length > LONGEST_VALUE ? `${text.slice(0, LONGEST_VALUE)}…` : text
}

/** Characters that would steer a terminal, or turn its text around, are written as escapes. */
function printable(text: string): string {
  return text.replace(
    /[\p{Cc}\p{Cf}\u2028\u2029]/gu,
    (character) => `\\u${character.codePointAt(0)?.toString(16).padStart(4, '0')}`,
  )
}

function indent(depth: number): string {
  return '  '.repeat(depth)
}

function mark(good: boolean): string {
  return good ? '✓' : '✗'
}
