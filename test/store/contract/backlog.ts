import type { Test } from 'tap'
import {
  completeAs,
  completeRetry,
  deliverAll,
  deliveryId,
  entry,
  event,
  everything,
  type Harness,
  HOUR,
  limited,
  planned,
  START,
} from './sample.ts'

const NOW = START + HOUR
const nothing = { pending: 0, held: 0, sending: 0, retrying: 0, ambiguous: 0, parked: 0, dead: 0 }

export function backlogContract(t: Test, create: (t: Test) => Harness): void {
  t.test('a probe commits, and changes nothing', async (t) => {
    const { service } = create(t)
    const store = await service()
    await store.append(entry(event(1), [planned()]))
    const before = await store.deliveries({}, { limit: 9 })
    let commits = 0
    store.onCommit(() => {
      commits += 1
    })
    await store.probe()
    t.equal(commits, 1)
    t.same(await store.deliveries({}, { limit: 9 }), before)
  })

  t.test('the backlog counts what is not delivered, by channel and state', async (t) => {
    const { service, operator } = create(t)
    const store = await service()
    t.same(await store.backlog(), [], 'nothing waits')

    await store.append(entry(event(1), [planned({ skipped: 'muted' }), planned()]))
    await deliverAll(store, NOW)
    t.same(await store.backlog(), [], 'delivered and skipped are done with')

    const several = ['a', 'b', 'c', 'd', 'e'].map((target) => planned({ target }))
    const held = { kind: 'held', until: NOW + HOUR, reason: 'quiet' } as const
    await store.append(entry(event(2), [...several, planned({ target: 'f', start: held })]))
    await store.append(entry(event(3), [planned({ channel: 'email', target: 'a@x' })]))
    t.same(await (await operator()).backlog(), await store.backlog(), 'an operator sees the same')
    t.same(
      (await store.backlog()).toSorted((one, other) => one.channel.localeCompare(other.channel)),
      [
        { channel: 'email', counts: { ...nothing, pending: 1 }, firstDueAt: START + 3 },
        { channel: 'slack', counts: { ...nothing, pending: 5, held: 1 }, firstDueAt: START + 2 },
      ],
    )

    await store.claim(everything(NOW, { channels: limited({ email: { free: 0 } }) }))
    await completeAs(store, deliveryId(2, 1), 'parked', NOW)
    await completeAs(store, deliveryId(2, 2), 'dead', NOW)
    await store.complete(
      {
        deliveryId: deliveryId(2, 3),
        number: 1,
        startedAt: NOW,
        durationMs: 1,
        outcome: { kind: 'ambiguous', reason: 'x' },
        notes: [],
      },
      { state: 'ambiguous', dueAt: NOW + 7, reason: 'x' },
      false,
    )
    await completeRetry(store, deliveryId(2, 4), 1, NOW, NOW + 5)
    const slack = (await store.backlog()).find(({ channel }) => channel === 'slack')
    t.same(slack, {
      channel: 'slack',
      counts: { pending: 0, held: 1, sending: 1, retrying: 1, ambiguous: 1, parked: 1, dead: 1 },
      firstDueAt: NOW + 5,
    })
  })

  t.test('what was given up counts until it is resent, dismissed or purged', async (t) => {
    const store = await create(t).service()
    await store.append(
      entry(
        event(1),
        ['a', 'b', 'c'].map((target) => planned({ target })),
      ),
    )
    await store.claim(everything(NOW))
    for (const number of [1, 2, 3]) await completeAs(store, deliveryId(1, number), 'parked', NOW)
    t.same(await store.backlog(), [{ channel: 'slack', counts: { ...nothing, parked: 3 }, firstDueAt: null }])
    await store.requeue([{ deliveryId: deliveryId(1, 1) }], NOW + 1)
    await store.dismiss([deliveryId(1, 2)], 'no use', NOW)
    t.same(await store.backlog(), [
      { channel: 'slack', counts: { ...nothing, pending: 1, parked: 1 }, firstDueAt: NOW + 1 },
    ])
    await deliverAll(store, NOW + 2)
    await store.purge({ before: NOW + 2, unresolvedBefore: NOW + 2, after: null, limit: 10 })
    t.same(await store.backlog(), [])
  })
}
