/** What the steps of enrich might fetch for an event that no sender has sent, so that its message can be looked at. */
import { type Event, enrichedOf } from '../event.ts'
import { isObject, type JsonObject, ownProperty } from '../json/json.ts'
import { afterTry, nextStep, notAsked, notBegun, type Progress } from './progress.ts'
import type { Step } from './step.ts'

export interface Sample {
  readonly enriched: JsonObject
  /** The fields that were made up: `analysis.score`. */
  readonly madeUp: readonly string[]
}

/** Values by the names of `pick`, for the steps that match; `given` takes precedence. */
export function sampleEnrichment(steps: readonly Step[], event: Event, given: JsonObject): Sample {
  const madeUp: string[] = []
  let progress: Progress = { ...notBegun, enriched: given }
  for (
    let next = nextStep(steps, event, progress);
    next.kind === 'ask';
    next = nextStep(steps, event, progress)
  ) {
    const { step, request } = next
    const own = ownProperty(given, step.name)
    if (step.pick === undefined || !request.ok || (own !== undefined && !isObject(own))) {
      progress = notAsked(step, progress, '', 0)
      continue
    }
    const names = Object.keys(step.pick).filter((name) => own === undefined || !Object.hasOwn(own, name))
    madeUp.push(...names.map((name) => `${step.name}.${name}`))
    const made = Object.fromEntries(names.map((name) => [name, sampleValue(name, step.name)]))
    const value = enrichedOf(JSON.stringify({ ...made, ...own }))
    progress = afterTry(step, progress, { kind: 'picked', value, fields: names }, ONCE).progress
  }
  return { enriched: progress.enriched, madeUp }
}

const ONCE = { receivedAt: 0, startedAt: 0, now: 0, random: 0 }

// The first pattern that the name of a field matches decides. Each value is of the kind that such a field has.
const SAMPLES: readonly (readonly [RegExp, string | number | boolean | readonly string[]])[] = [
  [/(?:^|_)(?:id|uuid)$/i, '0191e29a-1644-7972-9466-18ada4a3636e'],
  [/^(?:created|started|submitted|requested)_?at$/i, '2026-11-23T11:48:00.000Z'],
  [/(?:^|_)(?:at|date|time)$|[a-z]At$/, '2026-11-23T12:00:00.000Z'],
  [/score|rating|grade|percent/i, 87],
  [/^(?:is|has)_/i, true],
  [/count|number|size|employees|amount|total|value|price|revenue/i, 42],
  [/tags|labels|list|industries|categories/i, ['first', 'second']],
  [/ur[il]$|link|website|homepage/i, 'https://www.example.com/'],
  [/e?mail$/i, 'someone@example.com'],
  [/city|location|place/i, 'Berlin'],
  [/country/i, 'Germany'],
  [/stage|round/i, 'Seed'],
  [/company|startup|organi[sz]ation/i, 'Acme Robotics'],
]

function sampleValue(field: string, step: string) {
  const found = SAMPLES.find(([pattern]) => pattern.test(field))
  if (found !== undefined) return found[1]
  if (/^(?:name|title|display_name)$/i.test(field)) return 'Acme Robotics'
  return `${field.replaceAll(/[_-]+/g, ' ')} of the ${step}`
}
