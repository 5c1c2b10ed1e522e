/** Typing mistakes that YAML reports as something else, often further down: each with its own place and a hint. */

export interface Slip {
  readonly offset: number
  readonly message: string
  readonly hint: string
}

interface Kind {
  /** The group `slip` is the place of the slip. */
  readonly pattern: RegExp
  readonly message: string
  readonly hint: (found: RegExpExecArray) => string
  /** It may also be intended, so it counts only on the line of the error. */
  readonly mayBeMeant?: boolean
}

const SPACES = '\\u00a0\\u1680\\u2000-\\u200f\\u202f\\u205f\\u2060\\u3000\\ufeff'

const OPERATORS: Readonly<Record<string, string>> = {
  '>=': 'gte',
  '>': 'gt',
  '<=': 'lte',
  '<': 'lt',
  '!=': 'not',
  '!': 'not',
}

// Quoted text is blanked here, and so are comments, except one that looks like a value.
const kinds: readonly Kind[] = [
  {
    pattern: new RegExp(`(?<slip>[${SPACES}])`, 'd'),
    message: 'an invisible character, or one that only looks like a space',
    hint: ({ groups }) => `delete U+${codeOf(groups?.slip ?? '')}, or replace it with a space`,
  },
  {
    pattern: /(?:^|[[{,:-])\s*(?<slip>[“”„‟‘’‚‛«»])/d,
    message: 'typographic quotes',
    hint: () => 'use straight quotes: "…"',
  },
  {
    pattern: /^\s*(?:-\s+)?[\w.-]+(?<slip>：)/d,
    message: 'a full-width colon',
    hint: () => 'write : and a space',
  },
  {
    pattern: /^\s*(?<slip>\/\/|\/\*)/d,
    message: 'this is not a comment',
    hint: () => 'a comment starts with #',
  },
  {
    pattern: /^\s*(?:-\s+)?(?<key>[\w.-]+)\s*(?<slip>=)\s*(?=\S)/d,
    message: 'a key ends with a colon',
    hint: ({ groups }) => `write ${groups?.key}: …`,
    mayBeMeant: true,
  },
  {
    pattern: withinBrackets(/(?<slip>#)[^\s#]/),
    message: 'an unquoted # starts a comment',
    hint: () => 'put the value in quotes',
  },
  {
    pattern: withinBrackets(/(?<slip>\$\{(?<name>\w+))/),
    message: 'a variable within brackets needs quotes',
    hint: ({ groups }) => `write "\${${groups?.name}}"`,
    mayBeMeant: true,
  },
  {
    pattern: /(?<slip>!)(?:env|secret|var|vault)\w*\s/di,
    message: 'a tag of another program',
    hint: () => 'write "${NAME}" for an environment variable, or {file: PATH}',
    mayBeMeant: true,
  },
  {
    pattern: /:\s+(?<slip>>=|<=|!=|>|<|!)\s*(?<operand>[\w.-]+)\s*(?:[,}]|$)/d,
    message: 'a comparison is an operator and a value',
    hint: ({ groups }) => `write {${OPERATORS[groups?.slip ?? '']}: ${groups?.operand}}`,
    mayBeMeant: true,
  },
  {
    pattern: /(?:[[{,]|:\s|-\s)\s*(?<slip>[@`%&*])/d,
    message: 'a value cannot start with this character',
    hint: () => 'put the value in quotes',
    mayBeMeant: true,
  },
  {
    pattern: /^\s*(?:-\s+)?(?<key>[a-z][\w.-]*)(?<slip>:)(?!\/\/)(?<value>[^\s:])/d,
    message: 'a key needs a space after its colon',
    hint: ({ groups }) => `write ${groups?.key}: …`,
    mayBeMeant: true,
  },
  {
    pattern: /^\s*(?<slip>[-–—])(?=[A-Za-z])/d,
    message: 'an item of a list needs a space after its dash',
    hint: () => 'write - and a space',
  },
]

/** Matches the pattern at the beginning of a value inside an open bracket. */
function withinBrackets(pattern: RegExp): RegExp {
  // Starts at the first bracket after a closing one: trying each bracket would take quadratic time for a line of brackets.
  return new RegExp(`(?:^|[\\]}])[^\\]}[{]*[[{](?:[^\\]}]*[\\s[{,:])?${pattern.source}`, 'd')
}

// If a bracket or a quote is not closed, YAML finds the error on a later line.
const LINES_BEFORE = 1

/** The slip that probably caused an error at this offset: on its line, or on the one before. */
export function slipBefore(text: string, offset: number): Slip | null {
  if (!text.includes('\n') && text.includes('\r'))
    return {
      offset: text.indexOf('\r'),
      message: 'the line breaks of old Macs (CR)',
      hint: 'save the file with Unix line breaks',
    }
  const end = text.indexOf('\n', offset)
  const lines = blankQuotes(text.slice(0, end === -1 ? undefined : end)).split('\n')
  let start = end === -1 ? text.length : end
  for (let index = lines.length - 1; index >= Math.max(0, lines.length - 1 - LINES_BEFORE); index -= 1) {
    const line = lines[index] ?? ''
    start -= line.length
    for (const { pattern, message, hint, mayBeMeant } of kinds) {
      if (mayBeMeant === true && index < lines.length - 1) continue
      const found = pattern.exec(line)
      const at = found?.indices?.groups?.slip?.[0]
      if (found !== null && at !== undefined) return { offset: start + at, message, hint: hint(found) }
    }
    start -= 1
  }
  return null
}

/** What is wrong with a key that YAML accepts; null if nothing is. */
export function slipInKey(key: string): Omit<Slip, 'offset'> | null {
  const space = new RegExp(`[${SPACES}]`).exec(key)?.[0]
  if (space !== undefined) {
    const hint = `delete U+${codeOf(space)}, or replace it with a space`
    return { message: 'an invisible character, or one that only looks like a space, in a key', hint }
  }
  if (/^[“”„‟‘’‚‛«»]/.test(key))
    return { message: 'typographic quotes around a key', hint: 'use straight quotes: "…"' }
  const [, item] = /^[-–—]\s*([A-Za-z]\w*)$/.exec(key) ?? []
  if (item !== undefined)
    return { message: 'an item of a list needs a space after its dash', hint: `write - ${item}: …` }
  return null
}

/** What should be removed from an invalid value; null if the cause is something else. */
export function slipInValue(text: string): string | null {
  if (/^[“”„‟‘’‚‛«»].*[“”„‟‘’‚‛«»]$/.test(text))
    return 'typographic quotes are part of the text: use straight quotes, "…"'
  const [edge] = new RegExp(`^[${SPACES}]|[${SPACES}]$`).exec(text) ?? []
  return edge === undefined
    ? null
    : `delete U+${codeOf(edge)} at its start or end: it is invisible, or only looks like a space`
}

/** Keeps the length; comments without a space after # stay, because that # may be meant as text. */
function blankQuotes(text: string): string {
  return text
    .replaceAll(
      /(^|[\s[{,:])("(?:\\.|[^"\\\n])*"|'(?:''|[^'\n])*')/g,
      (_, before: string, quoted: string) => before + '_'.repeat(quoted.length),
    )
    .replaceAll(/((?:^|\n)[ \t]*)#[^\n]*|([ \t])# [^\n]*/g, (comment: string) =>
      ' '.repeat(comment.length).replace(/^ /, comment[0] === '\n' ? '\n' : ' '),
    )
}

function codeOf(character: string): string {
  return (character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')
}
