/** What becomes of an attempt while the store takes nothing. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import t from 'tap'
import { type Addressed, UNLIMITED } from '../../src/channels/channel.ts'
import type { NextState } from '../../src/core/delivery/delivery.ts'
import type { Outcome } from '../../src/core/delivery/outcome.ts'
import { POST } from '../../src/core/lifecycle/lifecycle.ts'
import { createDeliver, type DeliverSettings } from '../../src/pipeline/deliver.ts'
import type { Fact } from '../../src/pipeline/fact.ts'
import { StopSignal } from '../../src/pipeline/stop-signal.ts'
import { type Attempt, type Leased, type Queue, StoreUnavailable } from '../../src/store/store.ts'
import { deliveryId, event, START, stored } from '../store/contract/sample.ts'
import { until } from '../support/until.ts'

const one = event(1)
const leased: Leased = {
  event: one,
  delivery: {
    ...stored(),
    id: deliveryId(1, 1),
    plan: 1,
    eventId: one.id,
    state: 'sending',
    reason: null,
    dueAt: START + 120_000,
    attempts: 0,
    ambiguousAttempts: 0,
    createdAt: START,
    retryingSince: START,
  },
  interruptedAt: START,
  atFailing: false,
  unanswered: null,
  conversation: null,
}

function delivering(
  complete: Queue['complete'],
  lease = leased,
  settings: Partial<DeliverSettings> = {},
  stopped = new StopSignal(),
  isLeftToOthers: Queue['isLeftToOthers'] = () => false,
) {
  const facts: Fact[] = []
  const deliver = createDeliver({
    store: { complete, skip: () => Promise.resolve(true), isLeftToOthers },
    settings: (): DeliverSettings => ({
      channels: new Map(),
      templates: new Set(),
      renderers: () => [],
      links: () => '',
      lifecycles: [],
      followUp: () => POST,
      sourceTitle: (source) => source,
      fallbacks: new Map(),
      policy: { retryFor: 86_400_000, ambiguousResends: 2 },
      ...settings,
    }),
    now: () => START + 1_000,
    clock: () => 0,
    random: () => 0.5,
    newId: () => 'dlv_new',
    observe: (fact) => facts.push(fact),
    pause: () => new Promise((resolve) => setImmediate(resolve)),
  })
  const kinds = () => facts.map(({ kind }) => kind)
  return { ended: deliver(lease, stopped), stop: () => stopped.give(), kinds }
}

t.test('it is recorded once the store takes it', async (t) => {
  let refusals = 3
  const { ended, kinds } = delivering(async (_attempt, next) => {
    if (refusals-- > 0) throw new StoreUnavailable('the disk is full')
    return next
  })
  await ended
  t.strictSame(kinds(), ['store_failed', 'store_failed', 'store_failed', 'attempted'])
})

t.test('a stop does not wait for a store that takes nothing', async (t) => {
  const { ended, stop, kinds } = delivering(() => Promise.reject(new StoreUnavailable('the disk is full')))
  await until(() => kinds().length >= 3, 'some tries')
  stop()
  await ended
  t.notOk(kinds().includes('attempted'), 'what is not recorded is not reported either')
})

t.test('a stop tries once more', async (t) => {
  let stopping = false
  const { ended, stop, kinds } = delivering(async (_attempt, next) => {
    if (!stopping) throw new StoreUnavailable('the disk is full')
    return next
  })
  await until(() => kinds().length >= 1, 'a try')
  stopping = true
  stop()
  await ended
  t.ok(kinds().includes('attempted'))
})

t.test('what throws before a message is sent is recorded as what it is, and parks', async (t) => {
  const { channel } = leased.delivery.destination
  const open = { ...UNLIMITED_CHANNEL, send: () => Promise.reject(new Error('nothing is sent')) }
  const fail = () => {
    throw new URIError('URI malformed')
  }
  const renderer = { name: 'mine', renderer: { render: fail } }
  for (const [settings, reason] of [
    [{ renderers: () => [renderer] }, 'rendering failed: template mine failed: URIError: URI malformed'],
    [{ renderers: fail }, 'rendering failed: URIError: URI malformed'],
  ] as const) {
    const stored: unknown[] = []
    const { ended } = delivering(
      async (attempt, next) => {
        stored.push(attempt.outcome, next.state)
        return next
      },
      { ...leased, interruptedAt: null },
      { channels: new Map([[channel, open]]), ...settings },
    )
    await ended
    t.strictSame(stored, [{ kind: 'park', reason }, 'parked'])
  }
})

t.test('a process sends nothing if it was suspended beyond its lease, or is stopping', async (t) => {
  const { channel } = leased.delivery.destination
  const sent: unknown[] = []
  const open = {
    ...UNLIMITED_CHANNEL,
    send: async (message: unknown): Promise<Outcome> => {
      sent.push(message)
      return { kind: 'sent', reference: {} }
    },
  }
  const renderer = { render: () => ({ ok: true, message: 'hello', notes: [] }) as const }
  const stopping = new StopSignal()
  stopping.announce()
  for (const { dueAt, stopped, reason } of [
    { dueAt: START + 1_001, stopped: new StopSignal(), reason: null },
    { dueAt: START + 1_000, stopped: new StopSignal(), reason: /was suspended until its lease .* ended/ },
    { dueAt: START + 1_001, stopped: stopping, reason: /was stopping when it claimed/ },
  ]) {
    const next: NextState[] = []
    const wasReached: boolean[] = []
    await delivering(
      async (_attempt, stored, reached) => {
        next.push(stored)
        wasReached.push(reached)
        return stored
      },
      { ...leased, interruptedAt: null, delivery: { ...leased.delivery, dueAt } },
      {
        channels: new Map([[channel, open]]),
        renderers: () => [{ name: 'mine', renderer }],
        // It is over: another failure would end the delivery.
        policy: { retryFor: 0, ambiguousResends: 2 },
      },
      stopped,
    ).ended
    const due = { state: 'retrying', dueAt: START + 1_000, reason }
    t.match(next, [reason === null ? { state: 'delivered' } : due])
    t.strictSame(wasReached, [reason === null], 'the health of the destination stays as it is')
  }
  t.strictSame(sent, ['hello'])
})

t.test('a channel hears of attempts without an answer, and says what came of them', async (t) => {
  const { channel, target } = leased.delivery.destination
  const rendered = { ok: true, message: 'hello', notes: ['cut'] } as const
  for (const [ambiguousAttempts, mayResend] of [
    [2, true],
    [3, false],
  ] as const) {
    const heard: unknown[] = []
    const open = {
      ...UNLIMITED_CHANNEL,
      canLookUp: (to: string) => to === target,
      send: async (_message: unknown, { unanswered }: Addressed): Promise<Outcome> => {
        heard.push(unanswered)
        return { kind: 'ambiguous', reason: 'timeout', lookUp: 'not_allowed', notes: ['missing_scope'] }
      },
    }
    const stored: unknown[] = []
    await delivering(
      async (attempt, next) => {
        stored.push(attempt.outcome, attempt.notes, next.state)
        return next
      },
      {
        ...leased,
        interruptedAt: null,
        unanswered: { since: START, latest: START + 1, underWay: START },
        delivery: { ...leased.delivery, ambiguousAttempts },
      },
      {
        channels: new Map([[channel, open]]),
        renderers: () => [{ name: 'mine', renderer: { render: () => rendered } }],
      },
    ).ended
    t.strictSame(heard, [{ since: START, latest: START + 1, underWay: START, mayResend }])
    t.strictSame(
      stored,
      [
        { kind: 'ambiguous', reason: 'timeout', lookUp: 'not_allowed' },
        ['cut', 'missing_scope'],
        'ambiguous',
      ],
      'it is not parked while it can be looked up',
    )
  }
})

t.test('what this configuration lacks is left to an instance with another one, for a while', async (t) => {
  const { channel } = leased.delivery.destination
  const lacks: Outcome = { kind: 'park', reason: 'no webhook_url', unconfigured: true }
  const sends = (outcome: Outcome) =>
    new Map([[channel, { ...UNLIMITED_CHANNEL, send: async () => outcome }]])
  const renderers = () => [
    { name: 'default', renderer: { render: () => ({ ok: true, message: 'hello', notes: [] }) as const } },
  ]
  const missing = 'channels.slack is not configured any more; add it and resend, or dismiss the delivery'
  const sent: Outcome = { kind: 'sent', reference: {} }
  for (const { settings, template = null, alone, reason } of [
    { settings: {}, alone: { kind: 'park', reason: missing }, reason: missing },
    {
      settings: { channels: sends(lacks) },
      alone: { kind: 'park', reason: lacks.reason },
      reason: lacks.reason,
    },
    {
      settings: { channels: sends(sent) },
      template: 'card',
      alone: sent,
      reason: 'there is no template card',
    },
  ]) {
    const end = async (others: boolean) => {
      const stored: { attempt: Attempt; next: NextState; reached: boolean }[] = []
      const asked: number[] = []
      const isLeft = (since: number) => asked.push(since) > 0 && others
      await delivering(
        async (attempt, next, reached) => {
          stored.push({ attempt, next, reached })
          return next
        },
        { ...leased, interruptedAt: null, delivery: { ...leased.delivery, template } },
        { renderers, ...settings },
        new StopSignal(),
        isLeft,
      ).ended
      t.strictSame(new Set(asked), new Set([leased.delivery.retryingSince]))
      return stored
    }
    const notes = template === null ? [] : [reason]
    t.match(await end(false), [{ attempt: { outcome: alone, notes } }])
    const left = `left to another instance, which has another configuration: ${reason}`
    const next = { state: 'retrying', dueAt: START + 3_000, reason: left }
    t.strictSame(
      (await end(true)).map(({ attempt, ...stored }) => ({ ...stored, outcome: attempt.outcome })),
      [{ next, reached: false, outcome: { kind: 'retry', reason: left } }],
    )
  }
})

const UNLIMITED_CHANNEL = { rateLimit: UNLIMITED, perDestination: 1, concurrency: 1, close: async () => {} }

t.test('what has ended leaves nothing with the signal, which lives as long as the service', async (t) => {
  setFlagsFromString('--expose-gc')
  const collect: () => void = runInNewContext('gc')
  const signal = new StopSignal()
  const ended = await Promise.all(
    Array.from({ length: 10 }, async () => {
      const outcome = {}
      t.equal(await signal.unless(Promise.resolve(outcome), null), outcome)
      return new WeakRef(outcome)
    }),
  )
  await until(() => {
    collect()
    return ended.every((outcome) => outcome.deref() === undefined)
  }, 'all outcomes to be collected')
  const never = signal.unless(new Promise(() => {}), 'stopped')
  signal.give()
  t.equal(await never, 'stopped')
  t.equal(await signal.unless(new Promise(() => {}), 'stopped'), 'stopped', 'also afterwards')
})
