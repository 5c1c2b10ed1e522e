/** What a check found, for the operator. */
export interface Finding {
  /** What was found, for programs: stable, as `not_in_channel`. */
  readonly code: string
  readonly level: Level
  /** What was found, on one line and without secrets. */
  readonly summary: string
  /** What it means for messages; empty if the summary says so. */
  readonly meaning: string
  /** What to do about it; empty if there is nothing to do. */
  readonly hint: string
}

/** `unknown`: it could not be checked, which is neither good nor bad. */
export type Level = 'fine' | 'warning' | 'wrong' | 'unknown'

export function fine(code: string, summary: string): Finding {
  return { code, level: 'fine', summary, meaning: '', hint: '' }
}

export function warning(code: string, summary: string, meaning: string, hint: string): Finding {
  return { code, level: 'warning', summary, meaning, hint }
}

export function wrong(code: string, summary: string, meaning: string, hint: string): Finding {
  return { code, level: 'wrong', summary, meaning, hint }
}

export function unknown(code: string, summary: string, meaning: string, hint: string): Finding {
  return { code, level: 'unknown', summary, meaning, hint }
}
