import t from 'tap'
import type { Store } from '../../../src/store/store.ts'
import { hookbridge } from '../../support/hookbridge.ts'
import {
  arrival,
  attemptDue,
  configured,
  dead,
  deliveryId,
  event,
  eventId,
  golden,
  HOUR,
  parked,
  planned,
  quarantine,
  retry,
  SECOND,
  START,
  sent,
} from './stored.ts'

/** Five events: delivered and parked, retrying, dead, unrouted, in quarantine. */
async function week(store: Store): Promise<void> {
  const partners = [
    planned(2, 'email ada@example.org', 'partners'),
    planned(3, 'email partners-of-the-fund@example.org', 'partners'),
  ]
  await store.append(arrival(event(1), [planned(1, 'slack #deals', 'deals'), ...partners]))
  await attemptDue(store, START + 2 * SECOND, ({ destination }) =>
    destination.channel === 'slack' ? parked() : { ...sent, notes: ['unknown variable data.score'] },
  )
  await store.append(
    arrival(event(2, { type: 'startup.created' }), [
      planned(4, 'email ops@example.org', 'ops'),
      planned(5, 'email ops@example.org', 'deals', {
        start: { kind: 'skipped', reason: 'already sent by route analyses' },
      }),
    ]),
  )
  await store.append(
    arrival(event(3, { type: 'analysis.created', subject: 'an_3' }), [planned(6, 'slack #deals', 'deals')]),
  )
  await attemptDue(store, START + 5 * SECOND, ({ receiver }) =>
    receiver === 'deals' ? dead() : retry(START + HOUR),
  )
  for (let attempt = 0; attempt < 8; attempt += 1) {
    const now = START + HOUR + attempt * 60 * SECOND
    await attemptDue(store, now, () => retry(now + 60 * SECOND))
  }
  await store.append(arrival(event(4, { type: 'account.closed', subject: null })))
  await store.append(quarantine(5))
}

t.test('lists are whole at 80 columns', async (t) => {
  const cwd = await configured(t, week)
  for (const [name, args] of [
    ['events', ['events']],
    ['deliveries', ['deliveries']],
    ['destinations', ['destinations']],
  ] as const) {
    const narrow = await hookbridge(args, { cwd, columns: 80, env: { NO_COLOR: '1' } })
    t.equal(narrow.code, 0, narrow.err)
    for (const line of narrow.out.split('\n')) t.ok(line.length <= 80, line)
    golden(t, `${name}.80`, narrow.out)
    golden(t, `${name}.pipe`, (await hookbridge(args, { cwd })).out)
    const coloured = await hookbridge(args, { cwd, columns: 80 })
    t.not(coloured.out, narrow.out, 'coloured on a terminal')
    t.equal(coloured.out.replace(/\u001b\[\d+m/g, ''), narrow.out, 'and colours take no room')
  }
})

t.test('one event, and one delivery, with everything that happened', async (t) => {
  const cwd = await configured(t, week)
  for (const [name, args] of [
    ['events-show.attempts', ['events', 'show', eventId(1)]],
    ['events-show.folded', ['events', 'show', eventId(2)]],
    ['events-show.quarantined', ['events', 'show', eventId(5)]],
    ['deliveries-show', ['deliveries', 'show', deliveryId(4)]],
  ] as const) {
    const { code, out, err } = await hookbridge(args, { cwd, columns: 80, env: { NO_COLOR: '1' } })
    t.equal(code, 0, err)
    golden(t, name, out)
  }
})

t.test('any id, and the beginning of one', async (t) => {
  const cwd = await configured(t, week)
  const show = (id: string) => hookbridge(['events', 'show', id], { cwd })
  const { messageId, subject } = event(1)
  for (const [id, by] of [
    [eventId(1), /^event/],
    [eventId(1).slice(0, 18), new RegExp(`^found by the beginning of ${eventId(1)}\nevent`)],
    [messageId, new RegExp(`^found by its message ${messageId}\nevent`)],
    [subject ?? '', /^found by its subject 0191e29a-/],
    ['0191e29a-1644-7972-9466-000000000001', /^found by its subject/],
    [deliveryId(3), /^event/],
  ] as const) {
    const { code, out } = await show(id)
    t.equal(code, 0)
    t.match(out, by)
    t.match(out, `event ${eventId(1)}`)
  }
  t.match(await hookbridge(['deliveries', 'show', messageId], { cwd }), {
    code: 0,
    out: new RegExp(`${deliveryId(1)}[\\s\\S]*${deliveryId(2)}[\\s\\S]*${deliveryId(3)}`),
  })
  const several = await show('0191e29a')
  t.equal(several.code, 1)
  t.match(several.err, /0191e29a may mean one of 2; give more of it:/)
  t.match(several.err, new RegExp(` event +${eventId(1)} +subject 0191e29a-1644-7972-9466-000000000001`))
  t.match(await show('evt_01KARZ'), { code: 1, err: /may mean one of 5/ })
  t.match(await show('dlv_2QX7'), { code: 1, err: new RegExp(` delivery +${deliveryId(6)}\n`) })
  t.match(await show('evt_none'), { code: 1, err: /nothing has the id evt_none/ })
  t.match(await show('%'), { code: 1, err: /nothing has the id %/ })
})

t.test('a subject of several events says how to list them', async (t) => {
  const cwd = await configured(t, async (store) => {
    await store.append(arrival(event(1, { type: 'analysis.created', subject: 'an_1' })))
    await store.append(arrival(event(2, { subject: 'an_1' })))
    await store.append(arrival(event(3, { subject: 'an_12' })))
  })
  t.match(await hookbridge(['events', 'show', 'an_1'], { cwd }), {
    code: 1,
    err: /an_1 may mean one of 2; "hookbridge events --subject an_1" says more of them:/,
  })
  const listed = JSON.parse((await hookbridge(['events', '--subject', 'an_1', '--json'], { cwd })).out)
  t.strictSame(
    listed.events.map(({ id }: { id: string }) => id),
    [eventId(2), eventId(1)],
  )
})

t.test('pages: what is shown, how many there are, and where the next begins', async (t) => {
  const cwd = await configured(t, async (store) => {
    for (let number = 1; number <= 7; number += 1)
      await store.append(arrival(event(number), [planned(number, 'slack #deals', 'deals')]))
  })
  for (const list of ['events', 'deliveries'] as const) {
    const ids = async (...args: string[]) => {
      const { out } = await hookbridge([list, '--json', ...args], { cwd })
      const page = JSON.parse(out)
      return { ids: page[list].map(({ id }: { id: string }) => id), next: page.next }
    }
    const first = await ids('--limit', '3')
    const second = await ids('--limit', '3', '--cursor', first.next)
    const third = await ids('--limit', '3', '--cursor', second.next)
    const name = list === 'events' ? eventId : deliveryId
    t.strictSame([...first.ids, ...second.ids, ...third.ids], [7, 6, 5, 4, 3, 2, 1].map(name))
    t.equal(third.next, null)
    t.strictSame(await ids(), { ids: [7, 6, 5, 4, 3, 2, 1].map(name), next: null })
    const shown = await hookbridge([list, '--limit', '3'], { cwd })
    t.match(
      shown.out,
      new RegExp(`^3 of the 7 ${list}; --limit 12 shows more,\n--cursor ${first.next} the next$`, 'm'),
    )
    t.notMatch((await hookbridge([list], { cwd })).out, /--cursor/)
    t.match(await hookbridge([list, '--cursor', 'yesterday'], { cwd }), { code: 2, err: /yesterday is not/ })
  }
})

t.test('JSON: keys as in the configuration, times in ISO 8601', async (t) => {
  const cwd = await configured(t, week)
  const json = async (...args: string[]) => JSON.parse((await hookbridge([...args, '--json'], { cwd })).out)
  t.match(await json('events', 'show', eventId(1)), {
    id: eventId(1),
    message_id: event(1).messageId,
    subject: event(1).subject,
    received_at: '2026-11-23T12:00:01.000Z',
    taken_up_by: null,
    plans: [
      {
        number: 1,
        at: '2026-11-23T12:00:01.000Z',
        cause: 'received',
        fingerprint: '3f9a01c7d2e45b68',
        routes: [{ route: 'analyses', path: 'routes[0]', receivers: ['deals', 'partners'] }],
        unrouted: false,
        deliveries: [
          {
            id: deliveryId(1),
            channel: 'slack',
            target: '#deals',
            state: 'parked',
            attempts: 1,
            history: [{ number: 1, started_at: '2026-11-23T12:00:02.000Z', duration_ms: 212 }],
          },
          { state: 'delivered' },
          { state: 'delivered' },
        ],
      },
    ],
  })
  t.match((await json('events', '--kind', 'quarantined')).events, [{ type: null, problem: /^no_event_type/ }])
  t.match((await json('events', '--kind', 'unrouted')).events, [{ type: 'account.closed', deliveries: {} }])
  t.match((await json('events', '--type', 'analysis.completed')).events, [
    { deliveries: { delivered: 2, parked: 1 } },
  ])
  t.match((await json('deliveries', 'show', deliveryId(4))).deliveries, [{ attempts: 9, state: 'retrying' }])
  t.match((await json('destinations')).destinations, [
    { channel: 'email', target: 'ada@example.org', status: 'working', waiting: 0, next_attempt_at: null },
    {
      target: 'ops@example.org',
      status: 'broken',
      since: '2026-11-23T12:00:05.212Z',
      failures: 9,
      waiting: 1,
    },
    { target: 'partners-of-the-fund@example.org' },
    { channel: 'slack', target: '#deals', parked: 1, dead: 1 },
  ])
})

t.test('what filters choose', async (t) => {
  const cwd = await configured(t, week)
  const numbers = async (...args: string[]) => {
    const { out, err } = await hookbridge(['deliveries', '--json', ...args], { cwd })
    t.equal(err, '')
    return JSON.parse(out).deliveries.map(({ id }: { id: string }) => Number(id.slice(-3)))
  }
  t.strictSame(await numbers('--state', 'parked', '--state', 'dead'), [6, 1])
  t.strictSame(await numbers('--state', 'parked,dead'), [6, 1])
  t.strictSame(await numbers('--receiver', 'partners'), [3, 2])
  t.strictSame(await numbers('--destination', '#deals'), [6, 1])
  t.strictSame(await numbers('--destination', 'slack:#deals', '--state', 'dead'), [6])
  t.strictSame(await numbers('--destination', 'email:#deals'), [])
  t.strictSame(await numbers('--destination', 'ada@example.org'), [2])
  t.strictSame(await numbers('--channel', 'email', '--type', 'startup.created'), [5, 4])
  t.strictSame(await numbers('--subject', 'an_3'), [6])
  t.strictSame(await numbers('--since', '2026-11-23T12:00:02Z', '--until', '2026-11-23T12:00:03Z'), [5, 4])
  t.strictSame(await numbers('--until', '2026-11-23T12:00:02Z'), [3, 2, 1])
  for (const [args, message] of [
    [['--destination', 'slack:#deals', '--channel', 'email'], /give one of them/],
    [['--state', 'parked,lost'], /the states are pending, held, sending, delivered/],
    [['--since', 'yesterday'], /30m, 12h or 7d, a time 2026-/],
    [['--limit', '0'], /above 0/],
  ] as const)
    t.match(await hookbridge(['deliveries', ...args], { cwd }), { code: 2, err: message })
})

t.test('nothing yet', async (t) => {
  const cwd = await configured(t, async () => {})
  t.match(await hookbridge(['events'], { cwd }), { code: 0, out: 'no events\n' })
  t.match(await hookbridge(['deliveries'], { cwd }), { code: 0, out: 'no deliveries\n' })
  t.match(await hookbridge(['destinations'], { cwd }), { code: 0, out: /^no destinations/ })
})
