import type { Path } from '../problem.ts'

/** A value that a variable or a file put into the configuration. */
export interface Origin {
  readonly path: Path
  /** What is written in the file: `${NAME}`, `{file: PATH}`. */
  readonly written: string
  /** What was filled in. */
  readonly values: readonly string[]
  /** No value was found, which is already reported. */
  readonly broken: boolean
  /** The path of the file that it was read from. */
  readonly file?: string
}

// Shorter values are likely to be part of ordinary words.
const SHORTEST_CONCEALED = 4

/** Whether one of the two paths is a part of the other. */
export function concerns({ path: own }: Origin, path: Path): boolean {
  const length = Math.min(path.length, own.length)
  for (let at = 0; at < length; at += 1) if (own[at] !== path[at]) return false
  return true
}

/** Whether the text is the value at the path. */
export function isAt(origin: Origin, path: Path): boolean {
  return path.length === origin.path.length && concerns(origin, path)
}

/** Replaces values that came from the environment or from a file, in a message about the value at the path. */
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
