import { join } from 'node:path'
import t from 'tap'
import type { Store } from '../../../src/store/store.ts'
import { hookbridge } from '../../support/hookbridge.ts'
import { writeLongHistory } from '../../support/long-history.ts'
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

const CJK = '株式会社サンプル・ベンチャーズの分析'

/** Long and wide values: ids that differ at their end, Chinese and Japanese, emoji, addresses of all lengths. */
async function wide(store: Store): Promise<void> {
  const longest = `the.person.responsible.for.${'very.'.repeat(6)}long.names@a-domain-with-a-name.example.org`
  const twins = [1, 2].map((number) => ({
    id: `evt_01KARZ0000ZZQW5XKTN3MD4E7${number}`,
    subject: `0191e29a-1644-7972-9466-18ada4a3636${number}`,
  }))
  for (const [at, twin] of twins.entries())
    await store.append(
      arrival(event(at + 1, twin), [
        planned(10 * at + 1, 'slack #取引-ディールフロー-東京-大阪-名古屋-福岡-札幌-仙台', 'deals'),
        planned(10 * at + 2, `email ${longest}`, 'partners'),
        planned(10 * at + 3, 'slack #👩🏽‍💻-💸-deals-🚀🚀🚀🚀🚀🚀🚀🚀🚀🚀🚀🚀🚀🚀🚀🚀🚀🚀🚀🚀', 'emoji'),
      ]),
    )
  await store.append(
    arrival(event(3, { type: `分析.完了.${CJK}`, subject: `${CJK}-${'とても長い'.repeat(8)}` }), [
      planned(21, 'slack C0123456789', 'deals'),
    ]),
  )
  await store.append(
    arrival(event(4, { type: '🚀.launched', subject: '👩🏽‍💻 a person', source: 'billing' })),
  )
  await attemptDue(store, START + 5 * SECOND, ({ destination: { target } }) => {
    if (target.startsWith('C0')) return parked(`${CJK}: ${'このチャンネルは存在しません。'.repeat(4)}`)
    if (target === longest) return retry(START + HOUR, `451 4.7.1 🙈 ${'x'.repeat(90)} try again later`)
    return target.includes('deals') ? sent : dead()
  })
}

/** Columns of a terminal, for the characters that occur here. */
function columnsOf(line: string): number {
  const parts = [...new Intl.Segmenter(undefined, { granularity: 'grapheme' }).segment(line)]
  return parts.reduce(
    (sum, { segment }) => sum + (/[\p{Emoji_Presentation}\u3000-\u9fff\uff00-\uff60]/u.test(segment) ? 2 : 1),
    0,
  )
}

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

t.test('notices among the events of one source take no room from their types', async (t) => {
  const cwd = await configured(t, async (store) => {
    await store.append(arrival(event(1, { type: 'analysis.completed' })))
    await store.append(arrival(event(2, { type: 'destination.failing', source: 'hookbridge' })))
  })
  const narrow = await hookbridge(['events'], { cwd, columns: 80, env: { NO_COLOR: '1' } })
  t.match(narrow.out, /^RECEIVED UTC +ID +TYPE +SUBJECT/)
  for (const type of ['analysis.completed', 'destination.failing']) t.match(narrow.out, `  ${type}  `)
  t.match((await hookbridge(['events'], { cwd })).out, /^RECEIVED UTC +ID +SOURCE +TYPE/)
})

t.test('long and wide values are whole where they matter, at 80 and at 120 columns', async (t) => {
  const cwd = await configured(t, wide)
  const [first, second] = ['evt_01KARZ0000ZZQW5XKTN3MD4E71', 'evt_01KARZ0000ZZQW5XKTN3MD4E72']
  for (const columns of [80, 120]) {
    const shown = async (name: string, ...args: string[]) => {
      const { code, out, err } = await hookbridge(args, { cwd, columns, env: { NO_COLOR: '1' } })
      t.equal(code, 0, err)
      for (const line of out.split('\n')) {
        if (!line.startsWith('  body ')) t.ok(columnsOf(line) <= columns, `${columnsOf(line)}: ${line}`)
      }
      golden(t, `wide.${name}.${columns}`, out)
      return out
    }
    const events = await shown('events', 'events')
    t.match(events, first)
    t.match(events, second)
    for (const [, id = ''] of events.matchAll(/(evt_\w+)/g))
      t.equal((await hookbridge(['events', 'show', id], { cwd })).code, 0, `${id} is one event`)
    const deliveries = await shown('deliveries', 'deliveries')
    for (const [, id = ''] of deliveries.matchAll(/(dlv_\w+)/g))
      t.equal((await hookbridge(['deliveries', 'show', id], { cwd })).code, 0, `${id} is one delivery`)
    t.match(deliveries.replace(/\s+/g, ''), 'a-domain-with-a-name.example.org', 'no destination is cut')
    await shown('destinations', 'destinations')
    await shown('events-show', 'events', 'show', second)
    await shown('deliveries-show', 'deliveries', 'show', deliveryId(21))
  }
})

t.test('a subject may be given by its beginning', async (t) => {
  const cwd = await configured(t, async (store) => {
    await store.append(arrival(event(1, { subject: 'an_17' })))
    await store.append(arrival(event(2, { subject: 'an_1733' }), [planned(1, 'slack #deals', 'deals')]))
    await attemptDue(store, START + HOUR, () => dead())
  })
  const ids = async (subject: string) =>
    JSON.parse((await hookbridge(['events', '--subject', subject, '--json'], { cwd })).out).events.map(
      ({ id }: { id: string }) => id,
    )
  t.strictSame(await ids('an_173'), [eventId(2)])
  t.strictSame(await ids('an_17'), [eventId(1)], 'a whole one comes first')
  t.strictSame(await ids('an_2'), [])
  for (const command of [
    ['events'],
    ['deliveries'],
    ['dismiss', '--reason', 'late'],
    ['resend'],
    ['replay'],
  ]) {
    t.match(
      await hookbridge([...command, '--subject', 'an_'], { cwd }),
      {
        code: 2,
        err: /an_ fits 2 subjects; type more of the one you mean:\n {2}an_17(33)?\n {2}an_17(33)?\n/,
      },
      command.join(' '),
    )
  }
  t.match(await hookbridge(['dismiss', '--subject', 'an_173', '--reason', 'late'], { cwd }), {
    out: '1 delivery dismissed',
  })
})

t.test('equal attempts are one line, also where others are between them', async (t) => {
  const reasons = ['connect ECONNREFUSED ::1:25', 'connect ECONNREFUSED 127.0.0.1:25']
  const cwd = await configured(t, async (store) => {
    await store.append(arrival(event(1), [planned(1, 'email ops@example.org', 'ops')]))
    for (let attempt = 0; attempt < 30; attempt += 1) {
      // The destination waits too after a failure, for an hour and more.
      const now = START + (attempt + 1) * 2 * HOUR
      const reason = attempt < 3 ? 'greylisted' : (reasons[attempt % 2] ?? '')
      await attemptDue(store, now, () => ({
        ...retry(now + HOUR / 2, reason),
        // Not shown, and different each time.
        outcome: { kind: 'retry', reason, after: HOUR + attempt },
      }))
    }
  })
  const { out } = await hookbridge(['deliveries', 'show', deliveryId(1)], { cwd })
  t.match(out, /^ {4}attempts 1-3, 14:00:00-18:00:00Z: retry, greylisted$/m)
  t.match(
    out,
    /^ {4}14 of the attempts 4-30, 20:00:00-11-26 00:00:00Z: retry, connect ECONNREFUSED 127\.0\.0\.1:25$/m,
  )
  t.match(out, /^ {4}13 of the attempts 5-29, 22:00:00-11-25 22:00:00Z: retry, connect ECONNREFUSED ::1:25$/m)
  const json = JSON.parse((await hookbridge(['deliveries', 'show', deliveryId(1), '--json'], { cwd })).out)
  t.equal(json.deliveries[0].history.length, 30, 'JSON has each')
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
  t.match(several.err, /0191e29a fits 2 records; type more of the id you mean:/)
  t.match(several.err, new RegExp(` event +${eventId(1)} +subject 0191e29a-1644-7972-9466-000000000001`))
  t.match(await show('evt_01KARZ'), { code: 1, err: /fits 5 records/ })
  t.match(await show('dlv_2QX7'), { code: 1, err: new RegExp(` delivery +${deliveryId(6)}\n`) })
  t.match(await show('evt_none'), { code: 1, err: /no event or delivery has the id evt_none/ })
  t.match(await show('%'), { code: 1, err: /no event or delivery has the id %/ })
})

t.test('a subject of several events says how to list them', async (t) => {
  const cwd = await configured(t, async (store) => {
    await store.append(arrival(event(1, { type: 'analysis.created', subject: 'an_1' })))
    await store.append(arrival(event(2, { subject: 'an_1' })))
    await store.append(arrival(event(3, { subject: 'an_12' })))
  })
  t.match(await hookbridge(['events', 'show', 'an_1'], { cwd }), {
    code: 1,
    err: /an_1 fits 2 records; "hookbridge events --subject an_1" lists its events:/,
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
      t.match(page, { shown: page[list].length, total: 7, total_is_exact: true })
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
      new RegExp(`^3 of 7 ${list}\n--limit 12 shows more, --cursor ${first.next} the next$`, 'm'),
    )
    const last = await hookbridge([list, '--limit', '3', '--cursor', second.next], { cwd })
    t.match(last.out, new RegExp(`^1 of 7 ${list}\n$`, 'm'))
    t.notMatch(last.out, '--cursor')
    t.notMatch((await hookbridge([list], { cwd })).out, /--cursor/)
    t.match(await hookbridge([list, '--cursor', 'yesterday'], { cwd }), { code: 2, err: /yesterday is not/ })
  }
})

t.test('behind a full page there may be only what the filter leaves out', async (t) => {
  const cwd = await configured(t, async (store) => {
    for (let number = 1; number <= 4; number += 1)
      await store.append(
        arrival(event(number, { source: number > 2 ? 'cuuro' : 'other', type: number > 2 ? 'a' : 'b' }), [
          planned(number, number > 2 ? 'slack #deals' : 'slack #other', 'deals'),
        ]),
      )
  })
  for (const args of [
    ['deliveries', '--receiver', 'deals', '--type', 'a', '--limit', '2'],
    ['events', '--type', 'a', '--limit', '2'],
  ]) {
    t.notMatch((await hookbridge(args, { cwd })).out, / of /)
    const json = JSON.parse((await hookbridge([...args, '--json'], { cwd })).out)
    t.match(json, { shown: 2, total: 2, total_is_exact: true, next: null })
  }
})

t.test('what is too much to count is said to be more', async (t) => {
  const cwd = await configured(t, async () => {})
  await writeLongHistory(join(cwd, 'store.db'), 10_100)
  t.match(await hookbridge(['events', '--limit', '2'], { cwd }), {
    out: /^2 of more than 10,000 events\n--limit 8 shows more, --cursor \S+ the next$/m,
  })
  const json = JSON.parse((await hookbridge(['events', '--json', '--limit', '2'], { cwd })).out)
  t.match(json, { shown: 2, total: 10_000, total_is_exact: false, next: String })
})

t.test('JSON: keys as in the configuration, times in ISO 8601', async (t) => {
  const cwd = await configured(t, week)
  const json = async (...args: string[]) => JSON.parse((await hookbridge([...args, '--json'], { cwd })).out)
  t.match(await json('events', 'show', eventId(1)), {
    id: eventId(1),
    message_id: event(1).messageId,
    subject: event(1).subject,
    received_at: '2026-11-23T12:00:01.000Z',
    released_as: null,
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
  t.strictSame(await numbers('--destination', 'deals'), [6, 1])
  t.strictSame(await numbers('--destination', 'ada@example.org'), [2])
  t.strictSame(await numbers('--channel', 'email', '--type', 'startup.created'), [5, 4])
  t.strictSame(await numbers('--subject', 'an_3'), [6])
  t.strictSame(await numbers('--since', '2026-11-23T12:00:02Z', '--until', '2026-11-23T12:00:03Z'), [5, 4])
  t.strictSame(await numbers('--until', '2026-11-23T12:00:02Z'), [3, 2, 1])
  for (const [args, message] of [
    [['--destination', 'slack:#deals', '--channel', 'email'], /give one of them/],
    [['--state', 'parked,lost'], /the states are pending, held, sending, delivered/],
    [['--since', 'yesterday'], /30m, 12h or 7d, or a time such as 2026-/],
    [['--limit', '0'], /'0' is invalid: write a whole number above 0\n/],
  ] as const)
    t.match(await hookbridge(['deliveries', ...args], { cwd }), { code: 2, err: message })
})

t.test('a name that is unknown is said to be, on standard error', async (t) => {
  const cwd = await configured(t, week)
  const said = async (...args: string[]) => {
    const { code, err } = await hookbridge(args, { cwd })
    t.equal(code, 0, args.join(' '))
    return err
  }
  const both = 'neither the configuration nor the history has'
  const cases: readonly (readonly [args: string, err: string])[] = [
    ['deliveries --destination dels', `${both} the destination "dels"; did you mean "#deals"?`],
    ['deliveries --destination slack:#nope', `${both} the destination "#nope"; known: #deals`],
    ['deliveries --destination deals --channel email', `${both} the destination "deals"; known: `],
    ['deliveries --receiver deal', `${both} the receiver "deal"; did you mean "deals"?`],
    ['resend --receiver deal --state parked', `${both} the receiver "deal"; did you mean "deals"?`],
    ['dismiss --receiver deal --reason x', `${both} the receiver "deal"; did you mean "deals"?`],
    ['events --source cuuroo', `${both} the source "cuuroo"; did you mean "cuuro"?`],
    ['replay --source cuuroo', `${both} the source "cuuroo"; did you mean "cuuro"?`],
    [
      'events --type startup.craeted',
      'the history has no event of the type "startup.craeted"; did you mean "startup.created"?',
    ],
  ]
  for (const [args, err] of cases) t.match(await said(...args.split(' ')), err)
  t.match(await hookbridge(['resend', '--destination', 'deals', '--state', 'parked', '--dry-run'], { cwd }), {
    out: /1 delivery would be/,
    err: '',
  })
  t.equal(await said('events', '--source', 'hookbridge'), '', 'the notices of the service itself')
  t.equal(await said('deliveries', '--receiver', 'ops'), '', 'which only the history has')
  t.equal(
    await said('deliveries', '--destination', 'bob@example.org'),
    '',
    'which only the configuration has',
  )
  const help = await hookbridge(['deliveries', '--help'], { cwd })
  t.match(help.out.replace(/\s+/g, ' '), "'#deal-flow', a@example.com")
})

t.test('nothing yet', async (t) => {
  const cwd = await configured(t, async () => {})
  t.match(await hookbridge(['events'], { cwd }), { code: 0, out: 'no events\n' })
  t.match(await hookbridge(['deliveries'], { cwd }), { code: 0, out: 'no deliveries\n' })
  t.match(await hookbridge(['destinations'], { cwd }), { code: 0, out: /^no destinations/ })
})
