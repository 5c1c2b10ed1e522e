/** How a variable is written here, and in other programs. */

/** `${NAME}` and `${NAME:-default}`. */
export const variablePattern = '\\$\\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\\}'

export interface OtherSpelling {
  readonly name: string
  /** It may also be meant as text, except as the value of a secret. */
  readonly onlySecret: boolean
}

const NAME = '([A-Za-z_][A-Za-z0-9_]*)'
// Those of a shell, cmd.exe, make and PowerShell.
const SPELLINGS = [`\\$${NAME}`, `%${NAME}%`, `\\$\\(${NAME}\\)`, `\\$env:${NAME}`]
// Those of templates and of other programs' configurations.
const OF_SECRETS = [`\\{\\{-? *(?:\\.?env\\.)?${NAME} *-?\\}\\}`, `env[:.]${NAME}`]
const spellings = [
  ...SPELLINGS.map((pattern) => ({ pattern: new RegExp(`^${pattern}$`, 'i'), onlySecret: false })),
  ...OF_SECRETS.map((pattern) => ({ pattern: new RegExp(`^${pattern}$`, 'i'), onlySecret: true })),
]

/** The variable that the whole text is in another program's syntax; null if it is none. */
export function otherSpelling(text: string): OtherSpelling | null {
  for (const { pattern, onlySecret } of spellings) {
    const name = pattern.exec(text)?.[1]
    if (name !== undefined) return { name, onlySecret }
  }
  return null
}

// A whole word in capitals, because `?$filter=` may be part of a URL, and `pa$sw0rd` a password. `$$` is a dollar sign.
const WITHIN = /(?<![$\w])(?:\$\$)*\$([A-Z][A-Z0-9_]+)(?![a-z0-9])/g

/** The names of the variables without braces within a text. */
export function withoutBraces(text: string): string[] {
  return [...text.matchAll(WITHIN)].map(([, name = '']) => name)
}
