/** The words of HTML, which mails and comments hold. */

const MARKUP =
  /^\s*<(?:!doctype|html|body|p|div|span|h[1-6]|ul|ol|table|br|b|strong|em|i|a)(?=[\s/>])[^<>]*>/i
const NOT_SHOWN = /<(style|script|head)(?=[\s/>])/gi
// They stand within words.
const INLINE = /<\/?(?:b|strong|em|i|a|span|u|s|code)(?:\s[^<>]*)?>/gi
const TAG = /<[^<>]*>/g
const ENTITY = /&(amp|lt|gt|quot|apos|#39|nbsp);/g
const CHARACTERS: Readonly<Record<string, string>> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
  '#39': "'",
  nbsp: ' ',
}
// What is shown of a text is near its top.
const LONGEST = 20_000

/** A text that begins as HTML does without its tags; any other text as it is. */
export function withoutMarkup(text: string): string {
  if (!MARKUP.test(text)) return text
  return withoutHidden(text.slice(0, LONGEST))
    .replaceAll(INLINE, '')
    .replaceAll(TAG, ' ')
    .replaceAll(ENTITY, (entity, name: string) => CHARACTERS[name] ?? entity)
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
