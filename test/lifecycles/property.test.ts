/**
 * Conversations under whatever happens: stages in any order, failures, attempts without an answer, a process that is killed before or
 * after it sent something, reloads and resends, against a model of a few lines. Of each destination: one conversation a
 * subject and round, in order, and nothing lost.
 */
import fc from 'fast-check'
import t from 'tap'
import { type Addressed, type OpenChannel, type Renderer, UNLIMITED } from '../../src/channels/channel.ts'
import type { Outcome } from '../../src/core/delivery/outcome.ts'
import { type FollowUp, roundOf } from '../../src/core/lifecycle/lifecycle.ts'
import { makePlan } from '../../src/core/routing/plan.ts'
import { compileRoutes } from '../../src/core/routing/route.ts'
import { createDeliver } from '../../src/pipeline/deliver.ts'
import { StopSignal } from '../../src/pipeline/stop-signal.ts'
import { openSqlite } from '../../src/store/sqlite.ts'
import type { Leased, Store } from '../../src/store/store.ts'
import { event, everything, START } from '../store/contract/sample.ts'

const STAGES = ['analysis.created', 'analysis.scored', 'analysis.completed']
const lifecycle = { name: 'analysis', stages: STAGES, key: null }
const TARGETS = ['#one', '#two']
const SECOND = 1_000
// Of the claims of these tests.
const LEASE_MS = 60_000

const outcomes = {
  sent: null,
  retry: { kind: 'retry', reason: 'http 503' },
  park: { kind: 'park', reason: 'not_in_channel' },
  refuse: { kind: 'refuse', reason: 'invalid_blocks' },
  lost: { kind: 'ambiguous', reason: 'a reset before it arrived' },
  unanswered: { kind: 'ambiguous', reason: 'a reset after it arrived' },
} as const satisfies Record<string, Outcome | null>
type Ending = keyof typeof outcomes

type Command =
  | { readonly kind: 'event'; readonly subject: number; readonly stage: number }
  /** Claims all that is due, and attempts it; the endings are those of the attempts, in turn. */
  | { readonly kind: 'deliver'; readonly endings: readonly Ending[] }
  /** Claims, and is killed before anything is sent, or after that and before it is recorded. */
  | { readonly kind: 'kill'; readonly sends: boolean }
  | { readonly kind: 'reload'; readonly how: FollowUp['how'] }
  | { readonly kind: 'resend' }

const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('event' as const), subject: fc.nat(1), stage: fc.nat(2) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('deliver' as const),
      endings: fc.array(fc.constantFrom(...(Object.keys(outcomes) as Ending[])), {
        minLength: 1,
        maxLength: 4,
      }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('kill' as const), sends: fc.boolean() }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('reload' as const),
      how: fc.constantFrom<FollowUp['how']>('post', 'reply', 'update', 'update_and_reply'),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('resend' as const) }) },
)

interface Accepted {
  readonly id: string
  readonly delivery: string
  readonly subject: string
  readonly stage: string
  readonly target: string
  readonly follows: Addressed['follows']
  /** Whether the service got the answer. */
  readonly known: boolean
}

/** The service around a store's file, with a destination that does what it is told. */
class World {
  readonly accepted: Accepted[] = []
  readonly rounds = new Map<string, number>()
  readonly #seen = new Map<string, { number: number; stages: Set<string> }>()
  readonly #store: Store
  #now = START
  #events = 0
  #deliveries = 0
  #how: FollowUp['how'] = 'update_and_reply'

  constructor(store: Store) {
    this.#store = store
  }

  get store(): Store {
    return this.#store
  }

  async run(wanted: Command): Promise<void> {
    this.#now += SECOND
    switch (wanted.kind) {
      case 'event':
        return this.#receive(`an_${wanted.subject}`, STAGES[wanted.stage] ?? '')
      case 'deliver':
        return this.#deliver(wanted.endings)
      case 'kill':
        return this.#kill(wanted.sends)
      case 'reload':
        this.#how = wanted.how
        return
      case 'resend':
        return this.#resend()
    }
  }

  /** Until nothing is left to do, also for a person. */
  async drain(): Promise<void> {
    const states = ['pending', 'held', 'sending', 'retrying', 'ambiguous', 'parked', 'dead'] as const
    for (let left = true; left; ) {
      await this.#resend()
      this.#now += SECOND
      await this.#deliver(['sent'])
      left = (await this.#store.deliveries({ states }, { limit: 1 })).items.length > 0
    }
  }

  close(): Promise<void> {
    return this.#store.close()
  }

  async #receive(subject: string, type: string): Promise<void> {
    this.#events += 1
    const payload = { type, data: { id: subject } }
    const one = event(this.#events, { subject, type, payload, receivedAt: this.#now })
    const destinations = TARGETS.map((target) => ({ channel: 'slack', target, rateKey: target }))
    const planner = {
      router: compileRoutes([{ receivers: ['all'] }]),
      destinations: new Map([['all', destinations]]),
      lifecycles: [lifecycle],
    }
    const making = {
      at: this.#now,
      cause: 'received',
      fingerprint: 'c0ffee',
      newId: () => this.#newId(),
    } as const
    const made = makePlan(planner, one, making)
    if (!made.ok) throw new Error(made.message)
    const body = Buffer.from(JSON.stringify(payload))
    await this.#store.append({ kind: 'event', event: one, body, plan: made.plan, dedupeFor: 0 })
    this.#count(one.id, subject, type)
  }

  /** The model: a round ends when its first stage comes again after both of its ends. */
  #count(id: string, subject: string, type: string): void {
    const before = this.#seen.get(subject) ?? { number: 1, stages: new Set<string>() }
    const isOver = before.stages.has(STAGES[0] ?? '') && before.stages.has(STAGES[2] ?? '')
    const begins = isOver && type === STAGES[0]
    const now = begins ? { number: before.number + 1, stages: new Set<string>() } : before
    now.stages.add(type)
    this.#seen.set(subject, now)
    this.rounds.set(id, now.number)
  }

  #newId(): string {
    this.#deliveries += 1
    return `dlv_${this.#deliveries}`
  }

  async #deliver(endings: readonly Ending[]): Promise<void> {
    const { leased } = await this.#store.claim(everything(this.#now))
    for (const [index, one] of leased.entries()) {
      await this.#attempt(one, endings[index % endings.length] ?? 'sent', this.#store)
    }
  }

  async #attempt(
    leased: Leased,
    ending: Ending,
    store: Pick<Store, 'complete' | 'skip' | 'isLeftToOthers'>,
  ): Promise<void> {
    const channel: OpenChannel<unknown> = {
      rateLimit: UNLIMITED,
      perDestination: 1,
      concurrency: 1,
      close: async () => {},
      send: async (_message, { id, target, follows }) => {
        const outcome = outcomes[ending]
        const reference = { ts: String(this.accepted.length + 1) }
        const { type: stage, subject } = leased.event
        if (ending === 'sent' || ending === 'unanswered') {
          const known = ending === 'sent' && store === this.#store
          this.accepted.push({
            id: reference.ts,
            delivery: id,
            subject: subject ?? '',
            stage,
            target,
            follows,
            known,
          })
        }
        return outcome ?? { kind: 'sent', reference }
      },
    }
    const renderer: Renderer<unknown> = { render: () => ({ ok: true, message: '', notes: [] }) }
    const deliver = createDeliver({
      store,
      settings: () => ({
        channels: new Map([['slack', channel]]),
        templates: new Set<string>(),
        renderers: () => [{ name: 'plain', renderer }],
        links: () => '',
        sourceTitle: (source) => source,
        policy: { retryFor: 1_000 * SECOND, ambiguousResends: 2 },
        lifecycles: [lifecycle],
        fallbacks: new Map(),
        followUp: () => ({ how: this.#how, broadcast: 'last' }),
      }),
      now: () => this.#now,
      clock: () => 0,
      random: () => 0,
      newId: () => 'dlv_fallback',
      observe: () => {},
      pause: async () => {},
    })
    await deliver(leased, new StopSignal())
  }

  async #kill(sends: boolean): Promise<void> {
    const { leased } = await this.#store.claim(everything(this.#now))
    const unrecorded = { ...this.#store, complete: async () => null, skip: async () => false }
    for (const one of sends ? leased : []) await this.#attempt(one, 'sent', unrecorded)
    // The next process finds the leases, and that they have ended.
    this.#now += LEASE_MS
  }

  async #resend(): Promise<void> {
    const { items } = await this.#store.deliveries({ states: ['parked', 'dead'] }, { limit: 1_000 })
    await this.#store.requeue(
      items.map(({ id }) => ({ deliveryId: id })),
      this.#now,
    )
  }
}

/** What is wrong with the conversations; empty where nothing is. */
async function faults({ store, accepted, rounds }: World): Promise<string[]> {
  const { items } = await store.deliveries({}, { limit: 10_000 })
  const records = await Promise.all(items.map(({ id }) => store.delivery(id)))
  const deliveries = new Map(records.flatMap((one) => (one === null ? [] : [[one.id, one] as const])))
  const found: string[] = []
  const rank = (stage: string) => STAGES.indexOf(stage)
  const roundOfDelivery = (id: string) => rounds.get(deliveries.get(id)?.eventId ?? '')
  const conversations = Map.groupBy(
    accepted.filter(({ known }) => known),
    ({ delivery, target, subject }) => `${subject} round ${roundOfDelivery(delivery)} in ${target}`,
  )
  for (const [name, messages] of conversations) {
    const [first, ...rest] = messages
    const hows = messages.map(({ delivery }) => deliveries.get(delivery)?.history.at(-1)?.step?.how)
    if (hows[0] !== 'first') found.push(`${name} begins with ${hows[0]}`)
    if (hows.slice(1).includes('first')) found.push(`${name} begins twice`)
    for (const [index, message] of rest.entries()) {
      const { stage, follows } = message
      if (rank(stage) < rank(messages[index]?.stage ?? '')) found.push(`${name}: ${stage} came late`)
      if (follows !== null && follows.first.ts !== first?.id) found.push(`${name}: ${stage} follows another`)
      if (follows === null && hows[index + 1] !== 'post') found.push(`${name}: ${stage} follows nothing`)
    }
  }
  for (const { id, eventId, state, destination, conversation } of deliveries.values()) {
    if (state === 'delivered') continue
    const type = (await store.event(eventId))?.type ?? ''
    const isBehind = [...deliveries.values()].some(
      (other) =>
        other.conversation === conversation &&
        other.state === 'delivered' &&
        roundOfDelivery(other.id) === roundOfDelivery(id) &&
        accepted.some(({ delivery, stage }) => delivery === other.id && rank(stage) > rank(type)),
    )
    if (state !== 'skipped' || !isBehind) found.push(`${type} to ${destination.target} is ${state}`)
  }
  if (deliveries.size !== rounds.size * TARGETS.length) found.push('a delivery is missing')
  return found
}

t.test('one conversation a subject and round, in order, and nothing lost', async (t) => {
  let runs = 0
  await fc.assert(
    fc.asyncProperty(fc.array(command, { minLength: 4, maxLength: 30 }), async (commands) => {
      runs += 1
      const world = new World(await openSqlite({ path: ':memory:', role: 'service' }))
      try {
        for (const one of commands) await world.run(one)
        await world.drain()
        const found = await faults(world)
        if (found.length > 0) throw new Error(found.join('\n'))
      } finally {
        await world.close()
      }
    }),
    { numRuns: 60 },
  )
  t.ok(runs > 0)
})

t.test('a round', async (t) => {
  const stage = (name: string) => ({
    lifecycle: 'analysis',
    key: '42',
    stage: name,
    first: 'created',
    last: 'completed',
  })
  const latest = { number: 3, hasFirst: true, hasLast: true }
  t.equal(roundOf(null, stage('completed')), 1)
  t.equal(roundOf(latest, stage('created')), 4)
  t.equal(roundOf(latest, stage('completed')), 3)
  t.equal(roundOf({ ...latest, hasFirst: false }, stage('created')), 3, 'it comes late')
  t.equal(roundOf({ ...latest, hasLast: false }, stage('created')), 3)
})
