/**
 * PostgreSQL's text has no U+0000, which JSON, and with it subjects and types, may have. It is stored as two characters, the first
 * of which is one that nobody uses, and is doubled where somebody does.
 */
const ESCAPE = '\u{10FFFE}'

export function toText(text: string): string {
  if (!text.includes('\0') && !text.includes(ESCAPE)) return text
  return text.replaceAll(ESCAPE, `${ESCAPE}1`).replaceAll('\0', `${ESCAPE}0`)
}

export function fromText(text: string): string {
  if (!text.includes(ESCAPE)) return text
  return text.replaceAll(`${ESCAPE}0`, '\0').replaceAll(`${ESCAPE}1`, ESCAPE)
}
