import fc from 'fast-check'
import { destinations } from './model-claim.ts'

export interface Planned {
  readonly destination: (typeof destinations)[number]
  readonly skipped: boolean
}

const some = fc.nat({ max: 1_000 })
const deliveries = fc.array(
  fc.record({ destination: fc.constantFrom(...destinations), skipped: fc.boolean() }),
  { maxLength: 3 },
)
const limits = fc.record({ perDestination: fc.nat({ max: 3 }), free: fc.nat({ max: 4 }) })
/** One thing that may happen to a store; numbers choose among what is there when it happens. */
export const command = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('append'), message: fc.nat({ max: 12 }), deliveries }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('quarantine'), message: fc.nat({ max: 12 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('replay'), which: some, deliveries }) },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('claim'), slack: limits, email: limits }) },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('complete'),
      which: some,
      retryIn: fc.option(fc.nat({ max: 30 })),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('park'), which: some }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('requeue'), which: some }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('dismiss'), which: some }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('wait'), ms: fc.nat({ max: 30 }) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('purge'),
      age: fc.nat({ max: 60 }),
      unresolvedAge: fc.nat({ max: 60 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('restart') }) },
)
export type Command = typeof command extends fc.Arbitrary<infer C> ? C : never
