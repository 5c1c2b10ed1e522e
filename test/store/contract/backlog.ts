import type { Test } from 'tap'
import type { Store } from '../../../src/store/store.ts'
import {
  deliverAll,
  entry,
  event,
  eventId,
  everything,
  type Harness,
  HOUR,
  planned,
  recordRetry,
  START,
} from './sample.ts'

const NOW = START + HOUR
const nothing = { pending: 0, sending: 0, retrying: 0, ambiguous: 0, parked: 0, dead: 0 }

async function end(store: Store, id: string, state: 'parked' | 'dead' | 'ambiguous'): Promise<void> {
  const dueAt = state === 'ambiguous' ? NOW + 7 : null
  const outcome = { kind: 'ambiguous', reason: 'x' } as const
  const attempt = { deliveryId: id, number: 1, startedAt: NOW, took: 1, outcome, notes: [] }
  await store.record(attempt, { state, dueAt, reason: 'x' })
}

export function backlogContract(t: Test, create: (t: Test) => Harness): void {
  t.test('the backlog counts what is not delivered, by channel and state', async (t) => {
    const { service, operator } = create(t)
    const store = await service()
    t.same(await store.backlog(), [], 'nothing is owed')

    await store.append(entry(event(1), [planned({ skipped: 'muted' }), planned()]))
    await deliverAll(store, NOW)
    t.same(await store.backlog(), [], 'delivered and skipped are done with')

    const lanes = ['a', 'b', 'c', 'd', 'e'].map((rateKey) => planned({ rateKey, target: rateKey }))
    await store.append(entry(event(2), lanes))
    await store.append(entry(event(3), [planned({ channel: 'email', rateKey: 'email:a' })]))
    t.same(await (await operator()).backlog(), await store.backlog(), 'an operator sees the same')
    t.same(
      (await store.backlog()).toSorted((one, other) => one.channel.localeCompare(other.channel)),
      [
        { channel: 'email', counts: { ...nothing, pending: 1 }, firstDueAt: START + 3 },
        { channel: 'slack', counts: { ...nothing, pending: 5 }, firstDueAt: START + 2 },
      ],
    )

    await store.claim(everything(NOW, { budgets: new Map([['email', 0]]) }))
    await end(store, `${eventId(2)}-1`, 'parked')
    await end(store, `${eventId(2)}-2`, 'dead')
    await end(store, `${eventId(2)}-3`, 'ambiguous')
    await recordRetry(store, `${eventId(2)}-4`, 1, NOW, NOW + 5)
    const slack = (await store.backlog()).find(({ channel }) => channel === 'slack')
    t.same(slack, {
      channel: 'slack',
      counts: { pending: 0, sending: 1, retrying: 1, ambiguous: 1, parked: 1, dead: 1 },
      firstDueAt: NOW + 5,
    })
  })

  t.test('the backlog knows of what was given up alone, until it is resent or purged', async (t) => {
    const store = await create(t).service()
    await store.append(entry(event(1), [planned(), planned({ rateKey: 'other' })]))
    await store.claim(everything(NOW))
    for (const number of [1, 2]) await end(store, `${eventId(1)}-${number}`, 'parked')
    t.same(await store.backlog(), [{ channel: 'slack', counts: { ...nothing, parked: 2 }, firstDueAt: null }])
    await store.resend([`${eventId(1)}-1`], NOW + 1)
    t.same(await store.backlog(), [
      { channel: 'slack', counts: { ...nothing, pending: 1, parked: 1 }, firstDueAt: NOW + 1 },
    ])
    await deliverAll(store, NOW + 2)
    await store.purge(NOW, 10)
    t.same(await store.backlog(), [])
  })
}
