/** Texts and regular expressions for both vocabularies: few letters, so that conditions and events often meet. */
import fc from 'fast-check'

// No angle brackets: lists are translated with them.
const letters = [
  'a',
  'b',
  'A',
  '0',
  '7',
  '_',
  '.',
  '-',
  ' ',
  '\n',
  '*',
  '\\',
  '"',
  "'",
  ',',
  '{',
  '$',
  '=',
  'é',
  '漢',
  '🦉',
]

export const text = fc.oneof(
  { weight: 5, arbitrary: fc.constantFrom('a', 'a', 'a', 'b', 'ab', 'a.b', '*', '\\*', '') },
  { weight: 1, arbitrary: fc.string({ unit: fc.constantFrom(...letters), maxLength: 4 }) },
)

export interface Regex {
  readonly source: string
  /** Whether it matches the empty text. */
  readonly empty: boolean
}

const single = fc.oneof(
  fc.constantFrom(...letters).map(escapeRegex),
  fc.constantFrom('.', '[ab]', '[^a]', '[a-z]', '\\d', '\\w', '\\W', '\\s', '\\pL', '[[:upper:]]', '\\x61'),
)
const quantifiers = [
  { mark: '', empty: false },
  { mark: '+', empty: false },
  { mark: '{1,2}', empty: false },
  { mark: '*', empty: true },
  { mark: '?', empty: true },
  { mark: '*?', empty: true },
]
const flags = ['', '', '', '(?i)', '(?s)', '(?m)']

/** Anything of RE2 that ends or begins a text or a word. */
const edges = [
  { source: '$', empty: true },
  { source: '\\b', empty: false },
]
export const regex = regexWith(edges)
export const regexWithStart = regexWith([...edges, { source: '^', empty: true }])

/** Edges stand without a quantifier. */
function regexWith(edges: readonly Regex[]): fc.Arbitrary<Regex> {
  return fc
    .letrec<{ piece: Regex; row: Regex; choice: Regex }>((tie) => ({
      piece: fc.oneof(
        { maxDepth: 2 },
        single.map((source) => ({ source, empty: false })),
        fc.constantFrom(...edges),
        fc
          .tuple(
            fc.oneof(
              single.map((source) => ({ source, empty: false })),
              tie('choice').map(({ source, empty }) => ({ source: `(${source})`, empty })),
            ),
            fc.constantFrom(...quantifiers),
          )
          .map(([inner, { mark, empty }]) => ({
            source: inner.source + mark,
            empty: empty || inner.empty,
          })),
      ),
      row: fc.array(tie('piece'), { maxLength: 3 }).map((pieces) => ({
        source: pieces.map(({ source }) => source).join(''),
        empty: pieces.every(({ empty }) => empty),
      })),
      choice: fc.array(tie('row'), { minLength: 1, maxLength: 2 }).map((rows) => ({
        source: rows.map(({ source }) => source).join('|'),
        empty: rows.some(({ empty }) => empty),
      })),
    }))
    .choice.chain(({ source, empty }) =>
      fc.constantFrom(...flags).map((flag) => ({ source: flag + source, empty })),
    )
}

/** The text itself as a regular expression. */
export function escapeRegex(text: string): string {
  return text.replaceAll(/[\\.+*?()|[\]{}^$]/g, '\\$&')
}
