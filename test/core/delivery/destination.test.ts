import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import {
  allowance,
  availableAt,
  type DestinationState,
  followClock,
  isBroken,
  newDestination,
  type RateLimit,
  reconfigured,
  settle,
  statusOf,
  take,
} from '../../../src/core/delivery/destination.ts'
import type { Outcome } from '../../../src/core/delivery/outcome.ts'

const SECOND = 1_000
const HOUR = 3_600_000
const NOW = Date.UTC(2026, 10, 23)
const LONGEST_PROBE_MS = 30 * SECOND
const perSecond: RateLimit = { rate: 1, burst: 3 }
const unlimited: RateLimit = { rate: Number.POSITIVE_INFINITY, burst: Number.POSITIVE_INFINITY }

const fresh = newDestination(perSecond, NOW)
const empty = take(fresh, perSecond, 3, NOW)
const sent: Outcome = { kind: 'sent', reference: {} }
const failure: Outcome = { kind: 'retry', reason: 'http 503' }
const unanswered: Outcome = { kind: 'ambiguous', reason: 'timeout' }
const parked: Outcome = { kind: 'park', reason: 'not_in_channel' }
const KEY = 'slack:#deals'
const refused: Outcome = { kind: 'refuse', reason: 'msg_too_long' }
const asked = (after: number): Outcome => ({ kind: 'retry', reason: 'http 429', after })
const failedAndAsked = (after: number): Outcome => ({ kind: 'ambiguous', reason: 'http 500', after })

function after(outcomes: readonly Outcome[], state = fresh, now = NOW): DestinationState {
  return outcomes.reduce((before, outcome) => settle(before, outcome, now, KEY), state)
}

t.test('how many messages may go, and when the next may', async (t) => {
  const broken = after([failure, failure, failure])
  const probeAt = broken.backoff?.until ?? 0
  const cases: readonly [string, DestinationState, RateLimit, number, number, number][] = [
    // what, state, limit, at, allowance, available at
    ['a new one', fresh, perSecond, NOW, 3, NOW],
    ['after a burst', empty, perSecond, NOW, 0, NOW + SECOND],
    ['a part of the wait later', empty, perSecond, NOW + 400, 0, NOW + SECOND],
    ['after the wait', empty, perSecond, NOW + SECOND, 1, NOW + SECOND],
    ['after a long rest', empty, perSecond, NOW + HOUR, 3, NOW + HOUR],
    ['without a limit', newDestination(unlimited, NOW), unlimited, NOW, Infinity, NOW],
    ['failing', after([failure, failure]), perSecond, NOW, 3, NOW],
    ['broken', broken, perSecond, probeAt - 1, 0, probeAt],
    ['broken, to be probed', broken, perSecond, probeAt, 1, probeAt],
    ['broken without a limit', broken, unlimited, probeAt, 1, probeAt],
    ['broken, but parked last', after([failure, failure, failure, parked]), perSecond, NOW, 1, NOW],
    ['asked to wait', after([asked(HOUR)]), perSecond, NOW + 1, 0, NOW + HOUR],
    ['failed, and asked to wait', after([failedAndAsked(HOUR)]), perSecond, NOW + 1, 0, NOW + HOUR],
    ['asked for less later', after([asked(HOUR), asked(SECOND)]), perSecond, NOW, 0, NOW + HOUR],
    ['asked to wait, then sent', after([asked(HOUR), sent]), perSecond, NOW, 0, NOW + HOUR],
    ['asked for less than its rate', after([asked(200)], empty), perSecond, NOW, 0, NOW + SECOND],
    ['asked for days', after([asked(72 * HOUR)]), perSecond, NOW + HOUR, 0, NOW + 72 * HOUR],
    ['set back', empty, perSecond, NOW - HOUR, 0, NOW - HOUR + SECOND],
    ['asked to wait, and set back', after([asked(HOUR)]), perSecond, NOW - HOUR, 0, NOW],
    ['set forward', after([asked(HOUR)], empty), perSecond, NOW + 2 * HOUR, 3, NOW + 2 * HOUR],
  ]
  for (const [what, state, limit, now, count, at] of cases) {
    t.equal(allowance(state, limit, now), count, what)
    t.equal(availableAt(state, limit, now), at, `${what}: when`)
  }
})

t.test('what an attempt says of a destination', async (t) => {
  t.match(after([failure]), { failures: 1, failingSince: NOW, reason: 'http 503', backoff: null })
  t.match(settle(after([failure]), unanswered, NOW + 5, KEY), {
    failures: 2,
    failingSince: NOW,
    reason: 'timeout',
  })
  t.match(after([failure, failure, failure, sent]), {
    failures: 0,
    failingSince: null,
    reason: null,
    backoff: null,
    lastSuccessAt: NOW,
  })
  t.match(after([failure, failure, failure, refused]), { failures: 0, lastSuccessAt: null }, 'it answered')
  const working = after([sent])
  t.equal(settle(working, sent, NOW + 999, KEY), working, 'nothing new within a second')
  t.equal(settle(working, refused, NOW, KEY), working)
  t.equal(after([sent], working, NOW - HOUR).lastSuccessAt, NOW - HOUR, 'as the clock says now')
})

t.test('a broken destination is probed after half to all of an interval that doubles', async (t) => {
  for (const [failures, longest] of [
    [3, SECOND],
    [4, 2 * SECOND],
    [7, 16 * SECOND],
    [8, LONGEST_PROBE_MS],
    [40, LONGEST_PROBE_MS],
  ] as const) {
    const { from, until } = after(Array<Outcome>(failures).fill(failure)).backoff ?? { from: 0, until: 0 }
    t.equal(from, NOW)
    t.ok(until - from >= longest / 2 && until - from <= longest, `${failures} failures: ${until - from} ms`)
  }
})

t.test('destinations that broke together are not probed together', async (t) => {
  const seconds = new Array<number>(120).fill(0)
  for (let number = 0; number < 1_000; number += 1) {
    let state = fresh
    for (let now = NOW; now < NOW + 120 * SECOND; now = availableAt(state, unlimited, now)) {
      const second = Math.floor((now - NOW) / SECOND)
      seconds[second] = (seconds[second] ?? 0) + 1
      state = settle(state, failure, now, `slack:#channel-${number}`)
    }
  }
  const later = seconds.slice(30)
  const mean = later.reduce((sum, count) => sum + count, 0) / later.length
  t.ok(mean > 1_000 / 30 && mean < 1_000 / 15, `${mean} probes a second`)
  t.ok(Math.max(...later) < 3 * mean, `at most ${Math.max(...later)} in one of them`)
})

t.test('refusals of one burst are one failure', async (t) => {
  const burst = after([asked(HOUR), asked(2 * HOUR), failedAndAsked(HOUR), asked(HOUR)])
  t.match(burst, { failures: 1, failingSince: NOW, backoff: null, retryAfter: { until: NOW + 2 * HOUR } })
  t.match(
    settle(burst, asked(SECOND), NOW + 2 * HOUR, KEY),
    { failures: 2 },
    'after the pause it is another one',
  )
  t.match(after([asked(HOUR), failure]), { failures: 2 }, 'as is one of another kind')
})

t.test('its status in a word', async (t) => {
  const status = (...outcomes: Outcome[]) => statusOf(after(outcomes), NOW)
  t.equal(status(), 'working')
  t.equal(status(failure), 'failing')
  t.equal(status(failure, parked, unanswered), 'broken')
  t.equal(status(asked(SECOND)), 'paused')
  t.equal(statusOf(after([asked(SECOND)]), NOW + SECOND), 'failing')
  t.equal(status(failure, sent), 'working')
})

t.test('another configuration forgives failures, and keeps to a pause that was asked for', async (t) => {
  const state = after([asked(HOUR), failure, failure, failure])
  t.match(reconfigured(state), {
    failures: 0,
    backoff: null,
    reason: null,
    retryAfter: { until: NOW + HOUR },
  })
  t.equal(reconfigured(fresh), fresh)
})

/** The clock goes on, and is set, by any of these. */
const step = fc.oneof(
  { weight: 16, arbitrary: fc.integer({ min: 0, max: 5_000 }) },
  { weight: 4, arbitrary: fc.integer({ min: -5_000, max: 0 }) },
  { weight: 1, arbitrary: fc.integer({ min: -400 * 24 * HOUR, max: 400 * 24 * HOUR }) },
)
const outcome: fc.Arbitrary<Outcome> = fc.oneof(
  fc.constantFrom(sent, failure, unanswered, parked, refused),
  fc
    .oneof(fc.integer({ min: 0, max: 5 }), fc.integer({ min: 0, max: 200_000 }))
    .chain((seconds) => fc.constantFrom(asked(seconds * SECOND), failedAndAsked(seconds * SECOND))),
)
const change = fc.oneof(
  fc.record({ kind: fc.constant('take' as const), ms: step, share: fc.constantFrom(0, 0.5, 1) }),
  // An attempt may have started under a clock that was set since.
  fc.record({ kind: fc.constant('settle' as const), ms: step, outcome, late: step }),
  fc.record({ kind: fc.constant('look' as const), ms: step }),
)
const limit: fc.Arbitrary<RateLimit> = fc.record({
  rate: fc.oneof(
    fc.constantFrom(Number.POSITIVE_INFINITY, 1 / 3_600, 1 / 60, 1 / 3, 1, 3, 7, 1_000),
    fc.double({ min: 1 / 3_600, max: 1_000, noNaN: true }),
  ),
  burst: fc.integer({ min: 1, max: 1_000 }),
})

interface Step {
  readonly state: DestinationState
  readonly now: number
  /** The longest pause that was asked for up to here. */
  readonly longest: number
}

/** Calls `check` after each change; what a store keeps is JSON. */
function walk(
  limit: RateLimit,
  changes: readonly (typeof change extends fc.Arbitrary<infer Change> ? Change : never)[],
  check: (step: Step) => void,
): void {
  let now = NOW
  let state = newDestination(limit, now)
  let longest = 0
  for (const each of changes) {
    now += each.ms
    if (each.kind === 'take') {
      const allowed = Math.min(allowance(followClock(state, now), limit, now), 1_000)
      state = take(followClock(state, now), limit, Math.floor(allowed * each.share), now)
    }
    if (each.kind === 'settle') {
      if ('after' in each.outcome) longest = Math.max(longest, each.outcome.after ?? 0)
      state = settle(state, each.outcome, now + each.late, KEY)
    }
    state = JSON.parse(JSON.stringify(state))
    check({ state: followClock(state, now), now, longest })
  }
}

const walks = fc.array(change, { minLength: 1, maxLength: 30 })

t.test('no tokens are given twice for the same time', async (t) => {
  const limit = { rate: 1, burst: 1 }
  const taken = take(newDestination(limit, NOW), limit, 1, NOW)
  for (const late of [1, 500, 5 * SECOND]) {
    const recorded = settle(taken, { kind: 'sent', reference: {} }, NOW - late, KEY)
    t.equal(
      allowance(recorded, limit, NOW + SECOND - 1),
      0,
      `an attempt that ended ${late} ms before the last claim`,
    )
    t.equal(allowance(recorded, limit, NOW + SECOND), 1)
  }
  const elsewhere = take(taken, limit, 0, NOW - 900)
  t.equal(allowance(elsewhere, limit, NOW + SECOND - 1), 0, 'a claim by a clock that is 900 ms behind')
  t.equal(availableAt(elsewhere, limit, NOW - 900), NOW + SECOND)
})

t.test('however the clock moves, tokens are never below nothing or above the burst', async () => {
  fc.assert(
    fc.property(limit, walks, (limit, changes) => {
      walk(limit, changes, ({ state }) => {
        assert.ok(state.tokens >= 0 && state.tokens <= limit.burst, `${state.tokens} tokens`)
      })
    }),
    { numRuns: 1_000 },
  )
})

t.test('however the clock moves, no pause is longer than it was asked for', async () => {
  fc.assert(
    fc.property(walks, (changes) => {
      walk(unlimited, changes, ({ state, now, longest }) => {
        const wait = availableAt(state, unlimited, now) - now
        assert.ok(wait >= 0)
        assert.ok(wait <= Math.max(longest, LONGEST_PROBE_MS), `a pause of ${wait} ms`)
        if (!isBroken(state)) assert.ok(wait <= longest, `a pause of ${wait} ms`)
      })
    }),
    { numRuns: 1_000 },
  )
})

t.test('when it is available it has an allowance, and before it has none', async () => {
  fc.assert(
    fc.property(limit, walks, fc.double({ min: 0, max: 1, noNaN: true }), (limit, changes, part) => {
      walk(limit, changes, ({ state, now }) => {
        const at = availableAt(state, limit, now)
        assert.ok(Number.isInteger(at) && at >= now)
        assert.ok(allowance(state, limit, at) >= 1, `nothing at ${at - now}`)
        if (at === now) return
        for (const before of [at - 1, now, now + Math.floor((at - now - 1) * part)])
          assert.equal(allowance(state, limit, before), 0, `something at ${before - now} of ${at - now}`)
      })
    }),
    { numRuns: 1_000 },
  )
})

t.test('over any stretch no more goes than the burst and the rate, however often it is asked', async () => {
  fc.assert(
    fc.property(limit, fc.array(fc.integer({ min: 0, max: 3_000 }), { maxLength: 60 }), (limit, waits) => {
      if (limit.rate === Number.POSITIVE_INFINITY) return
      let now = NOW
      let state = newDestination(limit, now)
      let gone = 0
      for (const wait of waits) {
        now += wait
        const count = allowance(state, limit, now)
        state = take(state, limit, count, now)
        gone += count
        assert.ok(gone <= limit.burst + ((now - NOW) * limit.rate) / 1000 + 1e-6)
      }
    }),
  )
})
