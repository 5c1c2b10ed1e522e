/** The words of HTML, which mails and comments hold. */

const MARKUP =
  /^\s*<(?:!doctype|html|body|p|div|span|h[1-6]|ul|ol|table|br|b|strong|em|i|a)(?=[\s/>])[^<>]*>/i
const NOT_SHOWN = /<(style|script|head)(?=[\s/>])/gi
// They stand within words.
const INLINE = /<\/?(?:b|strong|em|i|a|span|u|s|code)(?:\s[^<>]*)?>/gi
const TAG = /<[^<>]*>/g
const ENTITY = /&(amp|lt|gt|quot|apos|nbsp|#\d{1,7}|#x[\da-f]{1,6});/gi
const CHARACTERS: Readonly<Record<string, string>> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
  nbsp: ' ',
}
const LAST_CODE_POINT = 0x10_ffff
// What is shown of a text is near its top.
const LONGEST = 20_000

/** A text that begins as HTML does without its tags; any other text as it is. */
export function withoutMarkup(text: string): string {
  if (!MARKUP.test(text)) return text
  return withoutHidden(text.slice(0, LONGEST))
    .replaceAll(INLINE, '')
    .replaceAll(TAG, ' ')
    .replaceAll(ENTITY, (_, name: string) => characterOf(name.toLowerCase()))
}

/** `amp`, `#39` or `#x27`. */
function characterOf(entity: string): string {
  const named = CHARACTERS[entity]
  if (named !== undefined) return named
  const code = Number(entity.replace('#x', '0x').replace('#', ''))
  return code <= LAST_CODE_POINT ? String.fromCodePoint(code).toWellFormed() : '\ufffd'
}

/** What is between the tags of styles and scripts is for nobody to read. */
function withoutHidden(html: string): string {
  const lower = html.toLowerCase()
  let shown = ''
  let end = 0
  for (const { 1: name = '', index } of html.matchAll(NOT_SHOWN)) {
    if (index < end) continue
    shown += html.slice(end, index)
    const close = lower.indexOf(`</${name.toLowerCase()}`, index)
    end = close === -1 ? html.length : close
  }
  return shown + html.slice(end)
}
