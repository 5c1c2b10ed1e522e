/** What compiling a match gives: tests of values, and mistakes. */
/** Decides about one field's value; a missing field is undefined. */
export type ValueTest = (value: unknown) => boolean

export type MatchPath = readonly (string | number)[]

/** A mistake in a match. */
export interface MatchProblem {
  /** Within the match. */
  readonly path: MatchPath
  readonly message: string
  /** How to fix it; empty if the message is enough. */
  readonly hint: string
}

/** Adds a problem, and returns a test that never holds. */
export function fail(problems: MatchProblem[], path: MatchPath, message: string, hint = ''): ValueTest {
  problems.push({ path, message, hint })
  return () => false
}
