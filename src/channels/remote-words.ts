import { redact, type Secret } from '../core/secret.ts'

const LONGEST_WORDS = 300

/** What a destination answered, for the history: one line, cut to 300 characters, without secrets. */
export function remoteWords(text: string, secrets: readonly Secret[]): string {
  const line = redact(text.toWellFormed(), secrets)
    .replaceAll(/[\p{Cc}\s]+/gu, ' ')
    .trim()
  return line.length <= LONGEST_WORDS ? line : `${line.slice(0, LONGEST_WORDS - 1).toWellFormed()}…`
}
