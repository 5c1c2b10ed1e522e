import type { Test } from 'tap'
import { notBegun, type Progress, type StepResult } from '../../../src/core/enrichment/progress.ts'
import { enrichedOf } from '../../../src/core/event.ts'
import type { Arrival, ClaimedEnrichments, EnrichmentClaim, Store } from '../../../src/store/store.ts'
import {
  aPlan,
  deliverAll,
  deliveryId,
  entry,
  event,
  eventId,
  everything,
  type Harness,
  HOUR,
  identified,
  planned,
  quarantine,
  START,
} from './sample.ts'

const NOW = START + HOUR
const LEASE_MS = 60_000

const waiting = (number: number, change = {}): Extract<Arrival, { kind: 'event' }> => ({
  ...entry(event(number, change)),
  plan: null,
})

const allDue = (now: number, change: Partial<EnrichmentClaim> = {}): EnrichmentClaim => ({
  holder: 'test',
  now,
  leaseUntil: now + LEASE_MS,
  limit: 100,
  ...change,
})

const idsOf = ({ leased }: ClaimedEnrichments) => leased.map((one) => one.event.id)
const leaseOf = (number: number, holder = 'test') => ({ eventId: eventId(number), holder })

const tried = { step: 'analysis', tries: 2, since: NOW, paused: 1_500, reason: 'the answer was HTTP 404' }
const fetched: StepResult = { ...tried, result: 'fetched', endedAt: NOW + 5, fields: ['score'], status: null }
const asked: Progress = { enriched: {}, steps: [], current: tried }
const ended: Progress = {
  enriched: enrichedOf('{"analysis":{"score":9.10,"id":12345678901234567890}}'),
  steps: [fetched],
  current: null,
}
const planOf = (number: number, target = '#enriched') =>
  aPlan(NOW + 5, identified(number, [planned({ target })]))

async function claimed(store: Store, ...numbers: readonly number[]): Promise<void> {
  for (const number of numbers) await store.append(waiting(number))
  await store.claimEnrichments(allDue(NOW))
}

export function enrichmentContract(t: Test, create: (t: Test) => Harness): void {
  claiming(t, create)
  expediting(t, create)
  keeping(t, create)
  meanwhile(t, create)
}

function expediting(t: Test, create: (t: Test) => Harness): void {
  t.test('a new configuration makes what waits for a later try due, and takes no lease', async (t) => {
    const store = await create(t).service()
    await claimed(store, 1, 2)
    await store.keepEnrichment(leaseOf(1), asked, NOW + HOUR)
    t.same(idsOf(await store.claimEnrichments(allDue(NOW + 1))), [])
    let woken = 0
    store.onEnrichmentDue(() => (woken += 1))
    await store.expediteEnrichments(NOW + 1)
    t.ok(woken > 0)
    const { leased } = await store.claimEnrichments(allDue(NOW + 1, { holder: 'other' }))
    t.match(leased, [{ event: { id: eventId(1) }, progress: asked }])
    t.equal(await store.keepEnrichment(leaseOf(2), asked, NOW + HOUR), true, 'its lease is as it was')
  })
}

function claiming(t: Test, create: (t: Test) => Harness): void {
  t.test(
    'an event that waits for its enrichment has no plan, and is claimed from its receipt on',
    async (t) => {
      const store = await create(t).service()
      t.equal(await store.waitingEnrichments(), 0)
      t.same(await store.claimEnrichments(allDue(NOW)), { leased: [], nextDueAt: null })
      t.same(await store.append(waiting(1)), { kind: 'stored', id: eventId(1) })
      await store.append(entry(event(2), [planned()]))
      t.equal(await store.waitingEnrichments(), 1)
      t.match(await store.event(eventId(1)), {
        type: 'analysis.completed',
        unrouted: false,
        plans: [],
        enriched: {},
        enrichment: { steps: [], waiting: { dueAt: START + 1, current: null } },
      })
      t.match(await store.event(eventId(2)), { enrichment: null })
      const { items } = await store.events({}, { limit: 9 })
      t.match(
        items.map(({ id, enriching }) => [id, enriching]),
        [
          [eventId(2), false],
          [eventId(1), true],
        ],
      )
      t.same(await store.claimEnrichments(allDue(START)), { leased: [], nextDueAt: START + 1 })
      const { leased, nextDueAt } = await store.claimEnrichments(allDue(START + 1))
      t.same(leased, [{ event: event(1), progress: notBegun, cause: 'received' }])
      t.equal(nextDueAt, START + 1 + LEASE_MS, 'the end of its lease')
      t.same(idsOf(await store.claimEnrichments(allDue(START + 2))), [], 'no other claim gets it')
      t.same(await deliverAll(store, NOW), [deliveryId(2, 1)], 'nothing of it is sent before')
    },
  )

  t.test('the longest due is claimed first, as many as the limit says', async (t) => {
    const store = await create(t).service()
    for (const number of [5, 2, 9, 1]) await store.append(waiting(number))
    t.same(idsOf(await store.claimEnrichments(allDue(NOW, { limit: 3 }))), [1, 2, 5].map(eventId))
    const rest = await store.claimEnrichments(allDue(NOW))
    t.same(idsOf(rest), [eventId(9)])
    t.equal(rest.nextDueAt, NOW + LEASE_MS)
  })

  t.test('what becomes due is announced, and nothing else', async (t) => {
    const store = await create(t).service()
    let called = 0
    store.onEnrichmentDue(() => {
      called += 1
    })
    await store.append(entry(event(1), [planned()]))
    await store.append(quarantine(2))
    t.equal(called, 0)
    await store.append(waiting(3))
    t.equal(called, 1)
    let due = 0
    store.onDue(() => {
      due += 1
    })
    await store.claimEnrichments(allDue(NOW))
    await store.endEnrichment(leaseOf(3), ended, planOf(3))
    t.equal(due, 1, 'a plan makes deliveries due')
  })

  t.test('a lease that expired is lost to the next claim', async (t) => {
    const store = await create(t).service()
    await claimed(store, 1)
    const later = NOW + LEASE_MS
    t.same(idsOf(await store.claimEnrichments(allDue(later - 1, { holder: 'other' }))), [])
    t.same(idsOf(await store.claimEnrichments(allDue(later, { holder: 'other' }))), [eventId(1)])
    t.equal(await store.keepEnrichment(leaseOf(1), asked, later), false)
    t.equal(await store.endEnrichment(leaseOf(1), ended, planOf(1)), false)
    t.match(await store.event(eventId(1)), {
      plans: [],
      enriched: {},
      enrichment: { steps: [], waiting: { current: null } },
    })
    t.equal(await store.endEnrichment(leaseOf(1, 'other'), ended, planOf(1)), true)
    t.match(await store.event(eventId(1)), { plans: [{ number: 1 }] })
  })

  t.test('an event whose holder is gone is claimed at once, with what was kept', async (t) => {
    const harness = create(t)
    const store = await harness.service()
    await claimed(store, 1, 2)
    await store.keepEnrichment(leaseOf(1), asked, NOW)
    await store.claimEnrichments(allDue(NOW, { leaseUntil: NOW + 100 * HOUR }))
    await store.close()
    const again = await harness.service()
    t.equal(await again.waitingEnrichments(), 2)
    const { leased } = await again.claimEnrichments(allDue(NOW, { holder: 'next' }))
    t.same(
      leased.map(({ event, progress }) => [event.id, progress]).sort(),
      [
        [eventId(1), asked],
        [eventId(2), notBegun],
      ],
      'long before the leases end',
    )
    t.equal(await again.endEnrichment(leaseOf(1), ended, planOf(1)), false, 'the first holder has none')
  })
}

function keeping(t: Test, create: (t: Test) => Harness): void {
  t.test('what is to be asked again is kept, and claimed when its time has come', async (t) => {
    const store = await create(t).service()
    await claimed(store, 1)
    const progress: Progress = { ...ended, current: { ...tried, step: 'company' } }
    t.equal(await store.keepEnrichment(leaseOf(1), progress, NOW + 1_000), true)
    t.equal(await store.keepEnrichment(leaseOf(1), asked, NOW), false, 'the lease ended with it')
    t.equal(await store.waitingEnrichments(), 1)
    const found = await store.event(eventId(1))
    t.match(found, {
      plans: [],
      enrichment: {
        steps: [fetched],
        waiting: { dueAt: NOW + 1_000, current: { step: 'company', tries: 2 } },
      },
    })
    t.equal(JSON.stringify(found?.enriched), '{"analysis":{"score":9.10,"id":12345678901234567890}}')
    t.same(await store.claimEnrichments(allDue(NOW + 999)), { leased: [], nextDueAt: NOW + 1_000 })
    const { leased } = await store.claimEnrichments(allDue(NOW + 1_000))
    t.same(
      leased.map((one) => JSON.stringify(one.progress)),
      [JSON.stringify(progress)],
      'numbers as they were written',
    )
  })

  t.test('the end stores what was fetched and the first plan', async (t) => {
    const store = await create(t).service()
    await claimed(store, 1)
    t.equal(await store.endEnrichment(leaseOf(1), ended, planOf(1)), true)
    t.equal(await store.endEnrichment(leaseOf(1), ended, planOf(1)), false, 'once')
    t.equal(await store.waitingEnrichments(), 0)
    t.same(await store.claimEnrichments(allDue(NOW + HOUR)), { leased: [], nextDueAt: null })
    t.match(await store.event(eventId(1)), {
      unrouted: false,
      plans: [
        {
          number: 1,
          at: NOW + 5,
          cause: 'received',
          deliveries: [{ id: deliveryId(1, 1), state: 'pending' }],
        },
      ],
      enrichment: { steps: [fetched], waiting: null },
    })
    const { leased } = await store.claim(everything(NOW + 5))
    t.equal(
      JSON.stringify(leased[0]?.event.enriched),
      '{"analysis":{"score":9.10,"id":12345678901234567890}}',
      'what is sent has it',
    )
  })

  t.test('an event that no route takes after its enrichment is unrouted', async (t) => {
    const store = await create(t).service()
    await claimed(store, 1)
    const nowhere = aPlan(NOW + 5, [], { routes: [], unrouted: true })
    t.equal(await store.endEnrichment(leaseOf(1), ended, nowhere), true)
    t.match(await store.events({ kind: 'unrouted' }, { limit: 9 }), { items: [{ id: eventId(1) }] })
  })

  t.test('steps that ended without anything are recorded as well', async (t) => {
    const store = await create(t).service()
    await claimed(store, 1, 2)
    const failed: StepResult = { ...tried, result: 'failed', endedAt: NOW + 5, fields: [], status: 401 }
    await store.endEnrichment(leaseOf(1), { ...notBegun, steps: [failed] }, planOf(1))
    await store.endEnrichment(leaseOf(2), notBegun, planOf(2))
    t.match(await store.event(eventId(1)), { enriched: {}, enrichment: { steps: [failed], waiting: null } })
    t.match(await store.event(eventId(2)), { enriched: {}, plans: [{ number: 1 }] })
  })
}

function meanwhile(t: Test, create: (t: Test) => Harness): void {
  t.test('the same message again is a duplicate while its event waits', async (t) => {
    const store = await create(t).service()
    await claimed(store, 1)
    const duplicate = { kind: 'duplicate', id: eventId(1), quarantined: false }
    t.same(await store.append(waiting(2, { messageId: 'msg_1' })), duplicate)
    t.same(
      await store.append(entry(event(3, { messageId: 'msg_1' }), [planned()])),
      duplicate,
      'planned at once',
    )
    t.equal(await store.waitingEnrichments(), 1)
    t.equal(await store.endEnrichment(leaseOf(1), ended, planOf(1)), true, 'the lease holds')
    t.same(await deliverAll(store, NOW + 5), [deliveryId(1, 1)])
  })

  t.test('a replay of an event that waits plans it, and it waits no longer', async (t) => {
    const harness = create(t)
    const store = await harness.service()
    const operator = await harness.operator()
    await claimed(store, 1, 2)
    await store.keepEnrichment(leaseOf(2), asked, NOW + 1)
    for (const number of [1, 2]) {
      const again = aPlan(NOW + 2, identified(number, [planned()], 11), { cause: 'replay' })
      t.same(await operator.addPlan(eventId(number), again, null), { number: 1, cancelled: [] })
    }
    t.equal(await store.waitingEnrichments(), 0)
    t.equal(await store.endEnrichment(leaseOf(1), ended, planOf(1)), false)
    t.equal(await store.keepEnrichment(leaseOf(1), asked, NOW), false)
    t.same(await store.claimEnrichments(allDue(NOW + HOUR)), { leased: [], nextDueAt: null })
    t.match(await store.event(eventId(1)), { plans: [{ number: 1, cause: 'replay' }] })
    t.same((await deliverAll(store, NOW + 2)).sort(), [deliveryId(1, 11), deliveryId(2, 11)])
  })

  t.test('a quarantined request that is released waits like any other event', async (t) => {
    const store = await create(t).service()
    await store.append(quarantine(1))
    const taken = { ...waiting(2, { messageId: 'msg_1', receivedAt: START + 1 }), releasedFrom: eventId(1) }
    t.same(await store.append(taken), { kind: 'stored', id: eventId(2) })
    t.same(await store.quarantined('', 9), [])
    const { leased } = await store.claimEnrichments(allDue(NOW))
    t.match(leased, [{ event: { id: eventId(2) }, cause: 'quarantine' }])
    t.equal(leased.length, 1)
  })

  t.test('an event that waits is not purged; one whose enrichment has ended is', async (t) => {
    const store = await create(t).service()
    await claimed(store, 1, 2, 3)
    await store.endEnrichment(leaseOf(2), ended, aPlan(NOW, [planned({ skipped: 'muted' })].map(withId)))
    await store.keepEnrichment(leaseOf(3), asked, NOW)
    const all = { before: NOW + HOUR, unresolvedBefore: NOW + HOUR, after: null, limit: 100 }
    t.match(await store.purge(all), { events: 1, next: null })
    t.equal(await store.event(eventId(2)), null)
    t.equal(await store.waitingEnrichments(), 2)
    t.equal(await store.endEnrichment(leaseOf(1), ended, planOf(1)), true)
  })

  t.test('a clock that is set back makes no event wait longer', async (t) => {
    const store = await create(t).service()
    // The clock is an hour fast until now.
    await store.claim(everything(NOW + HOUR))
    await store.append(waiting(1, { receivedAt: NOW + HOUR }))
    await store.append(waiting(2, { receivedAt: NOW + HOUR }))
    await store.claimEnrichments(allDue(NOW + HOUR, { limit: 2 }))
    await store.keepEnrichment(leaseOf(1), asked, NOW + HOUR + 2_000)
    await store.claim(everything(NOW))
    t.same(idsOf(await store.claimEnrichments(allDue(NOW + 1_999))), [])
    t.same(idsOf(await store.claimEnrichments(allDue(NOW + 2_000))), [eventId(1)], 'its pause')
    t.same(idsOf(await store.claimEnrichments(allDue(NOW + LEASE_MS))), [eventId(2)], 'the end of its lease')
  })
}

const withId = (one: ReturnType<typeof planned>) => ({ ...one, id: deliveryId(2, 1) })
