/**
 * What a reader wants to know of an event first: who it is about, how good, and a few facts. The fields of events and of
 * what is fetched for them differ from sender to sender, so they are found by their names: docs/templates.md has the rules.
 */
import type { View } from '../../event.ts'
import { isObject, type Json, type JsonObject } from '../../json/json.ts'
import { isNumber } from '../../json/number.ts'
import { isoTime, likelyTime } from '../../text/iso-time.ts'
import { withoutMarkup } from '../markup.ts'
import { factValue, labelOf, shortened, shortId, wordsOf } from './fact.ts'
import { ENVELOPE_TIMES, type Field, fieldsOf } from './field.ts'
import { isFact, isMinor } from './left-out.ts'
import { firstBy, whoOf, withNames } from './who.ts'

export interface Fact {
  readonly label: string
  readonly value: string
  /** It reads better on a line of its own. */
  readonly long: boolean
}

export interface Summary {
  /** The name of the company, of what else the event is about, or of the person. */
  readonly name: string | null
  /** What happened: the event's type in words, such as `analysis completed`. */
  readonly what: string
  /** The number that says how good it is; it is the first of the facts too. */
  readonly score: Fact | null
  readonly facts: readonly Fact[]
  /** When it happened, as far as the event or what was fetched for it says; in ISO 8601. */
  readonly time: string | null
  /** The id of the event's subject, or else of the event, short enough for a line of small print. */
  readonly id: string
}

const MOST_FACTS = 6
const LONGEST_NAME = 60
const LONGEST_SCORE = 12
const LONGEST_INLINE = 40

/** Reads the view on first use: most templates of operators use other fields. */
export function summaryOf(view: View): Summary {
  let made: ReturnType<typeof summarize> | undefined
  const summary = () => {
    made ??= summarize(view)
    return made
  }
  return {
    get name() {
      return summary().name
    },
    get what() {
      return whatOf(view.event.type)
    },
    get score() {
      return summary().score
    },
    get facts() {
      return summary().facts
    },
    get time() {
      return summary().time
    },
    get id() {
      return summary().id
    },
  }
}

function summarize(view: View): Omit<Summary, 'what'> {
  const { event } = view
  const id = event.subject ?? idOf(isObject(view.data) ? view.data : view.payload) ?? event.id
  const fields = fieldsOf(view)
  const named = whoOf(fields, event.type, id)
  const name = named === null ? null : shortened(withoutMarkup(named.text), LONGEST_NAME)
  const scored = firstBy(fields, scoreRank)
  const score = scored === undefined ? null : toFact(scoreLabel(scored), factValue(scored.value) ?? '')
  const timed = fields.find((field) => isOwnTime(field, event.type))
  const time = timeOf(timed?.value) ?? envelopeTime(view)
  const shown = [...(named?.fields ?? []), scored, timed]
  const others = fields.filter((field) => !shown.includes(field))
  const facts = factsOf(score, minorLast(others), name, (field) => isFact(field, event.type, id))
  return { name, score, facts, time, id: shortId(id) }
}

/** In lower case, without the version of its format, as in `v1.project.paused`. */
function whatOf(type: string): string {
  const words = wordsOf(type.replaceAll(/[:/]/g, '.')).filter((word) => !/^v\d+$/i.test(word))
  return words.join(' ').toLowerCase() || type
}

function idOf({ id }: JsonObject): string | null {
  return (typeof id === 'string' && id !== '') || isNumber(id) ? String(id) : null
}

const SCORES = [/^score$/, /_score$/, /^rating$/, /^grade$/]
const IN_SCORE = ['value', 'total', 'overall']

function scoreRank({ key, parent, value }: Field): number {
  const isShort = typeof value === 'string' && value.length <= LONGEST_SCORE && factValue(value) !== null
  if (!isNumber(value) && !isShort) return 0
  const name = IN_SCORE.includes(key) && parent !== '' ? parent : key
  return SCORES.findIndex((pattern) => pattern.test(name)) + 1
}

function scoreLabel({ key, written, parent }: Field): string {
  return labelOf(IN_SCORE.includes(key) && parent !== '' ? parent : written)
}

/** `completed_at`, for `analysis.completed`. */
function isOwnTime({ key, value }: Field, type: string): boolean {
  const word = wordsOf(type).at(-1)?.toLowerCase()
  return word !== undefined && key === `${word}_at` && timeOf(value) !== null
}

const CREATED = ['created_at', 'createdAt']

/** What the payload says about itself. Beside `data`, `created_at` is when the event was; else it is of a record. */
function envelopeTime({ data, payload }: View): string | null {
  const keys = isObject(data) ? [...ENVELOPE_TIMES, ...CREATED] : ENVELOPE_TIMES
  return keys.map((key) => timeOf(payload[key])).find((time) => time !== null) ?? null
}

function timeOf(value: Json | undefined): string | null {
  const time = isNumber(value) ? likelyTime(Number(value)) : isoTime(value)
  return time === null ? null : new Date(time).toISOString()
}

function toFact(label: string, value: string): Fact {
  return { label, value, long: value.length > LONGEST_INLINE }
}

function minorLast(fields: readonly Field[]): readonly Field[] {
  return [...fields.filter((field) => !isMinor(field)), ...fields.filter(isMinor)]
}

/** At most six, the score first; of two with one label the first, and none that repeats the name. */
function factsOf(
  score: Fact | null,
  fields: readonly Field[],
  name: string | null,
  isShown: (field: Field) => boolean,
): readonly Fact[] {
  const facts: Fact[] = score === null ? [] : [score]
  for (const field of fields) {
    if (facts.length === MOST_FACTS) break
    const named = withNames(field)
    if (!isShown(named)) continue
    const { key, written, parent, value } = named
    const text = factValue(value, key)
    if (text === null || text === name) continue
    const qualified = (key === 'name' || key === 'title') && parent !== '' ? `${parent}_${key}` : written
    const label = labelOf(qualified)
    if (label === '' || facts.some((fact) => fact.label.toLowerCase() === label.toLowerCase())) continue
    facts.push(toFact(label, text))
  }
  return facts
}
