/** How the stand-in answers: JSON with `ok`, an error's name, and what it says about scopes. */

export type Arguments = Readonly<Record<string, unknown>>

export interface SlackAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

export function success(fields: Record<string, unknown>): SlackAnswer {
  return { status: 200, headers: {}, body: JSON.stringify({ ok: true, ...fields }) }
}

export function failure(error: string, more: Record<string, unknown> = {}): SlackAnswer {
  return { status: 200, headers: {}, body: JSON.stringify({ ok: false, error, ...more }) }
}

export function tooMany(seconds: number): SlackAnswer {
  return { ...failure('ratelimited'), status: 429, headers: { 'retry-after': String(seconds) } }
}

/** Null where one of the scopes that `needed` lists is among `provided`. */
export function missingScope(needed: readonly string[], provided: readonly string[]): SlackAnswer | null {
  if (needed.some((scope) => provided.includes(scope))) return null
  return failure('missing_scope', { needed: needed.join(','), provided: provided.join(',') })
}
