/** Texts in columns of a terminal, where a Chinese character or an emoji takes two. */
import measure from 'fast-string-truncated-width'

const ASCII = /^[\u0020-\u007e]*$/
// Made when it is first needed: what Intl needs takes milliseconds and megabytes to load, and most texts are ASCII.
let graphemes: Intl.Segmenter | undefined

/** The columns that a text takes. */
export function widthOf(text: string): number {
  return ASCII.test(text) ? text.length : measure(text).width
}

/** The text with spaces behind it, up to so many columns. */
export function padTo(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - widthOf(text)))
}

/** The longest beginning that fits; no character is cut in two. */
export function beginningOf(text: string, width: number): string {
  if (widthOf(text) <= width) return text
  return fitting(partsOf(text), width).join('')
}

/** The longest end that fits. */
export function endOf(text: string, width: number): string {
  if (widthOf(text) <= width) return text
  const parts = partsOf(text).reverse()
  return fitting(parts, width).reverse().join('')
}

/** Pieces that each fit, in order; each has a character at least, however wide. */
export function piecesOf(text: string, width: number): string[] {
  if (widthOf(text) <= width) return [text]
  const pieces: string[] = []
  let piece = ''
  for (const part of partsOf(text)) {
    if (piece !== '' && widthOf(piece) + widthOf(part) > width) {
      pieces.push(piece)
      piece = ''
    }
    piece += part
  }
  return [...pieces, piece]
}

/** The characters as a reader counts them. */
function partsOf(text: string): string[] {
  if (ASCII.test(text)) return [...text]
  graphemes ??= new Intl.Segmenter(undefined, { granularity: 'grapheme' })
  return [...graphemes.segment(text)].map(({ segment }) => segment)
}

function fitting(parts: readonly string[], width: number): string[] {
  const taken: string[] = []
  let used = 0
  for (const part of parts) {
    used += widthOf(part)
    if (used > width) break
    taken.push(part)
  }
  return taken
}
