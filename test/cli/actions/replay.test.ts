import t from 'tap'
import { hookbridge } from '../../support/hookbridge.ts'
import {
  arrival,
  configure,
  configured,
  deliveryId,
  event,
  eventId,
  look,
  parkedInSlack,
  quarantine,
  yaml,
} from '../history/stored.ts'

/** Of each plan: its cause, and each delivery with its state. */
function plansOf(cwd: string, number: number) {
  return look(cwd, async (store) => {
    const record = await store.event(eventId(number))
    return record?.plans.map(({ cause, deliveries }) => [
      cause,
      ...deliveries.map(({ destination, state }) => `${destination.target} ${state}`),
    ])
  })
}

t.test('an event is planned again, and what was not delivered before is cancelled', async (t) => {
  const cwd = await configured(t, parkedInSlack(1))
  configure(cwd, yaml.replace('#deals', '#deal-flow').replace(', bob@example.org', ''))
  const dry = await hookbridge(['replay', eventId(1), '--dry-run'], { cwd })
  t.equal(dry.out, `${eventId(1)}: would be planned again, 2 deliveries, 1 of them delivered before\n`)
  const { code, out } = await hookbridge(['replay', event(1).messageId], { cwd })
  t.equal(code, 0)
  t.equal(out, `${eventId(1)}: plan 2, 2 deliveries, 1 earlier one cancelled\n`)
  t.strictSame(await plansOf(cwd, 1), [
    ['received', '#deals cancelled', 'ada@example.org delivered', 'bob@example.org delivered'],
    ['replay', '#deal-flow pending', 'ada@example.org pending'],
  ])
  const shown = await hookbridge(['events', 'show', eventId(1)], { cwd })
  t.match(shown.out, /plan 2 .*, as it was replayed, by configuration [0-9a-f]{8}\n/)
})

t.test('--receiver plans for it alone', async (t) => {
  const cwd = await configured(t, parkedInSlack(2))
  const { out } = await hookbridge(['replay', eventId(1), '--receiver', 'deals', '--json'], { cwd })
  t.match(JSON.parse(out), {
    dry_run: false,
    replayed: [
      { event: eventId(1), plan: 2, deliveries: [/^dlv_/], skipped: [], cancelled: [deliveryId(11)] },
    ],
    failed: [],
  })
  t.strictSame(await plansOf(cwd, 1), [
    ['received', '#deals cancelled', 'ada@example.org delivered', 'bob@example.org delivered'],
    ['replay', '#deals pending'],
  ])
  t.match(await hookbridge(['replay', '--state', 'parked', '--receiver', 'deals'], { cwd }), {
    code: 0,
    out: `${eventId(2)}: plan 2, 1 delivery, 1 earlier one cancelled\n`,
  })
  t.match(await hookbridge(['replay', eventId(1), '--receiver', 'dels'], { cwd }), {
    code: 2,
    err: /there is no receiver "dels"; did you mean "deals"\?/,
  })
})

t.test('a notice is replayed only where it is named: of a time it is no longer true', async (t) => {
  const cwd = await configured(t, async (store) => {
    await parkedInSlack(1)(store)
    const notice = { source: 'hookbridge', type: 'destination.failing', subject: 'slack #deals' }
    await store.append(arrival(event(2, notice)))
  })
  for (const [args, found] of [
    [['--since', '2026-11-23T12:00:00Z'], [1]],
    [['--since', '2026-11-23T12:00:00Z', '--source', 'hookbridge'], [2]],
    [['--type', 'destination.failing'], [2]],
    [['--subject', 'slack #deals'], [2]],
    [[eventId(2)], [2]],
  ] as const) {
    const { out } = await hookbridge(['replay', ...args, '--dry-run', '--json'], { cwd })
    const events = JSON.parse(out).replayed.map((one: { event: string }) => one.event)
    t.strictSame(events, found.map(eventId), args.join(' '))
  }
})

t.test('events are chosen by what they are, or by their deliveries, oldest first', async (t) => {
  const cwd = await configured(t, async (store) => {
    await parkedInSlack(3)(store)
    await store.append(arrival(event(4, { type: 'account.closed', subject: 'acc_4' })))
  })
  const chosen = async (...args: string[]) => {
    const { out, err } = await hookbridge(['replay', ...args, '--dry-run', '--json'], { cwd })
    t.equal(err, '')
    return JSON.parse(out).replayed.map((one: { event: string }) => one.event)
  }
  t.strictSame(await chosen('--type', 'analysis.completed'), [1, 2, 3].map(eventId))
  t.strictSame(await chosen('--subject', 'acc_4'), [eventId(4)])
  t.strictSame(
    await chosen('--since', '2026-11-23T12:00:02Z', '--until', '2026-11-23T12:00:04Z'),
    [2, 3].map(eventId),
  )
  t.strictSame(await chosen('--destination', 'bob@example.org'), [1, 2, 3].map(eventId))
  t.strictSame(await chosen('--state', 'dead'), [])
  t.strictSame(await chosen(deliveryId(21), eventId(1)), [2, 1].map(eventId))
  t.match(await hookbridge(['replay', 'acc_4'], { cwd }), {
    out: /plan 2, 0 deliveries, no route takes it\n$/,
  })
  t.match(await hookbridge(['replay'], { cwd }), { code: 2, err: /nothing is selected/ })
  t.match(await hookbridge(['replay', 'x', '--state', 'dead'], { cwd }), {
    code: 2,
    err: /either ids, or --state/,
  })
  t.match(await hookbridge(['replay', 'evt_none'], { cwd }), {
    code: 1,
    err: /no event or delivery has the id evt_none/,
  })
})

t.test('before more than a few messages that had been delivered go out again, it asks', async (t) => {
  const cwd = await configured(t, parkedInSlack(2))
  const args = ['replay', '--type', 'analysis.completed']
  t.match(await hookbridge(args, { cwd }), { code: 1, err: /4 messages that had been delivered/ })
  t.match(await hookbridge(args, { cwd, columns: 80, answer: 'no\n' }), {
    code: 1,
    err: /nothing was sent again/,
  })
  t.equal((await plansOf(cwd, 1))?.length, 1)
  t.match(await hookbridge([...args, '--receiver', 'deals'], { cwd }), { code: 0, out: /plan 2, 1 delivery/ })
  t.match(await hookbridge(args, { cwd, columns: 80, answer: 'yes\n' }), {
    code: 0,
    out: /plan 3, 3 deliveries/,
  })
  t.match(await hookbridge([...args, '--yes'], { cwd }), {
    code: 0,
    out: /plan 4, 3 deliveries, 3 earlier ones cancelled/,
  })
})

t.test('a request in quarantine is read anew, once', async (t) => {
  const cwd = await configured(t, async (store) => {
    await store.append(quarantine(1))
  })
  const replay = () => hookbridge(['replay', eventId(1)], { cwd })
  t.match(await replay(), {
    code: 1,
    err: `${eventId(1)}: it still cannot be read: no event type (a string) at /type or /event\n`,
  })
  configure(cwd, yaml, ', event_type: /kind')
  const { code, out, err } = await replay()
  t.equal(code, 0, err)
  const [, id = ''] = /is released from quarantine, as (evt_\S+): plan 1, 3 deliveries\n$/.exec(out) ?? []
  await look(cwd, async (store) => {
    t.match(await store.event(id), {
      type: 'analysis.completed',
      subject: 'an_7',
      receivedAt: event(1).receivedAt,
      sentAt: event(1).sentAt,
      messageId: event(1).messageId,
      releasedFrom: eventId(1),
      plans: [{ cause: 'quarantine', deliveries: [{ state: 'pending' }, {}, {}] }],
    })
    t.match(await store.event(eventId(1)), { type: null, releasedAs: id })
  })
  t.match(await replay(), { code: 1, err: new RegExp(`released from quarantine, as ${id}; replay that`) })
  // Its message id means the event now.
  t.match(await hookbridge(['events', 'show', event(1).messageId], { cwd }), {
    code: 0,
    out: new RegExp(`event ${id}[\\s\\S]*was +${eventId(1)}, in quarantine`),
  })
  t.match(await hookbridge(['events', 'show', eventId(1)], { cwd }), {
    out: new RegExp(`now +released from quarantine, as ${id}`),
  })
  t.match(await hookbridge(['replay', '--source', 'cuuro', '--dry-run'], { cwd }), {
    code: 0,
    out: `${id}: would be planned again, 3 deliveries\n`,
  })
})
