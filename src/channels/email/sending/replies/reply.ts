/** A mail server's refusal, taken apart: RFC 5321, 4.2, and RFC 3463. Pure. */
import { withoutEchoes } from './echoes.ts'

/** Where in the dialogue it came: `data` is the command, `message` the answer to the final dot. */
export type Step = 'greeting' | 'hello' | 'starttls' | 'auth' | 'mail' | 'rcpt' | 'data' | 'message'

export interface Reply {
  readonly code: number
  /** The enhanced status code, as `5.7.26`; null if there is none. */
  readonly enhanced: string | null
  /** The same without its class: `7.26`. */
  readonly status: string | null
  /**
   * Only if both codes say so, if there are two: a mail that is given up by mistake is lost, while one that is retried by
   * mistake only costs some attempts.
   */
  readonly permanent: boolean
  /** Without codes, on one line. */
  readonly text: string
  /** The same without what it repeats of the client: only the words that say why. */
  readonly words: string
}

/** The server only closes the connection. */
export const SERVICE_CLOSING = 421

const LINE = /^(\d{3})(?:[ -]|$)(?:#?([245])\.(\d{1,3})\.(\d{1,3})(?=\D|$))?/
/** More would add nothing, and the server must not decide how long it takes to read a reply. */
const LONGEST_TEXT = 4_000

/** Null if the text is not a refusal (4yz, 5yz). `names`: full host names that it may repeat. */
export function parseReply(response: string, names: readonly string[] = []): Reply | null {
  const lines = response.slice(0, LONGEST_TEXT).split(/\r?\n/)
  const matches = lines.map((line) => LINE.exec(line))
  const code = Number(matches[0]?.[1] ?? 0)
  if (code < 400 || code >= 600) return null
  const texts = lines.map((line, index) => line.slice(matches[index]?.[0].length ?? 0).trim())
  const text = texts.join(' ').trim()
  const [, , statusClass, subject, detail] =
    matches.find((match) => match?.[2] === '4' || match?.[2] === '5') ?? []
  const basic = { code, permanent: code >= 500, text, words: withoutEchoes(text, names) }
  if (statusClass === undefined) return { ...basic, enhanced: null, status: null }
  const status = `${Number(subject)}.${Number(detail)}`
  const permanent = basic.permanent && statusClass === '5'
  return { ...basic, permanent, enhanced: `${statusClass}.${status}`, status }
}

/** As one line, with each code once, so that a reply of many lines is readable. */
export function replyWords({ code, enhanced, text }: Reply): string {
  return [String(code), enhanced, text].filter((part) => part !== null && part !== '').join(' ')
}
