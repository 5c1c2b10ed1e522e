/**
 * Makes Slack show values as plain text. Slack's markup can only escape `&`, `<` and `>`, and an invisible character
 * beside a mark turns the markup on rather than off. So a mark that would be markup is replaced by a character that looks
 * like it. It stays where Slack would not interpret it, such as within a word.
 */
import { fill } from '../../values.ts'

/** Slack's three control characters; with these escaped a text cannot mention anyone or become a link. */
export function escapeText(text: string): string {
  if (!/[&<>]/.test(text)) return text
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}

// Slack reads the wide forms too.
const LOOKALIKES: Readonly<Record<string, string>> = {
  '*': '\u2217',
  '\uff0a': '\ufe61',
  _: '\u02cd',
  '\uff3f': '\u02cd',
  '~': '\u223c',
  '`': '\u02cb',
  '\uff40': '\u02cb',
  ':': '\u2236',
}
const SOFT_HYPHEN = '\u00ad'

const SPECIAL = /[*_~`:>\uff0a\uff3f\uff40\uff1e]/
const GRAVE = /[`\uff40]/g
// It opens a span unless a letter is before it or a space after it, and closes one unless a space is before it or a letter after.
// A program that reads 16 bits at a time does not recognize a letter beyond U+FFFF as one.
const EMPHASIS =
  /(?<![[\p{L}\p{N}]&&[\0-\uffff]])[*_~\uff0a\uff3f](?!\s)|(?<!\s)[*_~\uff0a\uff3f](?![[\p{L}\p{N}]&&[\0-\uffff]])/gv
// A colon on either side of what may be the name of an emoji; or a time, such as 12:30:45, whose colons stay.
const COLON =
  /(?<!:[\p{L}\p{M}\p{N}_'+-]{0,100})\d\d:\d\d:\d\d(?![\p{L}\p{M}\p{N}_'+-]{0,100}:)|:(?=[\p{L}\p{M}\p{N}_'+-]{1,100}:)|(?<=:[\p{L}\p{M}\p{N}_'+-]{1,100}):/gu

/** The values of a text in mrkdwn as text, in code spans and outside of them. */
export function fillMrkdwn(text: string, values: readonly string[]): string {
  if (values.length === 0) return text
  // A value after a `<` of the template could become `<!channel>`.
  const safe = text.includes('<') ? text.replaceAll(/<(?=[^<>]*\ufdd0)/g, '&lt;') : text
  if (!safe.includes('`')) return fill(safe, values, literal)
  return safe
    .split(/(```[\s\S]+?```|`[^`\n]+`)/)
    .map((part, index) => (index % 2 === 1 ? codeSpan(part, values) : fill(part, values, literal)))
    .join('')
}

/** Within code, only the closing mark is interpreted. An empty code span would become two more marks. */
function codeSpan(span: string, values: readonly string[]): string {
  const filled = fill(span, values, (value) => escapeText(value.replaceAll(GRAVE, lookalike)))
  return /^[`\s]*$/.test(filled) ? '' : filled
}

/** The values of a text that Slack shows as it is; only emoji are interpreted, even in `plain_text`. */
export function fillPlain(text: string, values: readonly string[]): string {
  return fill(text, values, (value, around) => escapeText(withoutEmoji(value, around, lookalike)))
}

/** A value in mrkdwn, outside of code. `around`: the characters of the template beside it, if there are any. */
export function literal(untrimmed: string, around = '  '): string {
  const value = trimmed(untrimmed, around)
  if (!SPECIAL.test(value)) return escapeText(value)
  // In a URL an escape keeps the link as it is.
  const instead = /^https?:\/\/\S+$/i.test(value) ? percentEncoded : lookalike
  const text = withoutEmoji(value, around, instead)
    .replaceAll(GRAVE, instead)
    .replaceAll(EMPHASIS, instead)
    .replace(/^\s*(?=[>\uff1e])/, `$&${SOFT_HYPHEN}`)
  return escapeText(text)
}

/** A space next to a mark of the template would make that mark plain text. */
function trimmed(value: string, around: string): string {
  const start = /^[*_~]/.test(around) ? value.trimStart() : value
  return /[*_~]$/.test(around) ? start.trimEnd() : start
}

function withoutEmoji(value: string, around: string, instead: (mark: string) => string): string {
  if (!value.includes(':') && !around.includes(':')) return value
  const [before, after] = [...around].map((mark) => (mark === ':' ? ':' : ' '))
  return (before + value + after)
    .replaceAll(COLON, (found) => (found === ':' ? instead(found) : found))
    .slice(1, -1)
}

function lookalike(mark: string): string {
  return LOOKALIKES[mark] ?? mark
}

function percentEncoded(mark: string): string {
  return [...Buffer.from(mark)].map((byte) => `%${byte.toString(16).toUpperCase()}`).join('')
}
