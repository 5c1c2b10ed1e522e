/** Things that are measured against each other take turns in small slices, so that what the machine does meanwhile hits all. */
import { median } from './load.ts'

export interface Turns<T> {
  readonly of: T
  /** One measurement a turn. */
  readonly values: readonly number[]
}

/** Lets each be measured in so many turns, every second turn in reverse. */
export async function takeTurns<T>(
  all: readonly T[],
  turns: number,
  measure: (one: T) => Promise<number>,
): Promise<readonly Turns<T>[]> {
  const measured = all.map((of) => ({ of, values: [] as number[] }))
  for (let turn = 0; turn < turns; turn++) {
    const order = turn % 2 === 0 ? measured : measured.toReversed()
    for (const { of, values } of order) values.push(await measure(of))
  }
  return measured
}

/** The median of the ratios of each turn. */
export function ratioOf(values: readonly number[], base: readonly number[]): number {
  return median(values.map((value, turn) => value / (base[turn] ?? Number.NaN)))
}
