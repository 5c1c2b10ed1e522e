/** A condition on a field's value, in a form that can be compared with another one without an event. */
import { equals } from './equals.ts'
import { literals, wildcard } from './wildcard.ts'

export type Predicate =
  | { readonly kind: 'equal'; readonly value: unknown }
  | { readonly kind: 'wildcard'; readonly pattern: string }
  /** The field exists, with any value. */
  | { readonly kind: 'present' }

export function equalTo(value: unknown): Predicate {
  return { kind: 'equal', value }
}

/** Text with `*` is a pattern. */
export function predicateOf(scalar: unknown): Predicate {
  return typeof scalar === 'string' && scalar.includes('*')
    ? { kind: 'wildcard', pattern: scalar }
    : equalTo(scalar)
}

export function startsWith(text: string): Predicate {
  // Trailing backslashes now precede a star, where each is written twice.
  return { kind: 'wildcard', pattern: `${escaped(text).replace(/(?<!\\)\\+$/, '$&$&')}*` }
}

export function endsWith(text: string): Predicate {
  return { kind: 'wildcard', pattern: `*${escaped(text)}` }
}

/** A pattern that matches only this text. */
function escaped(text: string): string {
  return text.replace(/(?<!\\)(\\*)\*/g, '$1$1\\*')
}

/** Whether an existing value satisfies it. */
export function holds(predicate: Predicate, value: unknown): boolean {
  switch (predicate.kind) {
    case 'equal':
      return equals(predicate.value)(value)
    case 'wildcard':
      return typeof value === 'string' && wildcard(predicate.pattern)(value)
    case 'present':
      return true
  }
}

/** Whether every text satisfies it. */
export function holdsForText(predicate: Predicate): boolean {
  return predicate.kind === 'present' || (predicate.kind === 'wildcard' && /^\*+$/.test(predicate.pattern))
}

/** The beginning that all texts satisfying it share; empty if unknown. It starts with that of any predicate it implies. */
export function beginningOf(predicate: Predicate): string {
  if (predicate.kind === 'wildcard') return literals(predicate.pattern)[0] ?? ''
  return predicate.kind === 'equal' && typeof predicate.value === 'string' ? predicate.value : ''
}

// A character that no pattern has.
const STAR = '\u{10FFFF}'

/** Whether `other` holds for every value for which `one` does. False if that is not known. */
export function implies(one: Predicate, other: Predicate): boolean {
  if (other.kind === 'present') return true
  if (one.kind === 'equal') return holds(other, one.value)
  if (one.kind !== 'wildcard' || other.kind !== 'wildcard' || other.pattern.includes(STAR)) return false
  // Only a star of the other pattern can match this character, which stands for any text.
  return wildcard(other.pattern)(literals(one.pattern).join(STAR))
}

/** Whether no value satisfies both. False if that is not known. */
export function excludes(one: Predicate, other: Predicate): boolean {
  if (one.kind === 'equal') return !holds(other, one.value)
  if (other.kind === 'equal') return !holds(one, other.value)
  if (one.kind === 'present' || other.kind === 'present') return false
  const [first, second] = [literals(one.pattern), literals(other.pattern)]
  const [start = '', otherStart = ''] = [first[0], second[0]]
  const [end = '', otherEnd = ''] = [first.at(-1), second.at(-1)]
  return (
    !(start.startsWith(otherStart) || otherStart.startsWith(start)) ||
    !(end.endsWith(otherEnd) || otherEnd.endsWith(end))
  )
}
