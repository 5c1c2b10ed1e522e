import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { runTests, storedIds } from '../../../src/config/checks/tests/tests.ts'
import { loadConfig } from '../../../src/config/load.ts'
import type { Event } from '../../../src/core/event.ts'
import { environment, lines } from '../../support/config-fixtures.ts'
import { temporaryFolder } from '../../support/service.ts'

type Test = Parameters<typeof temporaryFolder>[0]

const base = `
sources:
  cuuro: { svix: { secrets: ["\${SECRET}"] }, event_type: /event }
channels:
  email: { smtp: "smtp://127.0.0.1", from: alerts@example.org }
receivers:
  deal-flow: { slack: { webhook_url: "\${HOOK}" } }
  partners: { email: { to: [partners@example.org] } }
routes:
  - name: completed
    match: { type: analysis.completed }
    receivers: [deal-flow, partners]
  - match: { type: "analysis.*" }
    receivers: [deal-flow]
tests:
`

const stored: Event = {
  id: 'evt_1',
  messageId: 'msg_1',
  source: 'cuuro',
  type: 'analysis.failed',
  subject: null,
  receivedAt: 0,
  sentAt: 0,
  secretIndex: 0,
  payload: { event: 'analysis.failed' },
  enriched: {},
}

/** What failed, and the details under each line. */
function failures(t: Test, tests: string): string[] {
  const folder = temporaryFolder(t)
  writeFileSync(join(folder, 'sample.json'), '{"event":"analysis.created","data":{"id":"7"}}')
  writeFileSync(join(folder, 'large.json'), ' '.repeat(262_145))
  const file = join(folder, 'config.yaml')
  writeFileSync(file, base + tests)
  const loaded = loadConfig(file, environment)
  if (!loaded.ok) throw new Error(lines(loaded.problems, folder).join('\n'))
  const events = new Map(storedIds(loaded.compiled).map((id) => [id, id === stored.id ? stored : `no ${id}`]))
  const problems = runTests(loaded.compiled, (id) => events.get(id) ?? 'not asked for')
  const reported = lines(problems, folder)
  return problems.flatMap(({ detail }, index) => [
    reported[index] ?? '',
    ...(detail ?? '').split('\n').filter(Boolean),
  ])
}

t.test('tests that hold say nothing', async (t) => {
  t.strictSame(
    failures(
      t,
      `
  - event: { event: analysis.completed, data: { id: "42" } }
    at: "2026-03-04T05:06:00Z"
    expect:
      routes: [completed]
      receivers: [partners, deal-flow]
      rendered:
        deal-flow: [An analysis is complete, "42", "2026-03-04 05:06 UTC"]
        partners: ["Subject: Analysis 42: complete"]
  - file: sample.json
    expect: { routes: ["routes[1]"], receivers: [deal-flow], rendered: { deal-flow: [An analysis has started] } }
  - stored: evt_1
    expect: { routes: ["routes[1]"] }
  - event: { event: startup.created }
    expect: { routes: [], receivers: [] }
`,
    ),
    [],
  )
})

t.test('a test that fails reports the difference at its place', async (t) => {
  t.strictSame(
    failures(
      t,
      `
  - name: the partners hear of everything
    event: { event: analysis.created, data: { id: "42" } }
    expect:
      routes: [completed]
      receivers: [deal-flow, partners]
      rendered: { deal-flow: [analysis has started, analysis is complete], partners: [x] }
`,
    ),
    [
      'failed_test config.yaml:20:15: the test "the partners hear of everything" failed: other routes take the event (`hookbridge explain` shows why)',
      '- completed (expected)',
      '+ routes[1] (actual)',
      'failed_test config.yaml:21:18: the test "the partners hear of everything" failed: other receivers get the event (`hookbridge explain` shows why)',
      '  deal-flow',
      '- partners (expected)',
      'failed_test config.yaml:22:17: the test "the partners hear of everything" failed: no message to deal-flow contains "analysis is complete"',
      'An analysis has started',
      'cuuro · received 2026-01-01 12:00 UTC · 42',
      'failed_test config.yaml:22:17: the test "the partners hear of everything" failed: "partners" gets no message (`hookbridge explain` shows why)',
    ],
  )
})

t.test('a file that is no file, or too large for any event, is not read', async (t) => {
  t.strictSame(
    failures(
      t,
      `
  - { file: /dev/zero, expect: { receivers: [] } }
  - { file: large.json, expect: { receivers: [] } }
`,
    ),
    [
      'failed_test config.yaml:17:13: tests[0] has no event: /dev/zero is not a regular file',
      'failed_test config.yaml:18:13: tests[1] has no event: large.json is larger than server.body_limit (262144 bytes)',
    ],
  )
})

t.test('a test without an event says why', async (t) => {
  t.strictSame(
    failures(
      t,
      `
  - { event: { type: a }, expect: { receivers: [] } }
  - { file: missing.json, expect: { receivers: [] } }
  - { stored: evt_2, expect: { receivers: [] } }
  - { event: { event: a }, source: curo, expect: { receivers: [] } }
  - { event: { event: a }, expect: { receivers: [partner] } }
`,
    ),
    [
      'failed_test config.yaml:17:14: tests[0] has no event: no event type (a string) at /event; if it is at /type, write event_type: /type under the source',
      'failed_test config.yaml:18:13: tests[1] has no event: missing.json cannot be read (ENOENT)',
      'failed_test config.yaml:19:15: tests[2] has no event: no evt_2',
      'failed_test config.yaml:20:14: tests[3] has no event: there is no source "curo"; did you mean "cuuro"?',
      'failed_test config.yaml:21:49: tests[4] failed: there is no receiver "partner" (did you mean "partners"?)',
    ],
  )
})

t.test('who is muted at the time of a test', async (t) => {
  const muted = (tests: string) => {
    const folder = temporaryFolder(t)
    const file = join(folder, 'config.yaml')
    writeFileSync(
      file,
      `time_zone: Europe/Berlin
time_intervals:
  - name: nights
    time_intervals: [{ times: [{ start_time: 00:00, end_time: 08:00 }] }]
${base.replace('    receivers: [deal-flow, partners]', '    receivers: [deal-flow, partners]\n    mute_time_intervals: [nights]')}${tests}`,
    )
    const loaded = loadConfig(file, environment)
    if (!loaded.ok) throw new Error(lines(loaded.problems, folder).join('\n'))
    return runTests(loaded.compiled, () => 'none').map(({ message, detail }) => [message, detail])
  }
  const event = '{ event: analysis.completed, data: { id: "1" } }'
  t.same(
    muted(`
  - { event: ${event}, at: "2026-11-28T03:00:00Z", expect: { muted: [partners, deal-flow], receivers: [deal-flow, partners] } }
  - { event: ${event}, at: "2026-11-28T09:00:00+01:00", expect: { muted: [] } }
  - { event: { event: analysis.created }, at: "2026-11-28T03:00:00Z", expect: { muted: [] } }
  - { event: ${event}, expect: { rendered: { partners: [complete] } } }
`),
    [],
  )
  t.same(
    muted(`
  - { event: ${event}, at: "2026-11-28T03:00:00Z", expect: { muted: [partners] } }
  - { event: ${event}, expect: { muted: [partner] } }
`),
    [
      ['tests[0] failed: other receivers are muted', '  partners\n+ deal-flow (actual)'],
      ['tests[1] failed: there is no receiver "partner"', undefined],
    ],
  )
})
