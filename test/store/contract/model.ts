/** Random sequences of changes, on the store and on a naive model of it, must come to the same. */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { Test } from 'tap'
import type { ChannelBacklog, ClaimRequest, NewDelivery, Store } from '../../../src/store/store.ts'
import { type ModelDelivery, wrongWith } from './model-claim.ts'
import { type Command, command, type Owing } from './model-commands.ts'
import {
  entry,
  event,
  eventId,
  type Harness,
  planned,
  quarantine,
  recordRetry,
  recordSent,
  START,
} from './sample.ts'

interface ModelEvent {
  readonly id: string
  readonly messageId: string
  readonly receivedAt: number
  readonly quarantined: boolean
  readonly deliveries: ModelDelivery[]
}

const DEDUPE_FOR = 40
const LEASE = 25
export function modelContract(t: Test, create: (t: Test) => Harness): void {
  t.test('any sequence of changes comes to what a naive model says', async (t) => {
    await fc.assert(
      fc.asyncProperty(fc.array(command, { minLength: 10, maxLength: 60 }), async (commands) => {
        const run = new Run(create(t))
        await run.start()
        for (const each of commands) await run.perform(each)
        await run.finish()
      }),
      { numRuns: 80, seed: 20261123 },
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
      case 'quarantine':
        return this.#append(command.message, command.kind === 'append' ? command.owing : undefined)
      case 'replay':
        return this.#replay(command.which, command.owing)
      case 'claim': {
        const { limit, limits, budgets } = command
        return this.#claim({
          limit,
          limits: new Map(limits),
          budgets: new Map(budgets),
          now: this.#now,
          leaseUntil: this.#now + LEASE,
        })
      }
      case 'record':
        return this.#record(command.which, command.retryIn)
      case 'resend':
        return this.#resend(command.which)
      case 'purge':
        return this.#purge(this.#now - command.age, command.limit)
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

  async #append(message: number, owing: readonly Owing[] | undefined): Promise<void> {
    this.#count += 1
    this.#now += 1
    const id = eventId(this.#count)
    const change = { messageId: `msg_${message}`, receivedAt: this.#now }
    const asked =
      owing === undefined
        ? quarantine(this.#count, change)
        : entry(event(this.#count, change), owing.map(newDelivery))
    if (asked.kind === 'replay') throw new Error('not a replay')
    const appended = await this.#open.append({ ...asked, dedupeFor: DEDUPE_FOR })
    const first = this.#events.find(
      (seen) => seen.messageId === change.messageId && this.#now - seen.receivedAt < DEDUPE_FOR,
    )
    assert.deepEqual(
      appended,
      first === undefined ? { kind: 'stored', id } : { kind: 'duplicate', id: first.id },
    )
    if (first !== undefined) return
    const stored = { id, ...change, quarantined: owing === undefined, deliveries: [] }
    this.#events.push(stored)
    this.#owe(stored, owing ?? [])
  }

  async #replay(which: number, owing: readonly Owing[]): Promise<void> {
    const found = pick(this.#events, which)
    const eventId = found?.id ?? 'evt_none'
    const deliveries = owing.map(newDelivery)
    const appended = await this.#open.append({ kind: 'replay', eventId, now: this.#now, deliveries })
    const possible = found !== undefined && !found.quarantined
    assert.deepEqual(appended, possible ? { kind: 'stored', id: eventId } : { kind: 'unknown' })
    if (possible) this.#owe(found, owing)
  }

  #owe(stored: ModelEvent, owing: readonly Owing[]): void {
    for (const { rateKey, skipped } of owing) {
      stored.deliveries.push({
        ...rateKey,
        id: `${stored.id}-${stored.deliveries.length + 1}`,
        createdAt: this.#now,
        owedSince: this.#now,
        state: skipped ? 'skipped' : 'pending',
        dueAt: skipped ? null : this.#now,
        leasedAt: null,
        attempts: 0,
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

  async #record(which: number, retryIn: number | null): Promise<void> {
    // Mostly one that is leased, sometimes any.
    const leased = this.#deliveries.filter(({ state }) => state === 'sending')
    const delivery = pick(which % 5 === 0 ? this.#deliveries : leased, which)
    if (delivery === undefined) return
    const number = delivery.attempts + (which % 7 === 0 ? 2 : 1)
    const dueAt = retryIn === null ? null : this.#now + retryIn
    const recorded =
      dueAt === null
        ? await recordSent(this.#open, delivery.id, number, this.#now)
        : await recordRetry(this.#open, delivery.id, number, this.#now, dueAt)
    const expected = delivery.state === 'sending' && number === delivery.attempts + 1
    assert.equal(recorded, expected)
    if (!expected) return
    Object.assign(delivery, {
      state: dueAt === null ? 'delivered' : 'retrying',
      dueAt,
      leasedAt: null,
      attempts: number,
    })
  }

  async #resend(which: number): Promise<void> {
    const delivery = pick(this.#deliveries, which)
    if (delivery === undefined) return
    const possible = delivery.state !== 'sending' && delivery.state !== 'pending'
    assert.deepEqual(await this.#open.resend([delivery.id], this.#now), possible ? [delivery.id] : [])
    if (possible) Object.assign(delivery, { state: 'pending', dueAt: this.#now, owedSince: this.#now })
  }

  async #purge(before: number, limit: number): Promise<void> {
    const gone = this.#events
      .filter(
        ({ receivedAt, deliveries }) =>
          receivedAt < before && deliveries.every(({ dueAt }) => dueAt === null),
      )
      .slice(0, limit)
    assert.equal(await this.#open.purge(before, limit), gone.length)
    for (const each of gone) this.#events.splice(this.#events.indexOf(each), 1)
  }

  #compareBacklog(backlog: readonly ChannelBacklog[]): void {
    const ofChannel = Map.groupBy(
      this.#deliveries.filter(({ state }) => state !== 'delivered' && state !== 'skipped'),
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
    const stored = await this.#open.events({ limit: 1_000 })
    const backlog = await this.#open.backlog()
    await this.#open.close()
    this.#compareBacklog(backlog)
    assert.deepEqual(
      stored.map(({ id, messageId, type }) => [id, messageId, type === null]),
      this.#events.map(({ id, messageId, quarantined }) => [id, messageId, quarantined]).reverse(),
    )
    for (const each of this.#events) {
      const deliveries = stored.find(({ id }) => id === each.id)?.deliveries ?? []
      assert.partialDeepStrictEqual(
        deliveries,
        each.deliveries.map(({ leasedAt, channel, rateKey, ...rest }) => ({
          ...rest,
          destination: { channel, rateKey },
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
  }
}

function newDelivery({ rateKey, skipped }: Owing): NewDelivery {
  return planned({ ...rateKey, ...(skipped && { skipped: 'muted' }) })
}

function pick<T>(list: readonly T[], which: number): T | undefined {
  return list[which % Math.max(list.length, 1)]
}
