/** Random sequences of changes, on the store and on a naive model of it, must come to the same. */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import '../../support/property-seed.ts'
import type { Test } from 'tap'
import type { State } from '../../../src/core/delivery/delivery.ts'
import type { PlannedDelivery } from '../../../src/core/routing/plan.ts'
import type { ChannelBacklog, ClaimRequest, Store } from '../../../src/store/store.ts'
import { type ModelDelivery, wrongWith } from './model-claim.ts'
import { type Command, command, type Planned } from './model-commands.ts'
import {
  aPlan,
  completeRetry,
  completeSent,
  deliveryId,
  entry,
  event,
  eventId,
  everything,
  type Harness,
  identified,
  limited,
  planned,
  quarantine,
  START,
} from './sample.ts'

interface ModelEvent {
  readonly id: string
  readonly number: number
  readonly messageId: string
  readonly receivedAt: number
  readonly quarantined: boolean
  releasedAs: string | null
  /** When it was last planned, or something of it was resent. */
  touchedAt: number
  plans: number
  readonly deliveries: ModelDelivery[]
}

const DEDUPE_MS = 40
const LEASE_MS = 25
const final: ReadonlySet<State> = new Set([
  'delivered',
  'parked',
  'dead',
  'skipped',
  'cancelled',
  'dismissed',
])
const replaceable: ReadonlySet<State> = new Set(['pending', 'retrying', 'parked'])

export function modelContract(t: Test, create: (t: Test) => Harness): void {
  t.test('any sequence of changes has the result of a naive model', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(command, { minLength: 10, maxLength: 60 }), async (commands) => {
        const run = new Run(create(t))
        await run.start()
        for (const each of commands) {
          await run.perform(each)
          run.checkIdle()
        }
        await run.finish()
      }),
      { numRuns: 80, seed: 20261126 },
    )
  })
}

class Run {
  readonly #harness: Harness
  readonly #events: ModelEvent[] = []
  #store: Store | undefined
  #now = START
  #count = 0

  constructor(harness: Harness) {
    this.#harness = harness
  }

  async start(): Promise<void> {
    this.#store = await this.#harness.service()
  }

  get #open(): Store {
    if (this.#store === undefined) throw new Error('start first')
    return this.#store
  }

  get #deliveries(): ModelDelivery[] {
    return this.#events.flatMap(({ deliveries }) => deliveries)
  }

  async perform(command: Command): Promise<void> {
    switch (command.kind) {
      case 'append':
        return this.#append(command.message, command.deliveries)
      case 'quarantine':
        return this.#append(command.message, undefined)
      case 'replay':
        return this.#replay(command.which, command.deliveries)
      case 'claim': {
        const channels = limited({ slack: command.slack, email: command.email })
        return this.#claim(everything(this.#now, { channels, leaseUntil: this.#now + LEASE_MS }))
      }
      case 'complete':
        return this.#complete(command.which, command.retryIn)
      case 'park':
        return this.#park(command.which)
      case 'requeue':
        return this.#requeue(command.which)
      case 'dismiss':
        return this.#dismiss(command.which)
      case 'purge':
        return this.#purge(this.#now - command.age, this.#now - command.age - command.unresolvedAge)
      case 'wait':
        this.#now += command.ms
        return
      case 'restart':
        await this.#open.close()
        await this.start()
        for (const delivery of this.#deliveries) {
          // A lease of an earlier process ends when its attempt started, or earlier if it had run out before.
          if (delivery.leasedAt !== null && delivery.dueAt !== null) {
            delivery.dueAt = Math.min(delivery.dueAt, delivery.leasedAt)
          }
        }
    }
  }

  /** A store that says that nothing is due until then is right. */
  checkIdle(): void {
    const until = this.#open.idleUntil(this.#now)
    if (until === null) return
    const dueAt = this.#deliveries.flatMap(({ dueAt }) => dueAt ?? [])
    assert.deepEqual(
      dueAt.filter((at) => at < until),
      [],
      `idle until ${until}`,
    )
  }

  async #append(message: number, deliveries: readonly Planned[] | undefined): Promise<void> {
    this.#count += 1
    this.#now += 1
    const id = eventId(this.#count)
    const change = { messageId: `msg_${message}`, receivedAt: this.#now }
    const asked =
      deliveries === undefined
        ? quarantine(this.#count, change)
        : entry(event(this.#count, change), deliveries.map(toPlanned))
    const appended = await this.#open.append({ ...asked, dedupeFor: DEDUPE_MS })
    const seen = this.#events.filter(
      ({ messageId, receivedAt }) => messageId === change.messageId && this.#now - receivedAt < DEDUPE_MS,
    )
    const first = seen.find(({ quarantined }) => !quarantined) ?? seen[0]
    if (first !== undefined && (deliveries === undefined || !first.quarantined)) {
      assert.deepEqual(appended, { kind: 'duplicate', id: first.id, quarantined: first.quarantined })
      return
    }
    assert.deepEqual(appended, { kind: 'stored', id })
    if (first !== undefined) first.releasedAs = id
    const quarantined = deliveries === undefined
    const made = {
      id,
      number: this.#count,
      ...change,
      quarantined,
      releasedAs: null,
      touchedAt: 0,
      plans: 0,
      deliveries: [],
    }
    this.#events.push(made)
    if (deliveries !== undefined) this.#plan(made, deliveries)
  }

  async #replay(which: number, deliveries: readonly Planned[]): Promise<void> {
    const found = pick(this.#events, which)
    const first = (found?.deliveries.length ?? 0) + 1
    const made = aPlan(this.#now, identified(found?.number ?? 0, deliveries.map(toPlanned), first))
    const added = await this.#open.addPlan(found?.id ?? 'evt_none', made, null)
    if (found === undefined || found.quarantined) {
      assert.equal(added, null)
      return
    }
    const cancelled = found.deliveries.filter(({ state }) => replaceable.has(state))
    assert.deepEqual(added, { number: found.plans + 1, cancelled: cancelled.map(({ id }) => id) })
    for (const delivery of cancelled) Object.assign(delivery, { state: 'cancelled', dueAt: null })
    for (const delivery of found.deliveries) delivery.replaced ||= delivery.state === 'sending'
    this.#plan(found, deliveries)
  }

  #plan(event: ModelEvent, deliveries: readonly Planned[]): void {
    event.plans += 1
    event.touchedAt = this.#now
    for (const { destination, skipped } of deliveries) {
      event.deliveries.push({
        ...destination,
        id: deliveryId(event.number, event.deliveries.length + 1),
        eventId: event.id,
        plan: event.plans,
        createdAt: this.#now,
        retryingSince: this.#now,
        state: skipped ? 'skipped' : 'pending',
        dueAt: skipped ? null : this.#now,
        leasedAt: null,
        attempts: 0,
        replaced: false,
      })
    }
  }

  async #claim(request: ClaimRequest): Promise<void> {
    const before = structuredClone(this.#deliveries)
    const claimed = await this.#open.claim(request)
    const problem = wrongWith(claimed, before, request)
    assert.equal(problem, null, `${JSON.stringify(claimed)} of ${JSON.stringify(before)}`)
    for (const { delivery: leased } of claimed.leased) {
      const delivery = this.#deliveries.find(({ id }) => id === leased.id)
      if (delivery === undefined) throw new Error(`${leased.id} is unknown`)
      delivery.state = 'sending'
      delivery.dueAt = request.leaseUntil
      delivery.leasedAt ??= request.now
    }
  }

  async #complete(which: number, retryIn: number | null): Promise<void> {
    // Mostly one that is leased, sometimes any.
    const leased = this.#deliveries.filter(({ state }) => state === 'sending')
    const delivery = pick(which % 5 === 0 ? this.#deliveries : leased, which)
    if (delivery === undefined) return
    const number = delivery.attempts + (which % 7 === 0 ? 2 : 1)
    const dueAt = retryIn === null ? null : this.#now + retryIn
    const completed =
      dueAt === null
        ? await completeSent(this.#open, delivery.id, number, this.#now)
        : await completeRetry(this.#open, delivery.id, number, this.#now, dueAt)
    const expected = delivery.state === 'sending' && number === delivery.attempts + 1
    assert.equal(completed, expected)
    if (!expected) return
    const ended = { leasedAt: null, attempts: number }
    if (dueAt === null) Object.assign(delivery, { ...ended, state: 'delivered', dueAt })
    else if (delivery.replaced) Object.assign(delivery, { ...ended, state: 'cancelled', dueAt: null })
    else Object.assign(delivery, { ...ended, state: 'retrying', dueAt })
  }

  async #park(which: number): Promise<void> {
    const delivery = pick(
      this.#deliveries.filter(({ state }) => state === 'sending'),
      which,
    )
    if (delivery === undefined) return
    const number = delivery.attempts + 1
    const outcome = { kind: 'park', reason: 'r' } as const
    const done = { deliveryId: delivery.id, number, startedAt: this.#now, durationMs: 0, outcome, notes: [] }
    assert.ok(await this.#open.complete(done, { state: 'parked', dueAt: null, reason: 'r' }, false))
    const state = delivery.replaced ? 'cancelled' : 'parked'
    Object.assign(delivery, { state, dueAt: null, leasedAt: null, attempts: number })
  }

  async #requeue(which: number): Promise<void> {
    const delivery = pick(this.#deliveries, which)
    if (delivery === undefined) return
    const possible = !['sending', 'pending', 'skipped', 'cancelled'].includes(delivery.state)
    const changed = await this.#open.requeue([{ deliveryId: delivery.id }], this.#now)
    assert.deepEqual(changed, possible ? [delivery.id] : [])
    if (!possible) return
    for (const event of this.#events) if (event.deliveries.includes(delivery)) event.touchedAt = this.#now
    Object.assign(delivery, {
      state: 'pending',
      dueAt: this.#now,
      retryingSince: this.#now,
      replaced: false,
    })
  }

  async #dismiss(which: number): Promise<void> {
    const delivery = pick(this.#deliveries, which)
    if (delivery === undefined) return
    const possible = delivery.state === 'parked'
    assert.deepEqual(await this.#open.dismiss([delivery.id], 'r', this.#now), possible ? [delivery.id] : [])
    if (possible) delivery.state = 'dismissed'
  }

  async #purge(before: number, unresolvedBefore: number): Promise<void> {
    const isUnresolved = ({ quarantined, releasedAs, deliveries }: ModelEvent) =>
      (quarantined && releasedAs === null) || deliveries.some(({ state }) => state === 'parked')
    const gone = this.#events.filter(
      (event) =>
        event.receivedAt < before &&
        event.touchedAt < before &&
        !this.#events.some(({ id }) => id === event.releasedAs) &&
        event.deliveries.every(({ state }) => final.has(state)) &&
        (!isUnresolved(event) || event.receivedAt < unresolvedBefore),
    )
    let events = 0
    let unresolved = 0
    for (let after: string | null = null; ; ) {
      const purged = await this.#open.purge({ before, unresolvedBefore, after, limit: 2 })
      events += purged.events
      unresolved += purged.unresolved
      if (purged.next === null) break
      after = purged.next
    }
    assert.deepEqual(
      { events, unresolved },
      { events: gone.length, unresolved: gone.filter(isUnresolved).length },
    )
    for (const each of gone) this.#events.splice(this.#events.indexOf(each), 1)
  }

  #compareBacklog(backlog: readonly ChannelBacklog[]): void {
    const waits: ReadonlySet<State> = new Set(['pending', 'sending', 'retrying', 'parked'])
    const ofChannel = Map.groupBy(
      this.#deliveries.filter(({ state }) => waits.has(state)),
      ({ channel }) => channel,
    )
    assert.deepEqual(new Set(backlog.map(({ channel }) => channel)), new Set(ofChannel.keys()))
    for (const { channel, counts, firstDueAt } of backlog) {
      const waiting = ofChannel.get(channel) ?? []
      const due = waiting.map(({ dueAt }) => dueAt).filter((dueAt) => dueAt !== null)
      assert.equal(firstDueAt, due.length === 0 ? null : Math.min(...due))
      for (const [state, count] of Object.entries(counts))
        assert.equal(waiting.filter((one) => one.state === state).length, count, `${channel} ${state}`)
    }
  }

  async finish(): Promise<void> {
    const { items } = await this.#open.events({}, { limit: 1_000 })
    assert.deepEqual(
      items.map(({ id, messageId, type, releasedAs }) => [id, messageId, type === null, releasedAs]),
      this.#events
        .map(({ id, messageId, quarantined, releasedAs }) => [id, messageId, quarantined, releasedAs])
        .reverse(),
    )
    for (const each of this.#events) {
      const record = await this.#open.event(each.id)
      assert.equal(record?.plans.length, each.plans)
      const deliveries = record?.plans.flatMap(({ deliveries }) => deliveries) ?? []
      assert.partialDeepStrictEqual(
        deliveries,
        each.deliveries.map(({ leasedAt, channel, target, replaced, ...rest }) => ({
          ...rest,
          destination: { channel, target },
        })),
      )
      assert.equal(deliveries.length, each.deliveries.length)
      for (const { history, attempts } of deliveries) {
        assert.deepEqual(
          history.map(({ number }) => number),
          Array.from({ length: attempts }, (_, index) => index + 1),
        )
      }
    }
    const backlog = await this.#open.backlog()
    await this.#open.close()
    this.#compareBacklog(backlog)
  }
}

function toPlanned({ destination, skipped }: Planned): PlannedDelivery {
  return planned({ ...destination, ...(skipped && { skipped: 'muted' }) })
}

function pick<T>(list: readonly T[], which: number): T | undefined {
  return list[which % Math.max(list.length, 1)]
}
