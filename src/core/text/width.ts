/** Measures texts in columns of a terminal, in which a Chinese character or an emoji takes two. */
import measure from 'fast-string-truncated-width'

const ASCII = /^[\u0020-\u007e]*$/
// Created when first needed: loading Intl's data takes milliseconds and megabytes, and most texts are ASCII.
let graphemes: Intl.Segmenter | undefined

/** The columns that a text takes. */
export function widthOf(text: string): number {
  return ASCII.test(text) ? text.length : measure(text).width
}

/** The text padded with spaces to this many columns. */
export function padTo(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - widthOf(text)))
}

/** The longest prefix that fits; no character is cut in two. */
export function beginningOf(text: string, width: number): string {
  if (widthOf(text) <= width) return text
  return fitting(partsOf(text), width).join('')
}

/** The longest suffix that fits. */
export function endOf(text: string, width: number): string {
  if (widthOf(text) <= width) return text
  const parts = partsOf(text).reverse()
  return fitting(parts, width).reverse().join('')
}

/** Pieces that fit, in order; each has at least one character, however wide. */
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

/** The characters as a reader perceives them. */
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
