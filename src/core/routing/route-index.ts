/**
 * Finds the few siblings among many routes that can take an event, so that an event costs about as much with a thousand
 * routes as with ten. It leaves out only what an equality rules out: `type: analysis.completed`, `data.fund: [a, b]`.
 */
import type { View } from '../event.ts'
import { isObject } from '../json/json.ts'
import { lookUp } from '../match/evaluate.ts'
import type { FieldMatch, Match } from '../match/match.ts'

/** The positions of the siblings that can match an event, ascending; a sibling that matches is always among them. */
export type Candidates = (view: View) => readonly number[]

interface FieldIndex {
  readonly keys: FieldMatch['keys']
  /** By the text that the field must be. */
  readonly positions: Map<string, number[]>
}

/** A condition that holds for every event that the match takes: the field is one of these texts. */
interface Equality {
  readonly field: FieldMatch
  readonly texts: readonly string[]
}

/** Indexes the matches of siblings, null for one that matches everything, each by its most selective equality. */
export function indexMatches(matches: readonly (Match | null)[]): Candidates {
  const equalities = matches.map((match) => (match === null ? [] : equalitiesOf(match)))
  const uses = countUses(equalities.flat())
  const fields = new Map<string, FieldIndex>()
  const unindexed: number[] = []
  for (const [position, candidates] of equalities.entries()) {
    const chosen = mostSelective(candidates, uses)
    if (chosen === undefined) unindexed.push(position)
    else add(fields, chosen, position)
  }
  const indexes = [...fields.values()]
  return (view) => {
    const found: (readonly number[])[] = unindexed.length > 0 ? [unindexed] : []
    for (const { keys, positions } of indexes) {
      const value = lookUp(view, keys)
      const here = typeof value === 'string' ? positions.get(value) : undefined
      if (here !== undefined) found.push(here)
    }
    const [only = []] = found
    return found.length <= 1 ? only : found.flat().sort((one, other) => one - other)
  }
}

function equalitiesOf(match: Match): Equality[] {
  if (match.kind === 'all') return match.parts.flatMap(equalitiesOf)
  if (match.kind !== 'field') return []
  const texts = textsOf(match.wanted)
  return texts === null ? [] : [{ field: match, texts }]
}

/** All texts that a field may be; null if it may be something else. */
function textsOf(wanted: unknown): readonly string[] | null {
  if (typeof wanted === 'string') return wanted.includes('*') ? null : [wanted]
  if (Array.isArray(wanted)) {
    const texts = wanted.map(textsOf)
    return texts.some((text) => text === null) ? null : [...new Set(texts.flatMap((text) => text ?? []))]
  }
  return isObject(wanted) && Array.isArray(wanted.in) ? textsOf(wanted.in) : null
}

/** How many siblings require each text of each field. */
function countUses(equalities: readonly Equality[]): ReadonlyMap<string, number> {
  const uses = new Map<string, number>()
  for (const { field, texts } of equalities) {
    for (const text of texts) {
      const use = useOf(field, text)
      uses.set(use, (uses.get(use) ?? 0) + 1)
    }
  }
  return uses
}

function useOf(field: FieldMatch, text: string): string {
  return JSON.stringify([field.path, text])
}

/** The one whose texts the fewest siblings require. */
function mostSelective(
  candidates: readonly Equality[],
  uses: ReadonlyMap<string, number>,
): Equality | undefined {
  const cost = ({ field, texts }: Equality) =>
    texts.reduce((sum, text) => sum + (uses.get(useOf(field, text)) ?? 0), 0)
  return candidates.toSorted((one, other) => cost(one) - cost(other))[0]
}

function add(fields: Map<string, FieldIndex>, { field, texts }: Equality, position: number): void {
  const index: FieldIndex = fields.get(field.path) ?? { keys: field.keys, positions: new Map() }
  fields.set(field.path, index)
  for (const text of texts) {
    const positions = index.positions.get(text)
    if (positions === undefined) index.positions.set(text, [position])
    else positions.push(position)
  }
}
