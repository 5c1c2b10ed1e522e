/** Random sequences of changes to one conversation, some of whose deliveries are held for a time. */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import '../../support/property-seed.ts'
import type { Test } from 'tap'
import type { State } from '../../../src/core/delivery/delivery.ts'
import type { PlannedDelivery } from '../../../src/core/routing/plan.ts'
import type { DeliveryRecord, Store } from '../../../src/store/store.ts'
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
  planned,
  START,
} from './sample.ts'

const open: ReadonlySet<State> = new Set(['pending', 'held', 'sending', 'retrying', 'ambiguous'])

/** For how long each is held; null for one that is not. */
const starts = fc.array(fc.option(fc.integer({ min: 1, max: 60 })), { maxLength: 3 })
const which = fc.nat({ max: 1_000 })
const command = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('append'), starts }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('replay'), starts, which }) },
  {
    weight: 5,
    arbitrary: fc.record({ kind: fc.constant('claim'), retryIn: fc.option(fc.integer({ min: 1, max: 30 })) }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('finish') }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('requeue'), which }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('wait'), ms: fc.nat({ max: 30 }) }) },
)
type Command = typeof command extends fc.Arbitrary<infer C> ? C : never

export function heldProperty(t: Test, create: (t: Test) => Harness): void {
  t.test('a conversation sends one at a time, and nothing waits for what is held longer', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(command, { minLength: 5, maxLength: 40 }), async (commands) => {
        const store = await create(t).service()
        const run = new Run(store)
        for (const each of commands) {
          await run.perform(each)
          await run.check()
        }
        await run.drain()
        await store.close()
      }),
      { numRuns: 60, seed: 20261128 },
    )
  })
}

class Run {
  readonly #store: Store
  #now = START
  #events = 0
  /** By id: until when it is held at least. */
  readonly #until = new Map<string, number>()
  /** What was leased, and has not ended. */
  #leased: { readonly id: string; readonly attempts: number } | null = null

  constructor(store: Store) {
    this.#store = store
  }

  async perform(command: Command): Promise<void> {
    this.#now += 1
    switch (command.kind) {
      case 'append': {
        this.#events += 1
        const made = event(this.#events, { receivedAt: this.#now })
        await this.#store.append(entry(made, this.#planned(this.#events, command.starts)))
        return
      }
      case 'replay': {
        if (this.#events === 0) return
        const number = 1 + (command.which % this.#events)
        const first = 1 + this.#ids(number).length
        const deliveries = identified(number, this.#planned(number, command.starts), first)
        await this.#store.addPlan(eventId(number), aPlan(this.#now, deliveries), null)
        return
      }
      case 'claim':
        return this.#claim(command.retryIn)
      case 'finish':
        return this.#finish()
      case 'requeue': {
        const id = [...this.#until.keys()][command.which % Math.max(1, this.#until.size)]
        if (id === undefined) return
        const [changed] = await this.#store.requeue([{ deliveryId: id }], this.#now)
        if (changed !== undefined) this.#until.set(id, 0)
        else assert.ok(await this.#isRefusedRightly(id), `${id} cannot be resent`)
        return
      }
      case 'wait':
        this.#now += command.ms
    }
  }

  async check(): Promise<void> {
    const unfinished = await this.#unfinished()
    const next = unfinished.filter(({ dueAt }) => dueAt !== null)
    assert.equal(next.length, Math.min(unfinished.length, 1), `the next: ${JSON.stringify(next)}`)
    const [{ id, state, dueAt } = { id: '', state: 'pending', dueAt: 0 }] = next
    if (state !== 'held' || (dueAt ?? 0) <= this.#now) return
    assert.equal(dueAt, this.#until.get(id))
    for (const other of unfinished)
      assert.ok((this.#until.get(other.id) ?? 0) >= (dueAt ?? 0), `${other.id} waits for ${id}`)
  }

  /** In the end everything is sent, at its time. */
  async drain(): Promise<void> {
    for (let most = 2 * this.#until.size + 2; most > 0; most--) {
      await this.#finish()
      this.#now += 100
      await this.#claim(null)
      await this.check()
    }
    assert.deepEqual(await this.#unfinished(), [])
  }

  async #claim(retryIn: number | null): Promise<void> {
    const { leased } = await this.#store.claim(everything(this.#now))
    assert.ok(leased.length <= 1, 'never two at once')
    const [one] = leased
    if (one === undefined) return
    const { id, attempts } = one.delivery
    assert.ok((this.#until.get(id) ?? 0) <= this.#now, `${id} was sent before its time`)
    this.#leased = { id, attempts }
    if (retryIn === null) return
    this.#leased = null
    assert.ok(await completeRetry(this.#store, id, attempts + 1, this.#now, this.#now + retryIn))
  }

  async #finish(): Promise<void> {
    if (this.#leased === null) return
    const { id, attempts } = this.#leased
    this.#leased = null
    assert.ok(await completeSent(this.#store, id, attempts + 1, this.#now))
    // The attempt took a while.
    this.#now += 20
  }

  #planned(number: number, starts: readonly (number | null)[]): PlannedDelivery[] {
    const first = 1 + this.#ids(number).length
    return starts.map((ms, index) => {
      const until = ms === null ? 0 : this.#now + ms
      this.#until.set(deliveryId(number, first + index), until)
      const start =
        ms === null ? ({ kind: 'pending' } as const) : ({ kind: 'held', until, reason: 'r' } as const)
      return planned({ conversation: 'c', receiver: `r${index}`, start })
    })
  }

  #ids(number: number): string[] {
    return [...this.#until.keys()].filter((id) => id.startsWith(deliveryId(number, 0).slice(0, -1)))
  }

  async #isRefusedRightly(id: string): Promise<boolean> {
    const { state, dueAt } = await this.#record(id)
    const isBehind = state === 'held' && dueAt === null && (this.#until.get(id) ?? 0) <= this.#now
    return isBehind || ['pending', 'sending', 'cancelled'].includes(state)
  }

  async #unfinished(): Promise<DeliveryRecord[]> {
    const records = await Promise.all([...this.#until.keys()].map((id) => this.#record(id)))
    return records.filter(({ state }) => open.has(state))
  }

  async #record(id: string): Promise<DeliveryRecord> {
    const record = await this.#store.delivery(id)
    assert.ok(record !== null, `${id} is unknown`)
    return record
  }
}
