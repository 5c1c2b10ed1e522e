/** LiquidJS's words for a mistake, with the tag that has it and with what was probably meant. */
import type { Token } from 'liquidjs'

const LONGEST_TAG = 60
// Words that do not quote what they are about.
const VAGUE = /^(?:expected |invalid )/

const slips: readonly (readonly [RegExp, string])[] = [
  [/^\{%.*&&/s, 'write "and" in place of &&'],
  [/^\{%.*\|\|/s, 'write "or" in place of ||'],
  [/^\{\{.*\|\|/s, 'write | default: in place of ||'],
  [/^\{%-?\s*(?:if|elsif|unless)\b.*[^=!<>]=(?![=>])/s, 'compare with =='],
  [/\|\s*\w+\s+[^\s|:]/, 'write a colon between a filter and its argument'],
]

export function explained(message: string, token: Token | undefined): string {
  if (message.startsWith('unexpected "if ')) return `${message}; write elsif in place of else if`
  const tag = token === undefined || !VAGUE.test(message) ? null : tagAt(token)
  if (tag === null) return message
  const meant = slips.find(([pattern]) => pattern.test(tag))?.[1]
  const shown = tag.length <= LONGEST_TAG ? tag : `${tag.slice(0, LONGEST_TAG - 1)}…`
  return `${shown.replaceAll(/\s+/g, ' ')}: ${message}${meant === undefined ? '' : `; ${meant}`}`
}

/** The tag or the output in which it is. */
function tagAt({ input, begin }: Token): string | null {
  const start = Math.max(input.lastIndexOf('{{', begin), input.lastIndexOf('{%', begin))
  if (start === -1) return null
  const end = input.slice(start).search(/[%}]\}/)
  return end === -1 ? null : input.slice(start, start + end + 2)
}
