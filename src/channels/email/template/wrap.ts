/** The lines of the text part. */
import { piecesOf, widthOf } from '../../../core/text/width.ts'

/** In columns, of which a Chinese character or an emoji takes two. */
export const WIDTH = 72

// Written without spaces. A longer word of any other script stays whole.
const WITHOUT_SPACES = /[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Thai}\p{Extended_Pictographic}]/u
const URL_WITHIN = /:\/\//
// It hangs at the end of a line, as in Japanese books, so that none begins with it.
const PUNCTUATION = /\n([\p{Po}\p{Pe}]{1,2})/gu

/** Breaks a line between words, and within text that has no spaces; a URL stays whole. */
export function wrapLine(text: string, width = WIDTH): string {
  if (widthOf(text) <= width) return text
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    if (line !== '' && widthOf(line) + 1 + widthOf(word) <= width) {
      line += ` ${word}`
      continue
    }
    if (line !== '') lines.push(line)
    const parts = partsOf(word, width)
    line = parts.pop() ?? ''
    lines.push(...parts)
  }
  return [...lines, line].join('\n')
}

function partsOf(word: string, width: number): string[] {
  if (!WITHOUT_SPACES.test(word) || URL_WITHIN.test(word)) return [word]
  return piecesOf(word, width)
    .join('\n')
    .replaceAll(PUNCTUATION, '$1\n')
    .split('\n')
    .filter((part) => part !== '')
}
