import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import {
  ambiguousAfter,
  finalStates,
  nextState,
  type Policy,
  unansweredOf,
} from '../../../src/core/delivery/delivery.ts'
import type { Outcome } from '../../../src/core/delivery/outcome.ts'

const SECOND = 1_000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const now = Date.UTC(2026, 10, 23)
const policy: Policy = { retryFor: 24 * HOUR, ambiguousResends: 2 }
const first = { attempts: 1, ambiguousAttempts: 0, retryingSince: now }

t.test('what each outcome leads to', async (t) => {
  const sent: Outcome = { kind: 'sent', reference: { ts: '1.2' } }
  t.strictSame(nextState(first, sent, policy, now, 0.5), { state: 'delivered', dueAt: null, reason: null })
  t.strictSame(nextState(first, { kind: 'park', reason: 'not_in_channel' }, policy, now, 0.5), {
    state: 'parked',
    dueAt: null,
    reason: 'not_in_channel',
  })
  t.strictSame(nextState(first, { kind: 'refuse', reason: 'msg_too_long' }, policy, now, 0.5), {
    state: 'dead',
    dueAt: null,
    reason: 'msg_too_long',
  })
  t.strictSame(nextState(first, { kind: 'retry', reason: 'http_500' }, policy, now, 0.5), {
    state: 'retrying',
    dueAt: now + 500,
    reason: 'http_500',
  })
  t.strictSame(nextState(first, { kind: 'ambiguous', reason: 'timeout' }, policy, now, 0.5), {
    state: 'ambiguous',
    dueAt: now + 500,
    reason: 'timeout',
  })
})

t.test('ambiguous attempts are bounded, and then a person decides', async (t) => {
  const unanswered: Outcome = { kind: 'ambiguous', reason: 'timeout' }
  const after = (ambiguousAttempts: number, ambiguousResends: number) =>
    nextState({ ...first, ambiguousAttempts }, unanswered, { ...policy, ambiguousResends }, now, 0.5)
  t.same([after(1, 2).state, after(2, 2).state, after(3, 2).state], ['ambiguous', 'ambiguous', 'parked'])
  t.strictSame(after(1, 0), {
    state: 'parked',
    dueAt: null,
    reason:
      'ambiguous: it is unknown whether 1 attempt delivered it; check whether the message arrived, then dismiss or resend it (timeout)',
  })
  const failed: Outcome = { kind: 'retry', reason: 'http 503' }
  t.match(nextState({ ...first, ambiguousAttempts: 9 }, failed, policy, now, 0.5), { state: 'retrying' })
})

t.test('while it can be found out what became of them, they are not bounded', async (t) => {
  const unanswered: Outcome = { kind: 'ambiguous', reason: 'timeout' }
  const delivery = { ...first, ambiguousAttempts: 9 }
  t.match(nextState(delivery, unanswered, { ...policy, canLookUp: true }, now, 0.5), { state: 'ambiguous' })
  t.match(nextState(delivery, unanswered, { ...policy, canLookUp: false }, now, 0.5), { state: 'parked' })
})

t.test('attempts that may have delivered', async (t) => {
  const sent: Outcome = { kind: 'sent', reference: {} }
  const failed: Outcome = { kind: 'retry', reason: 'x' }
  const unanswered: Outcome = { kind: 'ambiguous', reason: 'x' }
  const absent = { lookUp: 'absent' } as const
  const of = (...outcomes: readonly Outcome[]) =>
    unansweredOf(outcomes.map((outcome, index) => ({ startedAt: now + index, outcome })).reverse())
  t.equal(of(), null)
  t.equal(of(failed, sent, failed), null)
  t.same(of(unanswered, failed), { since: now, latest: now, underWay: now })
  t.same(of(failed, unanswered, failed, unanswered), { since: now + 1, latest: now + 3, underWay: now + 3 })
  t.same(
    of(unanswered, sent, unanswered),
    { since: now + 2, latest: now + 2, underWay: now + 2 },
    'a person wanted it again',
  )
  t.equal(of(unanswered, { ...failed, ...absent }), null, 'it was looked for')
  t.same(of(unanswered, { ...unanswered, ...absent }), { since: now + 1, latest: now + 1, underWay: now + 1 })
  t.same(
    of(unanswered, { ...failed, lookUp: 'failed' }),
    { since: now, latest: now, underWay: now },
    'as good as not looked for',
  )
  const answered: Outcome = { ...unanswered, answered: true }
  t.same(of(answered, answered), { since: now, latest: now + 1, underWay: null })
  t.same(of(unanswered, answered), { since: now, latest: now + 1, underWay: now })
  for (const outcome of [unanswered, failed]) {
    const setBack = [
      { startedAt: now, outcome: unanswered },
      { startedAt: now - 1_000, outcome },
    ]
    t.same(
      unansweredOf(setBack.reverse()),
      { since: now - 2_000, latest: now - 1_000, underWay: now - 1_000 },
      'the clock was set back: what came before is not later',
    )
  }

  t.equal(ambiguousAfter(2, unanswered), 3)
  t.equal(ambiguousAfter(2, failed), 2)
  t.equal(ambiguousAfter(2, { ...failed, ...absent }), 0)
  t.equal(ambiguousAfter(2, { ...unanswered, ...absent }), 1)
})

t.test('the wait grows from 1 s to 15 min', async (t) => {
  const waits = [1, 2, 3, 4, 10, 11, 50, 5_000].map((attempts) => {
    const next = nextState(
      { attempts, ambiguousAttempts: 0, retryingSince: now },
      { kind: 'retry', reason: 'x' },
      policy,
      now,
      0.999_999_9,
    )
    return next.dueAt === null ? null : next.dueAt - now
  })
  const longest = 15 * MINUTE
  t.same(waits, [SECOND, 2 * SECOND, 4 * SECOND, 8 * SECOND, 512 * SECOND, longest, longest, longest])
})

t.test('the wait the destination asks for is the least', async (t) => {
  for (const kind of ['retry', 'ambiguous'] as const) {
    const wait = (after: number, random: number) =>
      nextState(first, { kind, reason: 'rate_limited', after }, policy, now, random).dueAt
    t.equal(wait(30 * SECOND, 0), now + 30 * SECOND, kind)
    t.equal(wait(30 * SECOND, 0.99), now + 30 * SECOND, kind)
    t.equal(wait(10, 0.5), now + 500, `${kind}: a shorter wait than ours does not hurry us`)
  }
})

t.test('the budget ends a delivery', async (t) => {
  const retryingSince = now - policy.retryFor
  const failed: Outcome = { kind: 'retry', reason: 'http_503' }
  t.strictSame(nextState({ attempts: 7, ambiguousAttempts: 0, retryingSince }, failed, policy, now, 0.5), {
    state: 'dead',
    dueAt: null,
    reason: 'gave up after 7 attempts: http_503',
  })
  t.match(nextState({ attempts: 1, ambiguousAttempts: 0, retryingSince }, failed, policy, now, 0), {
    state: 'retrying',
    dueAt: now,
  })
  t.match(
    nextState(
      { attempts: 1, ambiguousAttempts: 0, retryingSince: retryingSince + 500 },
      failed,
      policy,
      now,
      0.5,
    ),
    { state: 'retrying', dueAt: now + 500 },
    'the last moment still counts',
  )
  t.match(
    nextState(
      { attempts: 3, ambiguousAttempts: 0, retryingSince },
      { kind: 'ambiguous', reason: 'x' },
      policy,
      now,
      0.5,
    ),
    {
      state: 'dead',
    },
  )
  const long: Outcome = { kind: 'retry', reason: 'rate_limited', after: 25 * HOUR }
  for (const [outcome, state] of [
    [long, 'retrying'],
    [{ ...long, kind: 'ambiguous' }, 'ambiguous'],
  ] as const)
    t.match(
      nextState(first, outcome, policy, now, 0.5),
      { state, dueAt: now + 25 * HOUR },
      'what the destination asks for is waited for, beyond the budget too',
    )
  const ending = { attempts: 12, ambiguousAttempts: 0, retryingSince: retryingSince + MINUTE }
  for (const after of [0, SECOND])
    t.match(
      nextState(ending, { kind: 'retry', reason: 'rate_limited', after }, policy, now, 0.99),
      { state: 'retrying', dueAt: now + MINUTE },
      'the last attempt is at the end of the budget, however soon the destination allows it',
    )
  const late = { attempts: 2, ambiguousAttempts: 0, retryingSince: now - 25 * HOUR }
  t.match(nextState(late, long, policy, now, 0.5), { state: 'dead' }, 'and then there is one attempt more')
})

t.test('whatever happens, a delivery is due within its budget, or final with a reason', async () => {
  const reason = fc.string()
  const outcome = fc.oneof(
    fc.record({ kind: fc.constant('park' as const), reason }),
    fc.record({ kind: fc.constant('refuse' as const), reason }),
    fc.record(
      {
        kind: fc.constantFrom('ambiguous' as const, 'retry' as const),
        reason,
        after: fc.integer({ min: 0, max: 2 * 24 * HOUR }),
      },
      { requiredKeys: ['kind', 'reason'] },
    ),
  )
  fc.assert(
    fc.property(
      outcome,
      fc.integer({ min: 1, max: 10_000 }),
      fc.integer({ min: 0, max: 2 * 24 * HOUR }),
      fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
      fc.integer({ min: 0, max: 10 }),
      (ended, attempts, age, random, ambiguousResends) => {
        const retryingSince = now - age
        const ambiguousAttempts = ended.kind === 'ambiguous' ? Math.min(attempts, 4) : 0
        const delivery = { attempts, ambiguousAttempts, retryingSince }
        const next = nextState(delivery, ended, { ...policy, ambiguousResends }, now, random)
        const final = finalStates.some((state) => state === next.state)
        assert.equal(next.dueAt === null, final)
        assert.ok(next.reason?.includes(ended.reason))
        if (next.dueAt === null) return
        const after = 'after' in ended ? (ended.after ?? 0) : 0
        assert.ok(Number.isInteger(next.dueAt))
        assert.ok(next.dueAt >= now + after)
        assert.ok(
          next.dueAt <= Math.max(now + after, now + Math.min(15 * MINUTE, SECOND * 2 ** (attempts - 1))),
        )
        assert.ok(next.dueAt <= Math.max(retryingSince + policy.retryFor, now + after))
      },
    ),
    { numRuns: 1_000 },
  )
})
