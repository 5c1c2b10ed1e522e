import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { afterClaim, beforeClaim, roomFor } from '../../../src/core/delivery/catching-up.ts'
import {
  type DestinationState,
  newDestination,
  type RateLimit,
  settle,
} from '../../../src/core/delivery/destination.ts'
import type { Outcome } from '../../../src/core/delivery/outcome.ts'

const NOW = Date.UTC(2026, 10, 28)
const unlimited: RateLimit = { rate: Number.POSITIVE_INFINITY, burst: Number.POSITIVE_INFINITY }
const perSecond: RateLimit = { rate: 1, burst: 3 }
const fresh = newDestination(unlimited, NOW)
const yes = () => true
const no = () => false

t.test('messages go one by one, unless too many wait for answers', async (t) => {
  const failure: Outcome = { kind: 'retry', reason: 'http 503' }
  const after = (outcomes: readonly Outcome[], state: DestinationState) =>
    outcomes.reduce((before, outcome) => settle(before, outcome, NOW, 'slack:#deals'), state)
  const much = beforeClaim(fresh, unlimited, 0, yes)
  const emptied = afterClaim(much, 5, false)
  const cases: readonly [string, DestinationState, number][] = [
    ['as many as can go in order', beforeClaim(fresh, unlimited, 0, no), 1],
    ['more than that', much, 7],
    ['what is left of it', beforeClaim(afterClaim(much, 7, true), unlimited, 7, no), 7],
    ['what is left of it, and nothing is in flight', beforeClaim(much, unlimited, 0, no), 7],
    ['nothing is left, and nothing else in flight', afterClaim(much, 1, false), 1],
    ['nothing is left, and several are in flight', emptied, 7],
    ['others come meanwhile', beforeClaim(emptied, unlimited, 2, no), 7],
    ['they are more than can be claimed', beforeClaim(afterClaim(emptied, 7, true), unlimited, 0, no), 7],
    ['they come when nothing is in flight any more', beforeClaim(emptied, unlimited, 0, no), 1],
    ['they come then, and are too many again', beforeClaim(emptied, unlimited, 0, yes), 7],
    ['more, at a pace that keeps the order anyway', beforeClaim(fresh, perSecond, 0, yes), 1],
    ['more, for a destination that is broken', after([failure, failure, failure], much), 1],
    [
      'more, and it works again',
      settle(after([failure, failure, failure], much), { kind: 'sent', reference: {} }, NOW, ''),
      7,
    ],
  ]
  for (const [what, state, atOnce] of cases)
    t.equal(roomFor(state, 7, { own: 0, elsewhere: 0 }), atOnce, what)
  t.equal(roomFor(much, 0, { own: 0, elsewhere: 0 }), 0)
  t.equal(roomFor(fresh, 0, { own: 0, elsewhere: 0 }), 0)
  t.equal(roomFor(much, 7, { own: 3, elsewhere: 6 }), 4, 'each instance has as many as it can')
  t.equal(roomFor(fresh, 7, { own: 0, elsewhere: 1 }), 0, 'one by one is one of all instances')
  t.equal(beforeClaim(much, unlimited, 3, yes), much, 'no change, no other value')
  t.equal(beforeClaim(emptied, unlimited, 3, yes), emptied)
  t.equal(afterClaim(fresh, 1, false), fresh)
  t.equal(afterClaim(much, 7, true), much)
  t.equal(afterClaim(emptied, 7, false), emptied)
})

const PER_DESTINATION = 4
const IN_ORDER_UP_TO = 5

/** Messages that arrive at a destination, attempts that end, and a claim after each of these; what a store keeps is JSON. */
function* walk(changes: readonly number[]) {
  let state = fresh
  let due = 0
  let inFlight = 0
  for (const change of changes) {
    if (change > 0) due += change
    else inFlight = Math.max(0, inFlight + change)
    const isMuch = due > IN_ORDER_UP_TO
    const before = beforeClaim(state, unlimited, inFlight, () => isMuch)
    const claimed = Math.max(
      0,
      Math.min(due, roomFor(before, PER_DESTINATION, { own: inFlight, elsewhere: 0 })),
    )
    due -= claimed
    inFlight += claimed
    state = JSON.parse(JSON.stringify(claimed === 0 ? before : afterClaim(before, inFlight, due > 0)))
    yield { isMuch, due, claimed, inFlight, state }
  }
}

t.test('several are in flight from when too many wait until none waits or is in flight', async () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: -3, max: 8 }), { maxLength: 60 }), (changes) => {
      let isCatchingUp = false
      for (const { isMuch, due, claimed, inFlight, state } of walk(changes)) {
        if (isMuch) isCatchingUp = true
        if (!isCatchingUp) assert.ok(inFlight <= 1, `${inFlight} in flight, and never too many waited`)
        if (isCatchingUp && due > 0) assert.equal(inFlight, PER_DESTINATION, 'and as many as may be')
        if (due === 0 && (inFlight === 0 || (inFlight === 1 && claimed === 1))) isCatchingUp = false
        if (state.nothingLeft) assert.ok(state.catchingUp)
      }
    }),
    { numRuns: 2_000 },
  )
})
