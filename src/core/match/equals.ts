import { compareNumbers, isNumber } from '../json/number.ts'

/** A test for one scalar, in type and value: numbers as they were written, exactly. */
export function equals(wanted: unknown): (value: unknown) => boolean {
  if (!isNumber(wanted)) return (value) => value === wanted
  return (value) => isNumber(value) && compareNumbers(value, wanted) === 0
}
