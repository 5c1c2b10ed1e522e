/** Who or what an event is about, found by the names of its fields: docs/templates.md has the rules. */
import { isList, isObject } from '../../json/json.ts'
import { factValue, wordsOf } from './fact.ts'
import { type Field, fieldsIn } from './field.ts'
import { isId } from './left-out.ts'

/** The name, and the fields that it is made of. */
interface Who {
  readonly text: string
  readonly fields: readonly Field[]
}

// `company`, `target_company`, `company_name`, or `name` in a mapping or a step called `company`.
const COMPANY = /(?:^|_)(?:company|startup|organi[sz]ation)(?:_name)?$/
// A mapping that only wraps the answer: its fields count as if they were beside it.
const WRAPPERS = ['data', 'attributes', 'result', 'item']
// Those whom events are about. Not an owner or an author, who has only to do with it.
const PERSON = /(?:^|_)(?:customer|contact|subscriber|member|user)(?:_(?:data|details|identity|info))?$/
const PERSON_NAME = /^(?:customer|contact|subscriber|member|user)_name$/
const PERSON_EMAIL = /^(?:(?:customer|contact|subscriber|member|user)_)?email(?:_address)?$/
const NAMES = ['name', 'display_name', 'full_name']
const FIRST_NAMES = ['first_name', 'given_name']
const LAST_NAMES = ['last_name', 'family_name']

// A fact shows no more.
const MOST_NAMES = 100

/** Null where no field says it. `id`: of the event's subject, which is no name. */
export function whoOf(fields: readonly Field[], type: string, id: string): Who | null {
  const words = `_${wordsOf(type).join('_').toLowerCase()}_`
  const best = firstBy(fields, (field) => {
    const { value } = field
    if (typeof value !== 'string' || factValue(value) === null || isId(value, id)) return 0
    return rankOf(field, words)
  })
  if (best === undefined) return null
  const text = String(best.value)
  const last = FIRST_NAMES.includes(best.key) ? fields.find((field) => isLastName(field, best)) : undefined
  return last === undefined
    ? { text, fields: [best] }
    : { text: `${text} ${last.value}`, fields: [best, last] }
}

/** Of a list of mappings, the name or the address of each; any other value, or a list in which one has neither, as it is. */
export function withNames(field: Field): Field {
  const { value } = field
  if (!isList(value) || !value.every(isObject)) return field
  const names: string[] = []
  for (const item of value.slice(0, MOST_NAMES)) {
    const who = whoOf(fieldsIn(item), '', '')
    if (who === null) return field
    names.push(who.text)
  }
  return { ...field, value: names }
}

/** Counted from 1; 0 is none. `type`: its words, with `_` before and after each. */
function rankOf({ key, parent, depth }: Field, type: string): number {
  if (COMPANY.test(key) || (key === 'name' && COMPANY.test(parent))) return 1
  const isOwn = depth === 1 || WRAPPERS.includes(parent) || type.includes(`_${parent}_`)
  if (isOwn && NAMES.includes(key)) return 2
  // The subject of a mail or a ticket is its title.
  if (isOwn && (key === 'title' || key === 'subject')) return 3
  const isPerson = isOwn || PERSON.test(parent)
  if (isPerson && FIRST_NAMES.includes(key)) return 4
  if (isPerson && (NAMES.includes(key) || PERSON_NAME.test(key) || key === 'username')) return 5
  return isPerson && PERSON_EMAIL.test(key) ? 6 : 0
}

function isLastName({ key, parent, depth, value }: Field, first: Field): boolean {
  const isBeside = parent === first.parent && depth === first.depth
  return isBeside && LAST_NAMES.includes(key) && typeof value === 'string' && value.trim() !== ''
}

/** The field of the lowest rank, of several the first; ranks are counted from 1, and 0 is none. */
export function firstBy(fields: readonly Field[], rankOf: (field: Field) => number): Field | undefined {
  let best: { readonly field: Field; readonly rank: number } | undefined
  for (const field of fields) {
    const rank = rankOf(field)
    if (rank > 0 && (best === undefined || rank < best.rank)) best = { field, rank }
  }
  return best?.field
}
