import fc from 'fast-check'
import { lanes } from './model-claim.ts'

export interface Owing {
  readonly rateKey: (typeof lanes)[number]
  readonly skipped: boolean
}

const some = fc.nat({ max: 1_000 })
const owing = fc.array(fc.record({ rateKey: fc.constantFrom(...lanes), skipped: fc.boolean() }), {
  maxLength: 3,
})
const bound = fc.nat({ max: 3 })
/** One thing that may happen to a store; numbers choose among what is there when it happens. */
export const command = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('append'), message: fc.nat({ max: 12 }), owing }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('quarantine'), message: fc.nat({ max: 12 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('replay'), which: some, owing }) },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('claim'),
      limit: bound,
      limits: fc.array(fc.tuple(fc.constantFrom(...lanes.map(({ rateKey }) => rateKey)), bound), {
        maxLength: 2,
      }),
      budgets: fc.array(fc.tuple(fc.constantFrom('slack', 'email'), fc.nat({ max: 4 })), { maxLength: 2 }),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('record'),
      which: some,
      retryIn: fc.option(fc.nat({ max: 30 })),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('resend'), which: some }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('wait'), ms: fc.nat({ max: 30 }) }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('purge'), age: fc.nat({ max: 60 }), limit: fc.nat({ max: 3 }) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('restart') }) },
)
export type Command = typeof command extends fc.Arbitrary<infer C> ? C : never
