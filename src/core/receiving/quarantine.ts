import type { UnreadableCode } from '../event.ts'

/** Why a verified request is in quarantine. */
export type QuarantineCode = UnreadableCode | 'not_planned'

/** The problem of a request, as it is stored. */
export function problemOf(code: QuarantineCode, message: string): string {
  return `${code}: ${message}`
}

/** A stored problem in words, without its code. */
export function wordsOf(problem: string): string {
  return problem.replace(/^[a-z0-9_]+: /, '')
}

/** The code of a stored problem; any text where another version has stored it. */
export function codeOf(problem: string): string {
  return problem.split(':', 1)[0] ?? ''
}
