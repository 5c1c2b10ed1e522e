/** `explain --fetch`: what the API of each step answers, with the JSON pointer of each value. */
import type { CompiledConfig } from '../../config/compiled.ts'
import { packageVersion } from '../../config/package.ts'
import { type Event, viewOf } from '../../core/event.ts'
import { type Condition, matches } from '../../core/match/evaluate.ts'
import { routingView } from '../../core/routing/plan.ts'
import { redact } from '../../core/secret.ts'
import { type AskedStep, askAll, pointersOf } from '../../enrich/ask.ts'
import { proxiesOf } from '../context.ts'
import { colour, print, printable, type Terminal } from '../terminal/terminal.ts'

/** The event with what was fetched for it. */
export async function fetchFor(
  terminal: Terminal,
  { config, secrets }: CompiledConfig,
  event: Event,
  quiet: boolean,
): Promise<Event> {
  const { steps, enriched } = await askAll(config.enrich, event, {
    proxies: proxiesOf(terminal),
    userAgent: `hookbridge/${packageVersion()}`,
    now: Date.now,
    clock: () => performance.now(),
  })
  if (!quiet) {
    const lines =
      steps.length === 0
        ? ['no step of enrich matches this event']
        : steps.flatMap((one) => linesOf(terminal, one))
    // An API may echo the key.
    for (const line of lines) print(terminal, redact(line, secrets))
    print(terminal, '')
  }
  return { ...event, enriched: { ...event.enriched, ...enriched } }
}

/** A field that a step would fetch for this event, and whose absence kept a route from matching; null if there is none. */
export function missingField(compiled: CompiledConfig, event: Event): string | null {
  const view = viewOf(event)
  const asked = compiled.config.enrich
    .filter(({ match }) => match === undefined || matches(match, view))
    .map(({ name }) => name)
  const missing = (conditions: readonly Condition[]): string[] =>
    conditions.flatMap((one) => {
      if (one.kind !== 'field') return missing(one.conditions)
      return one.actual === undefined && one.path.startsWith(ENRICHED)
        ? [one.path.slice(ENRICHED.length)]
        : []
    })
  const fields = compiled.router
    .visits(routingView(compiled, event))
    .flatMap(({ result, conditions }) => (result === 'no_match' ? missing(conditions) : []))
  return fields.find((field) => asked.some((name) => field === name || field.startsWith(`${name}.`))) ?? null
}

const ENRICHED = 'enriched.'

const LONGEST_VALUE = 80

function linesOf(terminal: Terminal, { step, verdict, answer, durationMs }: AskedStep): string[] {
  const status =
    answer?.kind === 'answer' ? `HTTP ${answer.status} in ${Math.round(durationMs)} ms` : 'no answer'
  const head = `${colour(terminal, 'bold', step.name)}  ${printable(step.host)}: ${status}`
  const problem =
    verdict.kind === 'picked' ? [] : [colour(terminal, 'yellow', `  ${printable(verdict.reason)}`)]
  const body = answer?.kind === 'answer' ? answer.body : undefined
  if (body === undefined) return [head, ...problem]
  const picked = Object.entries(step.pick ?? {})
  const values = pointersOf(body).map(([pointer, value]) => {
    const text = JSON.stringify(value)
    const shown = text.length > LONGEST_VALUE ? `${text.slice(0, LONGEST_VALUE)}…` : text
    const names = picked
      .filter(([, wanted]) => wanted === pointer)
      .map(([name]) => `enriched.${step.name}.${name}`)
    return printable(`  ${pointer}  ${shown}${names.length === 0 ? '' : `  -> ${names.join(', ')}`}`)
  })
  return [head, ...problem, ...values]
}
