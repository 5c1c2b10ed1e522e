import { SAMPLE_ID, type Simulation, simulate } from '../../config/checks/tests/simulate.ts'
import type { CompiledConfig } from '../../config/compiled.ts'
import { meant, quote } from '../../config/problem.ts'
import type { Event } from '../../core/event.ts'
import { describe } from '../../core/match/describe.ts'
import type { Condition } from '../../core/match/evaluate.ts'
import { plan, plannedJson, routingView } from '../../core/routing/plan.ts'
import type { Visit } from '../../core/routing/route.ts'
import { load } from '../config/load.ts'
import { type Define, duration } from '../context.ts'
import { type Conversations, conversationsOf, decisionJson } from '../conversations.ts'
import { type EventInputFlags, readEventInput, takesEvent } from '../event-input.ts'
import { hanging } from '../history/describe.ts'
import {
  CommandError,
  colour,
  print,
  printable,
  printJson,
  type Terminal,
  textWidth,
  wrap,
} from '../terminal/terminal.ts'
import { withStore } from '../with-store.ts'
import { showDeliveries } from './explain-deliveries.ts'
import { explainHistory } from './explain-history.ts'
import { fetchFor, missingField } from './fetch.ts'
import { type Branch, drawTree, type Remark } from './route-tree.ts'
import { readTime } from './time.ts'

interface ExplainFlags extends EventInputFlags {
  readonly verify?: string
  readonly since?: number
  readonly fetch?: boolean
  readonly at?: string
  readonly json?: boolean
}

export const defineExplain: Define = (command, context) => {
  takesEvent(command)
    .option('--verify <receivers>', 'exit 1 unless exactly these receivers get the event (a,b; "" for none)')
    .option(
      '--since <duration>',
      'show what this configuration would change for the events stored in this period, such as 7d',
      duration,
    )
    .option(
      '--at <time>',
      'explain it at this time, such as 2026-12-24T18:00 in `time_zone`, or 2026-12-24T17:00Z (default: now)',
    )
    .option('--fetch', 'send the requests of `enrich`, and show the responses')
    .option('--json', 'print JSON')
    .action(async (named: string | undefined, flags: ExplainFlags) => {
      const compiled = load(context)
      if (flags.since !== undefined) {
        const { type, data, source, enriched, verify, at } = flags
        if ([named, type, data, source, enriched, verify, at].some((given) => given !== undefined))
          throw new CommandError('--since looks at all stored events; only --json can be combined with it', 2)
        const { since } = flags
        await withStore(context, (store) =>
          explainHistory(context.terminal, compiled, store, since, flags.json === true),
        )
        return
      }
      const given = await readEventInput(context, compiled, named, flags)
      const event = flags.fetch
        ? await fetchFor(context.terminal, compiled, given, flags.json === true)
        : given
      const at = readTime(compiled, '--at', flags.at)
      const { deliveries } = plan(compiled, event)
      const conversations = await conversationsOf(context, compiled, event, deliveries)
      const simulation = simulate(compiled, event, { lifecycle: conversations.view, at })
      if (flags.json) printJson(context.terminal, asJson(compiled, event, simulation, conversations))
      else {
        show(context.terminal, compiled, event, simulation, conversations)
        if (event.id === SAMPLE_ID && !flags.fetch) hintAtEnrichment(context.terminal, compiled, event)
      }
      if (flags.verify !== undefined) verify(flags.verify, simulation, [...compiled.destinations.keys()])
    })
}

function verify(wanted: string, { receivers }: Simulation, known: readonly string[]): void {
  const names = wanted
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '')
  const unknown = names.find((name) => !known.includes(name))
  if (unknown !== undefined)
    throw new CommandError(`there is no receiver ${quote(unknown)}; ${meant(unknown, known)}`, 2)
  const missing = names.filter((name) => !receivers.includes(name))
  const more = receivers.filter((name) => !names.includes(name))
  if (missing.length + more.length === 0) return
  const parts = [
    ...(missing.length > 0 ? [`it should go to ${missing.join(', ')}, but does not`] : []),
    ...(more.length > 0 ? [`it should not go to ${more.join(', ')}, but does`] : []),
  ]
  throw new CommandError(parts.join('; '))
}

function show(
  terminal: Terminal,
  compiled: CompiledConfig,
  event: Event,
  simulation: Simulation,
  conversations: Conversations,
): void {
  const { type, source, id } = event
  print(terminal, `${colour(terminal, 'bold', printable(type))} from ${source} (${id})\n`)
  const visits = compiled.router.visits(routingView(compiled, event))
  print(terminal, drawTree(terminal, toBranches(visits)).join('\n'))
  const untried = compiled.router.routes.filter(
    ({ taken }) => !visits.some(({ path }) => path === taken.path),
  )
  if (untried.length > 0) {
    const names = printable(untried.map(({ taken }) => taken.route).join(', '))
    for (const line of wrap(
      `not tried, because an earlier route took the event: ${names}`,
      textWidth(terminal),
      true,
    )) {
      print(terminal, colour(terminal, 'dim', line))
    }
  }
  if (simulation.unrouted)
    print(terminal, colour(terminal, 'yellow', '\nNo route takes it: it is stored and counted as unrouted.'))
  showDeliveries(terminal, simulation, conversations, compiled)
}

/** Each visit has a depth; deeper ones that follow it are its children. */
function toBranches(visits: readonly Visit[], depth = 0): Branch[] {
  return visits.flatMap((visit, index) => {
    if (visit.depth !== depth) return []
    const rest = visits.slice(index + 1)
    const end = rest.findIndex((other) => other.depth <= depth)
    const below = end === -1 ? rest : rest.slice(0, end)
    return [
      {
        title: `${visit.result === 'no_match' ? '✗' : '✓'} ${visit.route}`,
        remarks: [...conditionRemarks(visit.conditions), ...resultRemarks(visit)],
        branches: toBranches(below, depth + 1),
      },
    ]
  })
}

function conditionRemarks(conditions: readonly Condition[], level = 0): Remark[] {
  return conditions.flatMap((condition) => {
    const key = condition.held ? '✓' : '✗'
    const indent = '· '.repeat(level)
    if (condition.kind === 'field') {
      const found = condition.actual === undefined ? 'it is missing' : `it is ${shortly(condition.actual)}`
      return [
        {
          key,
          text: `${indent}${describe(condition)}${condition.held ? '' : `, but ${found}`}`,
          faint: condition.held,
        },
      ]
    }
    const words = { any: 'any of', all: 'all of', not: 'not' }[condition.kind]
    return [
      { key, text: `${indent}${words}`, faint: condition.held },
      ...conditionRemarks(condition.conditions, level + 1),
    ]
  })
}

const LONGEST_VALUE = 120

function shortly(value: unknown): string {
  const text = JSON.stringify(value)
  return text.length > LONGEST_VALUE ? `${text.slice(0, LONGEST_VALUE)}…` : text
}

function resultRemarks({ result, continued, receivers }: Visit): Remark[] {
  if (result === 'no_match') return []
  const went = continued ? '; then the next route is tried' : ''
  if (result === 'child_took') return [{ key: '→', text: `taken by a route below${went}` }]
  const to = receivers.length === 0 ? 'no one: the route has no receivers' : receivers.join(', ')
  return [{ key: '→', text: `${to}${went}` }]
}

function hintAtEnrichment(terminal: Terminal, compiled: CompiledConfig, event: Event): void {
  const field = missingField(compiled, event)
  if (field === null) return
  const hint = `explain fetches nothing by itself: give values, such as --enriched ${field}:=VALUE (= for text), or use --fetch`
  for (const line of hanging(terminal, '', printable(hint), '  '))
    print(terminal, colour(terminal, 'yellow', line))
}

function asJson(
  compiled: CompiledConfig,
  event: Event,
  { unrouted, receivers, messages, skipped }: Simulation,
  { decisionOf }: Conversations,
) {
  const { id, type, source, payload, enriched } = event
  return {
    event: { id, type, source, payload, enriched },
    visits: compiled.router
      .visits(routingView(compiled, event))
      .map(({ muting: _muting, ...visit }) => visit),
    unrouted,
    receivers,
    deliveries: [
      ...messages.map(({ delivery, rendered, text }) => ({
        ...plannedJson(delivery),
        follow_up: decisionJson(decisionOf(delivery)),
        fallback: compiled.fallbacks.get(delivery.receiver)?.receiver ?? null,
        ...(rendered.ok ? { rendered_with: rendered.template, text } : { problem: rendered.reason }),
        notes: rendered.notes,
      })),
      ...skipped.map(plannedJson),
    ],
  }
}
