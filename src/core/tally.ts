/** Rejected requests as a log bears them: the first of a period one by one, the others as one sum. */

export interface Tally {
  /** Whether this one is to be told by itself; else it is in the sum. */
  note(code: string, address: string): boolean
  /** Ends the period; null where there is no more to tell of it. */
  sum(): TallySum | null
}

export interface TallySum {
  readonly count: number
  readonly codes: Readonly<Record<string, number>>
  /** The addresses that sent most, and how many each. */
  readonly addresses: Readonly<Record<string, number>>
}

interface TallyLimits {
  /** So many are told by themselves, each period. */
  readonly first: number
  /** So many addresses are told apart; what comes from further ones is in the count alone. */
  readonly addresses: number
  /** So many addresses stand in the sum. */
  readonly told: number
}

export function createTally({ first, addresses: most, told }: TallyLimits): Tally {
  let seen = 0
  const codes = new Map<string, number>()
  const addresses = new Map<string, number>()

  return {
    note(code, address) {
      seen += 1
      if (seen <= first) return true
      codes.set(code, (codes.get(code) ?? 0) + 1)
      const before = addresses.get(address)
      if (before !== undefined || addresses.size < most) addresses.set(address, (before ?? 0) + 1)
      return false
    },
    sum() {
      const count = Math.max(0, seen - first)
      const most = [...addresses].sort(([, one], [, other]) => other - one).slice(0, told)
      const sum = { count, codes: Object.fromEntries(codes), addresses: Object.fromEntries(most) }
      seen = 0
      codes.clear()
      addresses.clear()
      return count === 0 ? null : sum
    },
  }
}
