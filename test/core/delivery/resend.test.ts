import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { type Delivery, type State, states } from '../../../src/core/delivery/delivery.ts'
import type { Destination } from '../../../src/core/delivery/destination.ts'
import { isCurrent, type Resend, resend } from '../../../src/core/delivery/resend.ts'

const place = (name: string): Destination => {
  const [channel = '', target = ''] = name.split(' ')
  return { channel, target, rateKey: name }
}
const nameOf = ({ channel, target }: Destination) => `${channel} ${target}`

function delivery(id: string, receiver: string, to: string, state: State = 'parked'): Delivery {
  return {
    id,
    eventId: 'evt_1',
    plan: 1,
    route: 'r',
    receiver,
    destination: place(to),
    template: null,
    conversation: null,
    group: null,
    standsInFor: null,
    state,
    reason: null,
    dueAt: null,
    attempts: 1,
    ambiguousAttempts: 0,
    createdAt: 0,
    retryingSince: 0,
  }
}

type Config = Readonly<Record<string, readonly string[]>>
const configured = (receivers: Config) =>
  new Map(Object.entries(receivers).map(([name, to]) => [name, to.map(place)]))

function inWords(decision: Resend | undefined): string {
  if (decision === undefined) return '-'
  switch (decision.kind) {
    case 'redirect':
      return `to ${nameOf(decision.destination)}`
    case 'gone':
      return `${decision.reason} (${decision.hint})`
    default:
      return decision.kind
  }
}

const cases: readonly {
  readonly what: string
  readonly plan: readonly Delivery[]
  readonly wanted?: readonly string[]
  readonly now: Config
  readonly becomes: readonly string[]
}[] = [
  {
    what: 'the receiver still points there',
    plan: [delivery('1', 'deals', 'slack #deals')],
    now: { deals: ['slack #other', 'slack #deals'] },
    becomes: ['requeue'],
  },
  {
    what: 'a channel was renamed, and the mail beside it was not',
    plan: [delivery('1', 'deals', 'slack #old'), delivery('2', 'deals', 'email a@x.org', 'delivered')],
    now: { deals: ['slack #new', 'email a@x.org'] },
    wanted: ['1'],
    becomes: ['to slack #new', '-'],
  },
  {
    what: 'two of three addresses were corrected: each takes the one in its place',
    plan: [
      delivery('1', 'p', 'email a@old.org'),
      delivery('2', 'p', 'email b@x.org', 'delivered'),
      delivery('3', 'p', 'email c@old.org'),
    ],
    now: { p: ['email a@x.org', 'email b@x.org', 'email c@x.org'] },
    becomes: ['to email a@x.org', 'requeue', 'to email c@x.org'],
  },
  {
    what: 'the second alone: it does not take the place of the first',
    plan: [delivery('1', 'p', 'email a@old.org', 'delivered'), delivery('2', 'p', 'email b@old.org')],
    now: { p: ['email a@x.org', 'email b@x.org'] },
    wanted: ['2'],
    becomes: ['-', 'to email b@x.org'],
  },
  {
    what: 'one address is left of two: what was not delivered takes it',
    plan: [delivery('1', 'p', 'email a@old.org', 'delivered'), delivery('2', 'p', 'email b@old.org')],
    now: { p: ['email c@x.org'] },
    becomes: [
      'receiver p does not send to a@old.org any more, and no other destination is left for it (dismiss it)',
      'to email c@x.org',
    ],
  },
  {
    what: 'both were delivered and corrected, and the first was resent before: it stays delivered',
    plan: [
      delivery('1', 'p', 'email a@old.org', 'delivered'),
      delivery('2', 'p', 'email b@old.org', 'delivered'),
      delivery('3', 'p', 'email a@x.org', 'delivered'),
    ],
    now: { p: ['email a@x.org', 'email b@x.org'] },
    wanted: ['2'],
    becomes: ['-', 'to email b@x.org', '-'],
  },
  {
    what: 'the new destination has this event already, from another receiver',
    plan: [delivery('1', 'a', 'slack #old'), delivery('2', 'b', 'slack #new', 'delivered')],
    now: { a: ['slack #new'], b: ['slack #new'] },
    wanted: ['1'],
    becomes: [
      'receiver a does not send to #old any more, and no other destination is left for it (dismiss it)',
      '-',
    ],
  },
  {
    what: 'two receivers were corrected to one destination: it gets one message',
    plan: [delivery('1', 'a', 'slack #a'), delivery('2', 'b', 'slack #b')],
    now: { a: ['slack #new'], b: ['slack #new', 'slack #newer'] },
    becomes: ['to slack #new', 'to slack #newer'],
  },
  {
    what: 'what a redirect cancelled does not keep its destination',
    plan: [delivery('1', 'a', 'slack #b', 'cancelled'), delivery('2', 'a', 'slack #typo', 'parked')],
    now: { a: ['slack #b'] },
    becomes: ['replaced', 'to slack #b'],
  },
  {
    what: 'what another delivery does',
    plan: [delivery('1', 'a', 'slack #a', 'skipped'), delivery('2', 'a', 'slack #b', 'merged')],
    now: { a: ['slack #a'] },
    becomes: ['replaced', 'replaced'],
  },
  {
    what: 'the receiver was removed, or its channel',
    plan: [delivery('1', 'a', 'slack #a'), delivery('2', 'b', 'slack #b')],
    now: { b: ['email b@x.org'] },
    becomes: [
      'there is no receiver a any more (dismiss it, or replay the event)',
      'receiver b does not use slack any more (dismiss it, or replay the event)',
    ],
  },
]

t.test('where a delivery goes that is attempted again', async (t) => {
  for (const { what, plan, wanted, now, becomes } of cases) {
    const decisions = resend(plan, new Set(wanted ?? plan.map(({ id }) => id)), configured(now))
    t.strictSame(
      plan.map(({ id }) => inWords(decisions.get(id))),
      becomes,
      what,
    )
  }
})

const destinationNames = ['slack #a', 'slack #b', 'slack #c', 'email a@x', 'email b@x']
const receiverNames = ['one', 'two']
const unresolved: readonly State[] = ['parked', 'dead']

const plans = fc.uniqueArray(fc.constantFrom(...destinationNames), { minLength: 1 }).chain((to) =>
  fc.tuple(
    ...to.map((name, index) =>
      fc
        .record({
          receiver: fc.constantFrom(...receiverNames),
          state: fc.constantFrom(...states.filter((state) => state !== 'skipped')),
          wanted: fc.boolean(),
        })
        .map(({ receiver, state, wanted }) => ({
          wanted,
          delivery: delivery(`dlv_${index}`, receiver, name, state),
        })),
    ),
  ),
)
const configurations = fc.dictionary(
  fc.constantFrom(...receiverNames),
  fc.uniqueArray(fc.constantFrom(...destinationNames)),
)

t.test('no destination gets two deliveries of a plan, and nothing is left out that has a place', async () => {
  fc.assert(
    fc.property(plans, configurations, (drawn, receivers) => {
      const plan = drawn.map(({ delivery }) => delivery)
      const wanted = new Set(drawn.flatMap((one) => (one.wanted ? [one.delivery.id] : [])))
      const destinations = configured(receivers)
      const decisions = resend(plan, wanted, destinations)
      assert.deepEqual([...decisions.keys()].toSorted(), [...wanted].toSorted(), 'each wanted one is decided')

      const redirected = [...decisions.values()].flatMap((one) =>
        one.kind === 'redirect' ? [nameOf(one.destination)] : [],
      )
      const kept = plan.filter(
        ({ id, state }) => state !== 'cancelled' && decisions.get(id)?.kind !== 'redirect',
      )
      const all = [...kept.map(({ destination }) => nameOf(destination)), ...redirected]
      assert.equal(new Set(all).size, all.length, 'one delivery a destination')

      for (const one of plan) {
        const decision = decisions.get(one.id)
        const present = (destinations.get(one.receiver) ?? []).map(nameOf)
        if (decision?.kind === 'redirect') assert.ok(present.includes(nameOf(decision.destination)))
        if (decision !== undefined)
          assert.equal(
            decision.kind === 'requeue',
            isCurrent(one, destinations),
            'what is current is requeued',
          )
        if (decision?.kind !== 'gone' || !unresolved.includes(one.state)) continue
        const occupied = new Set([
          ...plan.filter(({ state }) => state !== 'cancelled').map(({ destination }) => nameOf(destination)),
          ...redirected,
        ])
        const free = present.filter((name) => name.startsWith(one.destination.channel) && !occupied.has(name))
        // What is free may be left for another orphan of the same receiver, but only for one that is unresolved too.
        const rivals = plan.filter(
          (other) =>
            other.id !== one.id &&
            !wanted.has(other.id) &&
            unresolved.includes(other.state) &&
            other.receiver === one.receiver &&
            other.destination.channel === one.destination.channel &&
            !isCurrent(other, destinations),
        )
        assert.ok(free.length <= rivals.length, 'a free destination goes to what waits for a person')
      }
    }),
  )
})
