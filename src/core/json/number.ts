/** Numbers of JSON and YAML as they were written: JavaScript keeps about 16 digits, and prints 1.0 and 1e2 as 1 and 100. */

declare global {
  // Of ECMAScript 2026; Node.js has them since 22.
  interface JSON {
    rawJSON(text: string): object
    parse(text: string, reviver: NumberReviver): unknown
  }
}

type NumberReviver = (key: string, value: unknown, context: { readonly source?: string }) => unknown

/** A number that JavaScript would change or print differently. Templates and JSON.stringify write it as it was written. */
export class ExactNumber {
  readonly #text: string

  /** `text`: a number as JSON writes it. */
  constructor(text: string) {
    this.#text = text
  }

  toString(): string {
    return this.#text
  }

  toJSON(): object {
    return JSON.rawJSON(this.#text)
  }

  /** For arithmetic in templates, which uses JavaScript's numbers. */
  valueOf(): number {
    return Number(this.#text)
  }

  // LiquidJS compares values with these methods.
  equals(other: unknown): boolean {
    return isNumber(other) && compareNumbers(this, other) === 0
  }

  gt(other: unknown): boolean {
    return compareWith(this, other) > 0
  }

  geq(other: unknown): boolean {
    return compareWith(this, other) >= 0
  }

  lt(other: unknown): boolean {
    return compareWith(this, other) < 0
  }

  leq(other: unknown): boolean {
    return compareWith(this, other) <= 0
  }
}

export type Numeric = number | ExactNumber

export function isNumber(value: unknown): value is Numeric {
  return typeof value === 'number' || value instanceof ExactNumber
}

/** Parses a JSON number: a JavaScript number if that prints the same, or else an ExactNumber. */
export function numberOf(text: string): Numeric {
  const value = Number(text)
  return String(value) === text ? value : new ExactNumber(text)
}

// Finds candidates for such a number. A match within a JSON string costs time but changes nothing.
const PERHAPS_EXACT =
  /[:,[\s]-?(?:\d{16}|\d[\d.]{16}|\d+(?:\.\d+)?[eE][+-]?\d|\d+\.\d*0[,}\]\s]|0\.000000)|[:,[\s]-0[,}\]\s]/

/** An object or a list of JSON, with numbers as they were written. `value`: what JSON.parse has made of the text. */
export function withExactNumbers(text: string, value: unknown): unknown {
  if (!PERHAPS_EXACT.test(text)) return value
  return JSON.parse(text, (_key, found, { source }) =>
    typeof found === 'number' && source !== undefined ? numberOf(source) : found,
  )
}

/** Below 0, 0 or above 0 if one is less than, equal to or greater than the other. Exact, however long they are. */
export function compareNumbers(one: Numeric, other: Numeric): number {
  if (typeof one === 'number' && typeof other === 'number') return one - other
  const [first, second] = [decimal(String(one)), decimal(String(other))]
  if (first.sign !== second.sign) return first.sign - second.sign
  return first.sign * compareMagnitudes(first, second)
}

/** NaN if either is NaN, so that no comparison holds. */
function compareWith(one: ExactNumber, other: unknown): number {
  if (isNumber(other)) return compareNumbers(one, other)
  return typeof other === 'string' ? Number(one) - Number(other) : Number.NaN
}

/** sign * 0.digits * 10^exponent; the digits neither begin nor end with a zero. */
interface Decimal {
  readonly sign: -1 | 0 | 1
  readonly digits: string
  readonly exponent: bigint
}

function decimal(text: string): Decimal {
  const [, minus, whole = '', fraction = '', power = '0'] =
    /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(text) ?? []
  const all = whole + fraction
  const leading = /^0*/.exec(all)?.[0].length ?? 0
  const digits = all.slice(leading, lastDigit(all) + 1)
  if (digits === '') return { sign: 0, digits, exponent: 0n }
  return {
    sign: minus === '-' ? -1 : 1,
    digits,
    exponent: BigInt(whole.length - leading) + BigInt(power.replace('+', '')),
  }
}

function lastDigit(digits: string): number {
  let at = digits.length - 1
  while (digits[at] === '0') at -= 1
  return at
}

function compareMagnitudes(one: Decimal, other: Decimal): number {
  if (one.exponent !== other.exponent) return one.exponent < other.exponent ? -1 : 1
  return one.digits === other.digits ? 0 : one.digits < other.digits ? -1 : 1
}
