import { RE2JS } from 're2js'
import { fail, type MatchPath, type MatchProblem, type ValueTest } from './problem.ts'

// A regular expression's work grows with its program times the text. Together these two keep the worst case to
// about half a second; a longer text does not match.
const LONGEST_REGEX_TEXT = 65_536
const LARGEST_REGEX_PROGRAM = 300

export function compileRegex(operand: string, path: MatchPath, problems: MatchProblem[]): ValueTest {
  let regex: RE2JS
  try {
    regex = RE2JS.compile(operand)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    return fail(
      problems,
      path,
      `not a valid RE2 regular expression: ${reason.replace(/^error parsing regexp: /, '')}`,
    )
  }
  const size = regex.programSize()
  if (size > LARGEST_REGEX_PROGRAM) {
    const message = `the regular expression is too large (${size} steps, at most ${LARGEST_REGEX_PROGRAM})`
    return fail(problems, path, message, 'use smaller repetitions')
  }
  return (value) => typeof value === 'string' && value.length <= LONGEST_REGEX_TEXT && regex.testExact(value)
}
