/**
 * What filters, comparisons and outputs cost. LiquidJS counts a step for each of them, however much it reads: in a loop over a
 * list of the payload, a text or a list of the payload is read once for each item.
 */
import { Context, defaultOperators, type Liquid, type LiquidOptions } from 'liquidjs'

const CHARACTERS_A_STEP = 100

/** In steps: one for each item of a list, and one for every 100 characters of text. */
export function costOf(value: unknown): number {
  if (typeof value === 'string') return Math.floor(value.length / CHARACTERS_A_STEP)
  if (!Array.isArray(value)) return 0
  return value.reduce((sum: number, item: unknown) => sum + 1 + costOf(item), 0)
}

/** LiquidJS's operators, each of which costs what it compares. */
export const meteredOperators: NonNullable<LiquidOptions['operators']> = Object.fromEntries(
  Object.entries(defaultOperators).map(([name, apply]) => [
    name,
    (...operands: readonly unknown[]) => {
      const context: unknown = operands.at(-1)
      if (context instanceof Context) context.renderLimit.use(operands.reduce(plusCost, 0))
      return Reflect.apply(apply, undefined, operands)
    },
  ]),
)

/** Makes each filter cost what it is given. */
export function meterFilters(liquid: Liquid): void {
  for (const [name, filter] of Object.entries(liquid.filters)) {
    if (filter === undefined) continue
    const { handler, raw = false } = typeof filter === 'function' ? { handler: filter } : filter
    liquid.registerFilter(name, {
      raw,
      handler(...values: unknown[]) {
        this.context.renderLimit.use(values.reduce(plusCost, 0))
        return Reflect.apply(handler, this, values)
      },
    })
  }
}

function plusCost(sum: number, value: unknown): number {
  return sum + costOf(value)
}
