/** Groups attempts that ended in the same way. */
import type { Attempt } from '../../store/store.ts'

export interface Attempts extends Pick<Attempt, 'outcome' | 'notes' | 'step'> {
  /** Ascending. */
  readonly numbers: readonly number[]
  /** When the first and the last started. */
  readonly from: number
  readonly to: number
  /** Of the first. */
  readonly durationMs: number
}

/** In the order of their first attempts. Parts of an outcome that are not shown make no difference. */
export function foldAttempts(history: readonly Attempt[]): readonly Attempts[] {
  const folded = new Map<string, Attempts>()
  for (const { number, startedAt, durationMs, outcome, notes, step } of history) {
    const key = JSON.stringify([outcome.kind, wordsOf(outcome), notes, step])
    const before = folded.get(key)
    folded.set(
      key,
      before === undefined
        ? {
            numbers: [number],
            from: startedAt,
            to: startedAt,
            durationMs,
            outcome,
            notes,
            ...(step && { step }),
          }
        : { ...before, numbers: [...before.numbers, number], to: startedAt },
    )
  }
  return [...folded.values()]
}

export function wordsOf(outcome: Attempt['outcome']): string {
  return outcome.kind === 'sent' ? Object.values(outcome.reference).join(' · ') : outcome.reason
}

const MOST_RANGES = 5

/** `attempt 3`, `attempts 1-4, 6`, or `55 of the attempts 1-109`. */
export function nameAttempts(numbers: readonly number[]): string {
  const ranges: [first: number, last: number][] = []
  for (const number of numbers) {
    const range = ranges.at(-1)
    if (range !== undefined && range[1] === number - 1) range[1] = number
    else ranges.push([number, number])
  }
  if (ranges.length > MOST_RANGES) return `${numbers.length} of the attempts ${numbers[0]}-${numbers.at(-1)}`
  const words = ranges.map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`))
  return `${numbers.length === 1 ? 'attempt' : 'attempts'} ${words.join(', ')}`
}
