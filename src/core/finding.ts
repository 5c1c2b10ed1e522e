/** What an examination found, in words for whoever runs the service. */
export interface Finding {
  readonly level: Level
  /** What was found, on one line and without secrets. */
  readonly summary: string
  /** What it means for messages; empty where the summary says so. */
  readonly meaning: string
  /** What to do about it; empty where there is nothing to do. */
  readonly hint: string
}

/** `unknown`: it could not be found out, which is neither good nor bad. */
export type Level = 'fine' | 'warning' | 'wrong' | 'unknown'

export function fine(summary: string): Finding {
  return { level: 'fine', summary, meaning: '', hint: '' }
}

export function warning(summary: string, meaning: string, hint: string): Finding {
  return { level: 'warning', summary, meaning, hint }
}

export function wrong(summary: string, meaning: string, hint: string): Finding {
  return { level: 'wrong', summary, meaning, hint }
}

export function unknown(summary: string, meaning: string, hint: string): Finding {
  return { level: 'unknown', summary, meaning, hint }
}
