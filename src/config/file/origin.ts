import type { Path } from '../problem.ts'

/** Where a text of the configuration came from, other than the file itself. */
export interface Origin {
  readonly path: Path
  /** What the file says instead: `${NAME}`, `{file: PATH}`. */
  readonly written: string
  /** The values put in. */
  readonly values: readonly string[]
  /** No value was found; the text is of no use. */
  readonly broken: boolean
}

// Replacing shorter values would garble the words around them.
const SHORTEST_CONCEALED = 4

/** Whether the text stands at this path, or within what does, or around it. */
export function concerns({ path: own }: Origin, path: Path): boolean {
  const length = Math.min(path.length, own.length)
  for (let at = 0; at < length; at += 1) if (own[at] !== path[at]) return false
  return true
}

/** Whether this very text stands at the path. */
export function isAt(origin: Origin, path: Path): boolean {
  return path.length === origin.path.length && concerns(origin, path)
}

/** Takes out of a message about what is at the path whatever came from the environment or from a file. */
export function conceal(message: string, path: Path, origins: readonly Origin[]): string {
  let concealed = message
  for (const origin of origins) {
    if (!concerns(origin, path)) continue
    for (const value of origin.values) {
      if (value.length >= SHORTEST_CONCEALED) concealed = concealed.replaceAll(value, () => origin.written)
    }
  }
  return concealed
}
