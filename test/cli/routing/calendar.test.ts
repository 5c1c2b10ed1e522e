import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { hookbridge } from '../../support/hookbridge.ts'
import { temporaryFolder } from '../../support/service.ts'

function configured(t: Parameters<typeof temporaryFolder>[0]): string {
  const folder = temporaryFolder(t)
  writeFileSync(
    join(folder, 'config.yaml'),
    `
store: { url: "sqlite:store.db" }
time_zone: Europe/Berlin
time_intervals:
  - name: nights
    time_intervals:
      - times: [{ start_time: 22:00, end_time: 24:00 }, { start_time: 00:00, end_time: 08:00 }]
  - name: office hours
    time_intervals:
      - weekdays: [monday:friday]
        times: [{ start_time: 09:00, end_time: 18:00 }]
        location: America/New_York
sources: { cuuro: { svix: { secrets: ["\${WEBHOOK_SECRET}"] } } }
receivers: { here: { console: {} }, there: { console: {} } }
routes:
  - name: urgent
    match: { data.urgent: true }
    receivers: [here]
    critical: true
    mute_time_intervals: [nights]
  - name: quiet
    match: { type: "analysis.*" }
    receivers: [here]
    mute_time_intervals: [nights]
    when_muted: drop
    routes:
      - { name: office, match: { data.fund: one }, active_time_intervals: [office hours], when_muted: defer }
  - { name: rest, receivers: [there] }
`,
  )
  return folder
}

t.test('calendar shows when a route is muted, as the clocks of the zone say', async (t) => {
  const cwd = configured(t)
  const shown = await hookbridge(['calendar', 'quiet', '--from', '2026-10-24', '--days', '2'], { cwd })
  t.equal(
    shown.out,
    `quiet (routes[1]), times in Europe/Berlin
While it is muted, its messages are dropped.

FROM                  UNTIL                 ROUTE IS
Sat 2026-10-24 00:00  Sat 2026-10-24 08:00  muted by the time interval nights
Sat 2026-10-24 08:00  Sat 2026-10-24 22:00  active
Sat 2026-10-24 22:00  Sun 2026-10-25 08:00  muted by the time interval nights
Sun 2026-10-25 08:00  Sun 2026-10-25 22:00  active
Sun 2026-10-25 22:00  Mon 2026-10-26 00:00  muted by the time interval nights
`,
  )
  t.equal(shown.code, 0)
  const { out } = await hookbridge(
    ['calendar', 'office', '--from', '2026-11-27T12:00Z', '--days', '1', '--json'],
    {
      cwd,
    },
  )
  t.same(JSON.parse(out), {
    route: 'office',
    path: 'routes[1].routes[0]',
    mute_time_intervals: ['nights'],
    active_time_intervals: ['office hours'],
    when_muted: 'defer',
    critical: false,
    time_zone: 'Europe/Berlin',
    spans: [
      {
        from: '2026-11-27T12:00:00.000Z',
        until: '2026-11-27T14:00:00.000Z',
        state: 'muted',
        reason: 'muted outside the time interval office hours',
      },
      {
        from: '2026-11-27T14:00:00.000Z',
        until: '2026-11-27T21:00:00.000Z',
        state: 'active',
        reason: null,
      },
      {
        from: '2026-11-27T21:00:00.000Z',
        until: '2026-11-28T07:00:00.000Z',
        state: 'muted',
        reason: 'muted by the time interval nights',
      },
      {
        from: '2026-11-28T07:00:00.000Z',
        until: '2026-11-28T12:00:00.000Z',
        state: 'muted',
        reason: 'muted outside the time interval office hours',
      },
    ],
  })
})

t.test('a route that is never muted', async (t) => {
  const cwd = configured(t)
  const never = 'never muted'
  t.match((await hookbridge(['calendar', 'urgent'], { cwd })).out, `It is critical, and so is ${never}`)
  t.match(
    (await hookbridge(['calendar', 'routes[2]'], { cwd })).out,
    `It has no time intervals, and so is ${never}`,
  )
})

t.test('what calendar and --at do not take', async (t) => {
  const cwd = configured(t)
  const wrong = async (args: readonly string[]) => {
    const { code, err } = await hookbridge(args, { cwd })
    t.equal(code, 2, args.join(' '))
    return err
  }
  t.match(await wrong(['calendar', 'quit']), /there is no route "quit"; did you mean "quiet"\?/)
  for (const text of ['tomorrow', '2026-13-01', '2026-02-30T12:00', '12:00', ''])
    t.match(await wrong(['explain', '--type', 'x', '--at', text]), /--at: ".*" is not a time; write 2026-/)
  t.match(await wrong(['calendar', 'quiet', '--days', '0']), /whole number/)
})

t.test('explain says what becomes of each message at a time', async (t) => {
  const cwd = configured(t)
  const args = ['explain', '--type', 'analysis.completed', '--data', 'fund=one', '--at']
  const { out } = await hookbridge([...args, '2026-11-28T12:00'], { cwd })
  t.match(out, /held until 2026-11-30 14:00:00Z: muted outside the time interval office hours/)
  const planned = async (...more: readonly string[]) => {
    const { out } = await hookbridge([...args, ...more, '--json'], { cwd })
    const { deliveries, visits } = JSON.parse(out)
    t.notOk('muting' in visits[0], 'no internals')
    return deliveries
  }
  t.match(await planned('2026-11-28T12:00'), [
    {
      receiver: 'here',
      route: 'office',
      state: 'held',
      until: '2026-11-30T14:00:00.000Z',
      reason: 'muted outside the time interval office hours',
    },
  ])
  t.match(await planned('2026-11-27T15:00+01:00'), [{ receiver: 'here', state: 'pending' }])
  const dropped = await hookbridge(
    ['explain', '--type', 'analysis.completed', '--at', '2026-11-28T23:00', '--json'],
    { cwd },
  )
  t.match(JSON.parse(dropped.out).deliveries, [
    { route: 'quiet', state: 'skipped', reason: 'muted by the time interval nights', muted: true },
  ])
  const mixed = await hookbridge(['explain', '--since', '1d', '--at', '2026-11-28T23:00'], { cwd })
  t.match(mixed, { code: 2, err: /--since looks at all stored events/ })
})

t.test('routes shows what mutes them', async (t) => {
  const cwd = configured(t)
  const { out } = await hookbridge(['routes'], { cwd })
  t.match(out, /mute {2}never: it is critical/)
  t.match(out, /mute {2}in nights: messages are dropped/)
  t.match(out, /mute {2}in nights, outside office hours: messages wait/)
  const { routes } = JSON.parse((await hookbridge(['routes', '--json'], { cwd })).out)
  t.match(routes[1], { mute_time_intervals: ['nights'], when_muted: 'drop', critical: false })
})
