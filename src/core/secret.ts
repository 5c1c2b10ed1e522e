/** A secret prints as `***` wherever it is logged, formatted or serialised; only `reveal` gives its value. */
export class Secret {
  readonly #value: string

  constructor(value: string) {
    this.#value = value
  }

  reveal(): string {
    return this.#value
  }

  toString(): string {
    return '***'
  }

  toJSON(): string {
    return '***'
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return '***'
  }
}

const SHORTEST_REDACTED = 4

/** Replaces every given secret in a text that came from outside. */
export function redact(text: string, secrets: readonly Secret[]): string {
  let redacted = text
  for (const secret of secrets) {
    const value = secret.reveal()
    if (value.length >= SHORTEST_REDACTED) redacted = redacted.replaceAll(value, '***')
  }
  return redacted
}
