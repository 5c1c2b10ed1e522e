import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { openStore } from '../../../src/store/open.ts'
import { entry, event, eventId, planned, quarantine } from '../../store/contract/sample.ts'
import { whileClosed } from '../../support/closed.ts'
import { hookbridge } from '../../support/hookbridge.ts'
import { temporaryFolder } from '../../support/service.ts'

type Test = Parameters<typeof temporaryFolder>[0]

const routes = `
routes:
  - name: completed
    match: { type: analysis.completed }
    receivers: [log]
  - name: high
    match: { data.score: { gte: 80 }, any: [{ data.kind: x }, { not: { data.kind: { exists: true } } }] }
    receivers: [log, team]
    continue: true
  - match: { source: cuuro, type: "analysis.*" }
    receivers: [team]
    routes:
      - { name: mute, match: { data.muted: true }, receivers: [log] }
  - { name: never reached by analyses, match: { type: "startup.*" }, receivers: [log] }
`

function configured(t: Test, yaml = routes): string {
  const folder = temporaryFolder(t)
  writeFileSync(
    join(folder, 'config.yaml'),
    `
store: { url: "sqlite:store.db" }
sources:
  cuuro: { svix: { secrets: ["\${WEBHOOK_SECRET}"] } }
  other: { svix: { secrets: ["\${WEBHOOK_SECRET}"] }, event_type: /meta/type }
channels: { email: { smtp: "smtp://127.0.0.1", from: a@example.org } }
receivers:
  log: { console: {} }
  team: { email: { to: [team@example.org] } }
${yaml}`,
  )
  return folder
}

t.test('every route that is tried is shown, with what was wanted and what was there', async (t) => {
  const cwd = configured(t)
  const shown = await hookbridge(['explain', '--type', 'analysis.created', '--data', 'id=1', 'score:=85'], {
    cwd,
  })
  t.equal(shown.err, '')
  t.equal(
    shown.out,
    `analysis.created from cuuro (evt_SAMPLE)

├─ ✗ completed
│     ✗     type = analysis.completed, but it is "analysis.created"
├─ ✓ high
│     ✓     data.score >= 80
│     ✓     any of
│     ✗     · data.kind = x, but it is missing
│     ✓     · not
│     ✗     · · data.kind exists, but it is missing
│     →     log, team; then the next route is tried
└─ ✓ routes[2]
   │  ✓     source = cuuro
   │  ✓     type = analysis.*
   │  →     team
   └─ ✗ mute
         ✗     data.muted = true, but it is missing
not tried, because an earlier route took the event: never reached by analyses

CHANNEL  TARGET            RECEIVER  HOW
console  console           log       template default
email    team@example.org  team      template analysis.created
email    team@example.org  team      skipped: already sent by route high
`,
  )
  t.equal(shown.code, 0)
  const narrow = await hookbridge(
    ['explain', '--type', 'analysis.created', '--data', `id=${'x'.repeat(200)}`, 'score:=1'],
    { cwd, columns: 60 },
  )
  for (const line of narrow.out.replaceAll(/\u001b\[\d+m/g, '').split('\n'))
    t.ok([...line].length <= 60, line)
})

t.test('--enriched says what enrichment would have fetched', async (t) => {
  const cwd = configured(
    t,
    `
routes:
  - match: { enriched.analysis.score: { gte: 80 }, enriched.analysis.company.name: Acme }
    receivers: [team]
enrich:
  - { name: analysis, get: "https://api.internal/{{ data.id }}", pick: { score: /score, company: /company } }
tests:
  - event: { event: analysis.completed }
    enriched: { analysis: { score: 12345678901234567890, company: { name: Acme } } }
    expect: { receivers: [team] }
  - event: { event: analysis.completed }
    enriched: { analysis: { score: 79 } }
    expect: { receivers: [] }
`,
  )
  const enriched = ['--enriched', 'analysis.score:=91', 'analysis.company.name=Acme']
  const shown = await hookbridge(['explain', '--type', 'analysis.completed', ...enriched], { cwd })
  t.match(shown.out, 'enriched.analysis.score >= 80')
  t.notMatch(shown.out, '--fetch')
  const bare = await hookbridge(['explain', '--type', 'analysis.completed'], { cwd })
  t.match(bare.out, /explain fetches nothing by itself: .*--enriched analysis\.score:=VALUE .*--fetch\n$/)
  t.match(shown.out, 'team@example.org')
  const json = ['--json', '--enriched', 'analysis.score:=9e999', 'analysis:={"score":79}']
  const other = await hookbridge(['explain', '--type', 'analysis.completed', ...json], { cwd })
  t.match(JSON.parse(other.out), { unrouted: true, event: { enriched: { analysis: { score: 79 } } } })
  const checked = await hookbridge(['check'], { cwd })
  t.match(checked, { code: 0, out: /2 tests/ })
  t.match(await hookbridge(['explain', '--type', 'x', '--enriched', '=1'], { cwd }), {
    code: 2,
    err: /--enriched takes key=value/,
  })
  for (const [pair, err] of [
    [
      'analysis.scoer:=91',
      /--enriched: enriched\.analysis\.scoer: the step analysis picks no field .*did you mean "score"\?/,
    ],
    ['analyses.score:=91', /--enriched: enriched\.analyses: no step of enrich .*did you mean "analysis"\?/],
  ] as const)
    t.match(await hookbridge(['explain', '--type', 'x', '--enriched', pair], { cwd }), { code: 2, err })
})

t.test('enrichment is hinted at only where a step would fetch what is missing', async (t) => {
  const cwd = configured(
    t,
    `
routes:
  - { match: { enriched.company.name: Acme }, receivers: [team] }
  - { match: { enriched.analysis.score: { gte: 80 } }, receivers: [team] }
enrich:
  - { name: company, match: { type: "company.*" }, get: "http://127.0.0.1:1/", pick: { name: /name } }
  - { name: analysis, match: { type: "analysis.*" }, get: "http://127.0.0.1:1/", pick: { score: /score } }
`,
  )
  const explained = async (...args: string[]) => (await hookbridge(['explain', ...args], { cwd })).out
  t.match(
    await explained('--type', 'analysis.completed'),
    /explain fetches nothing by itself.*--enriched analysis\.score:=VALUE/,
  )
  const order = ['--type', 'order.paid']
  t.notMatch(await explained(...order), 'nothing is fetched')
  t.match(await explained(...order, '--fetch'), /^no step of enrich matches this event\n/)
})

t.test('an event that no route takes', async (t) => {
  const cwd = configured(t)
  const shown = await hookbridge(['explain', '--type', 'nothing', '--source', 'other'], { cwd })
  t.match(shown.out, /^nothing from other/)
  t.match(shown.out, /No route takes it: it is stored and counted as unrouted\.\n\nNothing is delivered\.\n$/)
})

t.test('--verify compares the receivers', async (t) => {
  const cwd = configured(t)
  const verify = (type: string, receivers: string) =>
    hookbridge(['explain', '--type', type, '--verify', receivers], { cwd })
  t.equal((await verify('analysis.completed', 'log')).code, 0)
  t.equal((await verify('nothing', '')).code, 0)
  t.match(await verify('analysis.completed', 'team'), {
    code: 1,
    err: /hookbridge: it should go to team, but does not; it should not go to log, but does\n/,
  })
})

t.test('the event is a file, standard input aside, or a stored one', async (t) => {
  const cwd = configured(t)
  writeFileSync(join(cwd, 'event.json'), '{"meta":{"type":"startup.created"},"data":{"id":"7"}}')
  const fromFile = await hookbridge(['explain', 'event.json', '--source', 'other', '--json'], { cwd })
  t.match(JSON.parse(fromFile.out), {
    event: { type: 'startup.created', source: 'other', payload: { data: { id: '7' } } },
    receivers: ['log'],
    unrouted: false,
    deliveries: [{ channel: 'console', receiver: 'log', rendered_with: 'default', notes: [] }],
    visits: [{ result: 'no_match' }, { result: 'no_match' }, { result: 'no_match' }, { result: 'took' }],
  })
  const store = await openStore(`sqlite:${join(cwd, 'store.db')}`, 'service')
  await store.append(entry(event(1)))
  await store.append(quarantine(2))
  await store.close()
  t.match(
    (await hookbridge(['explain', eventId(1)], { cwd })).out,
    new RegExp(`^analysis.completed from cuuro \\(${eventId(1)}\\)`),
  )
  t.match(await hookbridge(['explain', eventId(2)], { cwd }), {
    code: 1,
    err: /is quarantined and never became an event/,
  })
  t.match(await hookbridge(['explain', 'evt_none'], { cwd }), {
    code: 1,
    err: /neither a file nor the id of a stored event/,
  })
  const long = `msg_${'m'.repeat(300)}`
  t.match(await hookbridge(['explain', long], { cwd }), {
    code: 1,
    err: new RegExp(`^hookbridge: ${long.slice(0, 40)}`),
  })
  // It is no path, so that it does not matter where the command runs.
  const home = temporaryFolder(t)
  const closed = await whileClosed(home, () =>
    hookbridge(['explain', eventId(1), '--config', join(cwd, 'config.yaml')], { cwd: home }),
  )
  t.notMatch(closed.err, /may not read .*evt_/)
})

t.test('bad usage is reported', async (t) => {
  const cwd = configured(t)
  for (const [args, message] of [
    [[], /which event\? Pass a file, the id of a stored event, or --type/],
    [['event.json', '--type', 'a'], /either an event, or --type/],
    [['--type', 'a', '--data', 'x'], /--data takes key=value, or key:=json, not "x"/],
    [['--type', 'a', '--data', 'x:=y'], /--data x:= takes JSON, such as 80, true or "text", not "y"/],
    [['--type', 'a', '--since', '1d'], /--since looks at all stored events/],
  ] as const) {
    t.match(await hookbridge(['explain', ...args], { cwd }), { code: 2, err: message })
  }
  t.match(await hookbridge(['explain', '--type', 'a', '--source', 'curo'], { cwd }), {
    code: 1,
    err: /there is no source "curo"; did you mean "cuuro"\?/,
  })
})

t.test('--since shows what a configuration would change, and changes nothing', async (t) => {
  const cwd = configured(t)
  const receivedAt = Date.now() - 1_000
  const store = await openStore(`sqlite:${join(cwd, 'store.db')}`, 'service')
  const delivery = planned({ route: 'r', receiver: 'log', channel: 'console', target: 'console' })
  // More than two pages, many in the same millisecond.
  for (let number = 1; number <= 1_200; number += 1) {
    const type = number % 2 === 0 ? 'analysis.completed' : 'startup.created'
    await store.append(
      entry(event(number, { type, receivedAt: receivedAt + Math.floor(number / 700) }), [delivery]),
    )
  }
  await store.append(entry(event(1_201, { type: 'other', receivedAt })))
  await store.append(quarantine(1_202))
  await store.close()

  const same = await hookbridge(['explain', '--since', '1h'], { cwd })
  t.equal(same.out, 'nothing changes for any of 1201 stored events\n')
  t.notMatch(same.err, /[\r█░]/, 'no bar where nobody watches')
  const watched = await hookbridge(['explain', '--since', '1h'], { cwd, columns: 80 })
  t.match(watched.err, /\r█*░+/, 'how far it is')
  t.match(watched.err, /\r\u001b\[K$/, 'and the bar goes')

  const candidate = `
routes:
  - { match: { type: analysis.completed }, receivers: [team] }
  - { match: { type: other }, receivers: [log] }
`
  const file = join(configured(t, candidate), 'config.yaml')
  const args = ['explain', '--since', '1h', '--config', file]
  writeFileSync(
    file,
    readFileSync(file, 'utf8').replace('sqlite:store.db', `sqlite:${join(cwd, 'store.db')}`),
  )
  const { code, out } = await hookbridge(args, { cwd })
  t.equal(code, 0)
  t.match(out, /^something changes for 1201 of 1201 stored events\n/)
  t.match(out, /^moved +600 +analysis\.completed +console console +email team@example\.org +evt_/m)
  t.match(out, /^no longer routed +600 +startup\.created +console console +– +evt_/m)
  t.match(out, /^newly routed +1 +other +– +console console +evt_/m)
  const json = JSON.parse((await hookbridge([...args, '--json'], { cwd })).out)
  t.equal(json.events, 1_201)
  t.equal(new Set(json.changes.flatMap((change: { events: string[] }) => change.events)).size, 1_201)
  writeFileSync(
    file,
    `${readFileSync(file, 'utf8').replaceAll('receivers: [team]', 'receivers: [team], template: broken')}templates: templates\n`,
  )
  mkdirSync(join(file, '../templates/broken'), { recursive: true })
  writeFileSync(
    join(file, '../templates/broken/email.md'),
    '---\nsubject: x\n---\n{% for i in (1..9999999) %}{% endfor %}',
  )
  const failing = await hookbridge(args, { cwd })
  t.match(failing, {
    code: 1,
    err: /templates would fail/,
    out: /^template fails +600 +analysis\.completed +email/m,
  })
  const after = await openStore(`sqlite:${join(cwd, 'store.db')}`, 'operator')
  t.equal((await after.deliveries({}, { limit: 10_000 })).items.length, 1_200)
  await after.close()
})

t.test('what a variable holds is compared, and not shown', async (t) => {
  const cwd = configured(
    t,
    'routes:\n  - { match: { any: [{ data.key: ["${SECRET_KEY}", other] }, { not: { data.key: "${SECRET_KEY}" } }] }, receivers: [log] }\n',
  )
  const options = { cwd, env: { SECRET_KEY: 'only-tests-know-this-key' } }
  for (const args of [
    ['explain', '--type', 'a', '--data', 'key=wrong'],
    ['explain', '--type', 'a', '--data', 'key=wrong', '--json'],
    ['routes'],
    ['routes', '--json'],
    ['routes', '--mermaid'],
  ]) {
    const { out, code } = await hookbridge(args, options)
    t.equal(code, 0)
    t.notMatch(out, /only-tests-know/, args.join(' '))
    t.match(out, /SECRET.*KEY/, args.join(' '))
  }
  const right = await hookbridge(
    ['explain', '--type', 'a', '--data', 'key=only-tests-know-this-key'],
    options,
  )
  t.match(right.out, /✓ +· data\.key in \["\$\{SECRET_KEY\}", other\]/)
})

t.test('a stage without an id says that it is in no conversation', async (t) => {
  const lifecycles = 'lifecycles: { x: { stages: [a.b, a.c] }, y: { stages: [d.e, d.f], key: /data/y } }\n'
  const cwd = configured(t, `${lifecycles}routes: [{ receivers: [log, team] }]\n`)
  const remark = 'It is in no conversation of the lifecycle'
  for (const [type, data, said] of [
    ['a.b', 'name=Acme', `${remark} x: there is no id where \`subject\` of the source cuuro points.`],
    ['d.f', 'id=1', `${remark} y: there is no id at /data/y, its \`key\`.`],
    ['a.b', 'id=1', null],
    ['other', 'name=Acme', null],
  ] as const)
    for (const command of ['explain', 'preview']) {
      const { code, out } = await hookbridge([command, '--type', type, '--data', data], { cwd })
      t.equal(code, 0)
      const words = out.replaceAll(/\s+/g, ' ')
      t.equal(
        said === null ? words.includes(remark) : words.includes(said),
        said !== null,
        `${command} ${type} ${data}`,
      )
    }
})
