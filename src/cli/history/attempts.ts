/** Groups consecutive attempts that ended in the same way. */
import { isDeepStrictEqual } from 'node:util'
import type { Attempt } from '../../store/store.ts'

/** Attempts `first` to `last`; the duration is that of the first. */
export interface Attempts extends Pick<Attempt, 'durationMs' | 'outcome' | 'notes'> {
  readonly first: number
  readonly last: number
  /** When the first and the last started. */
  readonly from: number
  readonly to: number
}

export function foldAttempts(history: readonly Attempt[]): readonly Attempts[] {
  const folded: Attempts[] = []
  for (const { number, startedAt, durationMs, outcome, notes } of history) {
    const before = folded.at(-1)
    const isSame =
      before !== undefined &&
      isDeepStrictEqual(before.outcome, outcome) &&
      isDeepStrictEqual(before.notes, notes)
    if (isSame) folded[folded.length - 1] = { ...before, last: number, to: startedAt }
    else
      folded.push({ first: number, last: number, from: startedAt, to: startedAt, durationMs, outcome, notes })
  }
  return folded
}
