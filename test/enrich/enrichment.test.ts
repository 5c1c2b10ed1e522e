/** Enrichment in the whole service, with an API that a test plays. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { startTestApp, type TestApp } from '../support/app.ts'
import { hookbridge } from '../support/hookbridge.ts'
import { type ApiAnswer, type JsonApi, startJsonApi } from '../support/json-api.ts'
import { environment, history, newEvent, post, startService, temporaryFolder } from '../support/service.ts'
import { until } from '../support/until.ts'

const KEY = 'key-that-only-tests-know'

const yamlOf = (api: string, more = '') => `
sources: { cuuro: { svix: { secrets: ["\${WEBHOOK_SECRET}"] } } }
enrich:
  - name: analysis
    match: { type: "analysis.*" }
    get: "${api}/analyses/{{ data.id }}"
    headers: { authorization: "Bearer ${KEY}" }
    pick: { score: /score, company_id: /company/id }
    ${more}
  - name: company
    match: { enriched.analysis.company_id: { exists: true } }
    get: "${api}/companies/{{ enriched.analysis.company_id }}"
    pick: { name: /name }
    within: 1h
    timeout: 1m
receivers: { strong: { console: {} }, log: { console: {} } }
templates: templates
routes:
  - { name: strong, match: { enriched.analysis.score: { gte: 80 } }, receivers: [strong], template: plain }
  - { receivers: [log], template: plain }
`

const TEMPLATE =
  '{{ receiver.name }} {{ data.id }} {{ enriched.analysis.score | default: "-" }} {{ enriched.company.name | default: "-" }}'

interface Started {
  readonly app: TestApp
  readonly api: JsonApi
  readonly send: (type?: string) => Promise<{ readonly objectId: string }>
  readonly printed: (count: number) => Promise<readonly string[]>
}

function folderWithTemplate(t: Test): string {
  const folder = temporaryFolder(t)
  mkdirSync(join(folder, 'templates', 'plain'), { recursive: true })
  writeFileSync(join(folder, 'templates', 'plain', 'console.txt'), TEMPLATE)
  return folder
}

async function start(t: Test, answer: JsonApi['answer'], more = ''): Promise<Started> {
  const api = await startJsonApi(t, answer)
  const folder = folderWithTemplate(t)
  const app = await startTestApp(t, yamlOf(api.url, more), { folder })
  return {
    app,
    api,
    async send(type) {
      const event = newEvent(type)
      t.equal((await post(app.url, event)).status, 202)
      return event
    },
    async printed(count) {
      await until(() => app.printed.length >= count, `${count} messages`)
      return app.printed.map((text) => text.trim())
    },
  }
}

const usual: JsonApi['answer'] = ({ path }) =>
  path.startsWith('/analyses/')
    ? { body: { score: 91, company: { id: 'c 1' }, secret: 'not picked' } }
    : { body: { name: 'Acme' } }

const recordOf = async (folder: string) => (await history(folder)).events[0]

t.test(
  'an event is routed by what was fetched, one step after the other; the history shows how',
  async (t) => {
    const { app, api, send, printed } = await start(t, usual)
    const { objectId } = await send()
    t.match(await printed(1), [`strong ${objectId} 91 Acme`])
    t.match(api.requests, [
      {
        path: `/analyses/${objectId}`,
        headers: { authorization: `Bearer ${KEY}`, accept: 'application/json' },
      },
      { path: '/companies/c%201', headers: { authorization: undefined } },
    ])
    const record = await recordOf(app.folder)
    t.match(record, {
      enriching: false,
      enriched: { analysis: { score: 91, company_id: 'c 1' }, company: { name: 'Acme' } },
      enrichment: {
        waiting: null,
        steps: [
          { step: 'analysis', result: 'fetched', tries: 1, fields: ['score', 'company_id'], reason: null },
          { step: 'company', result: 'fetched', tries: 1, fields: ['name'] },
        ],
      },
      plans: [{ number: 1, cause: 'received', routes: [{ route: 'strong' }] }],
    })
    const shown = await hookbridge(['events', 'show', record?.id ?? '', '--config', app.config])
    t.match(shown.out, /enriched +analysis \{"score":91,"company_id":"c 1"\}/)
    t.match(shown.out, /analysis +fetched score, company_id/)
    const metrics = await (await fetch(`${app.url}/metrics`)).text()
    t.match(metrics, 'hookbridge_enrichment_tries_total{step="analysis",result="fetched"} 1')
    t.match(metrics, 'hookbridge_enrichments_waiting 0')
    t.match(metrics, 'hookbridge_events_total{source="cuuro",type="analysis.completed",result="stored"} 1')

    // A replay sees the same, and asks nothing.
    t.equal((await hookbridge(['replay', record?.id ?? '', '--yes', '--config', app.config])).code, 0)
    t.match((await printed(2))[1], `strong ${objectId} 91 Acme`)
    t.equal(api.requests.length, 2)

    for (const place of [
      shown.out,
      metrics,
      JSON.stringify(app.log),
      readFileSync(join(app.folder, 'store.db'), 'latin1'),
    ])
      t.notMatch(place, KEY, 'the key is nowhere')
    t.notMatch(JSON.stringify(app.log), 'not picked')
  },
)

t.test('an event that no step matches is planned in the transaction that stores it', async (t) => {
  const { app, api, send, printed } = await start(t, usual)
  const { objectId } = await send('startup.created')
  t.match(await printed(1), [`log ${objectId} - -`])
  t.same(api.requests, [])
  t.match(await recordOf(app.folder), { enrichment: null, enriched: {} })
})

t.test('what is not ready or fails for now is asked again', async (t) => {
  const looked = Promise.withResolvers<void>()
  const answers: readonly ApiAnswer[] = [
    { status: 404, body: {} },
    { body: { score: null }, after: looked.promise },
    { body: { score: 12 } },
  ]
  const { app, api, send, printed } = await start(
    t,
    (_, number) => answers[number - 1] ?? {},
    'require: [score]\n    timeout: 1m',
  )
  const { objectId } = await send()
  await until(
    async () => (await recordOf(app.folder))?.enrichment?.waiting?.current?.tries === 1,
    'the first try',
  )
  const waiting = await recordOf(app.folder)
  t.match(waiting, {
    enriching: true,
    plans: [],
    enrichment: { waiting: { current: { reason: /HTTP 404/ } } },
  })
  const listed = await hookbridge(['events', '--config', app.config])
  t.match(listed.out, /enriching/)
  looked.resolve()
  t.match(await printed(1), [`log ${objectId} 12 -`])
  t.equal(api.requests.length, 3)
  t.match(await recordOf(app.folder), {
    enrichment: { steps: [{ step: 'analysis', result: 'fetched', tries: 3, reason: /not ready/ }] },
  })
})

t.test('after its time an event goes without it, and that is recorded', async (t) => {
  const { app, send, printed } = await start(t, () => ({ status: 503 }), 'within: 1s')
  const { objectId } = await send()
  t.match(await printed(1), [`log ${objectId} - -`])
  const record = await recordOf(app.folder)
  t.match(record, {
    enriched: {},
    enrichment: { steps: [{ step: 'analysis', result: 'failed', reason: 'the answer was HTTP 503' }] },
  })
  t.ok((record?.enrichment?.steps[0]?.tries ?? 0) >= 1)
  t.ok(app.log.some(({ msg }) => msg === 'enrichment failed: the answer was HTTP 503'))
})

t.test('401 and 403 need a person: reported once, until it is accepted again', async (t) => {
  let refuses = true
  const { app, api, send, printed } = await start(t, (request, number) =>
    refuses ? { status: 401, body: { echo: KEY } } : usual(request, number),
  )
  await send()
  await send()
  await printed(2)
  t.equal(api.requests.length, 2, 'asked once each: another try is of no use')
  const refusals = () => app.log.filter(({ msg }) => /step analysis of enrich is refused/.test(String(msg)))
  t.match(refusals(), [{ level: 50, step: 'analysis' }])
  t.equal(refusals().length, 1)
  const refused = async () =>
    /hookbridge_enrichment_refused\{step="analysis"\} (\d)/.exec(
      await (await fetch(`${app.url}/metrics`)).text(),
    )?.[1]
  t.equal(await refused(), '1')
  refuses = false
  await send()
  await printed(3)
  t.equal(await refused(), '0')
  t.match(
    app.log.find(({ msg }) => /accepted again/.test(String(msg))),
    { step: 'analysis' },
  )
  t.notMatch(JSON.stringify(app.log), KEY)
})

t.test('one request at a time for a URL; with a cache, one for all', async (t) => {
  for (const [more, requests] of [
    ['', 5],
    ['cache: 5m', 1],
  ] as const) {
    const api = await startJsonApi(t, () => ({ body: { score: 1 } }))
    const folder = folderWithTemplate(t)
    const yaml = yamlOf(api.url, more).replace('/analyses/{{ data.id }}', '/analyses/all')
    const app = await startTestApp(t, yaml, { folder })
    await Promise.all(Array.from({ length: 5 }, () => post(app.url, newEvent())))
    await until(() => app.printed.length === 5, 'five messages')
    t.equal(api.requests.length, requests)
    t.equal(api.most.get('/analyses/all'), 1)
  }
})

const twoApis = (one: string, other: string, more: string) => `
sources: { cuuro: { svix: { secrets: ["\${WEBHOOK_SECRET}"] } } }
enrich:
  - { name: one, match: { type: one }, get: "${one}/{{ data.id }}", ${more} }
  - { name: other, match: { type: other }, get: "${other}/{{ data.id }}" }
receivers: { log: { console: {} } }
templates: templates
routes: [{ receivers: [log], template: plain }]
`

async function startTwo(t: Test, answer: JsonApi['answer'], more: string) {
  const bad = await startJsonApi(t, answer)
  const good = await startJsonApi(t, () => ({ body: { score: 1 } }))
  const folder = folderWithTemplate(t)
  const template = '{{ event.type }} {{ enriched.other.score | default: "-" }}'
  writeFileSync(join(folder, 'templates', 'plain', 'console.txt'), template)
  const app = await startTestApp(t, twoApis(bad.url, good.url, more), { folder })
  const send = async (type: string, count = 1) => {
    const answers = await Promise.all(Array.from({ length: count }, () => post(app.url, newEvent(type))))
    t.ok(answers.every(({ status }) => status === 202))
  }
  const printed = () => app.printed.map((text) => text.trim())
  return { bad, app, send, printed }
}

t.test('an API that does not answer delays no event of another one', async (t) => {
  const never = Promise.withResolvers<void>()
  t.teardown(never.resolve)
  const { bad, send, printed } = await startTwo(
    t,
    () => ({ after: never.promise }),
    'within: 1h, timeout: 1m',
  )
  await send('one', 120)
  await until(() => bad.requests.length === 8, 'as many requests as one host gets')
  await send('other', 3)
  await until(() => printed().length === 3, 'the events of the other API')
  t.same(printed(), ['other 1', 'other 1', 'other 1'])
  t.equal(bad.requests.length, 8)
})

t.test('an API that fails is asked less often, and its events go out in time', async (t) => {
  const { bad, app, send, printed } = await startTwo(t, () => ({ status: 503 }), 'within: 2s')
  await send('one', 60)
  await send('other', 1)
  await until(() => printed().length === 61, 'all events')
  t.equal(printed().filter((text) => text === 'other 1').length, 1)
  t.ok(bad.requests.length < 40, `${bad.requests.length} requests for 60 events`)
  const fails = app.log.filter(({ msg }) => /^127.0.0.1:\d+ fails: the answer was HTTP 503/.test(String(msg)))
  t.equal(fails.length, 1)
  const { events } = await history(app.folder)
  const reasons = new Set(
    events.flatMap(({ enrichment }) => enrichment?.steps.map(({ reason }) => reason) ?? []),
  )
  t.ok(
    [...reasons].some((reason) =>
      /no requests are sent to \S+ for now: the answer was HTTP 503/.test(reason ?? ''),
    ),
  )
  bad.answer = () => ({ body: {} })
  await send('one', 1)
  await until(() => app.log.some(({ msg }) => /answers again/.test(String(msg))), 'the first answer')
})

t.test('a reload in between takes effect: for the steps that are left, and for the plan', async (t) => {
  const gate = Promise.withResolvers<void>()
  const { app, send, printed, api } = await start(t, (request, number) =>
    request.path.startsWith('/analyses/')
      ? { ...usual(request, number), after: gate.promise }
      : usual(request, number),
  )
  const { objectId } = await send()
  await until(() => api.requests.length === 1, 'the request')
  writeFileSync(
    app.config,
    readFileSync(app.config, 'utf8').replace('{ gte: 80 }', '{ gte: 95 }').replace('/name', '/nick'),
  )
  t.match(await app.reload('program'), { ok: true })
  gate.resolve()
  t.match(await printed(1), [`log ${objectId} 91 -`])
  t.match(await recordOf(app.folder), { enrichment: { steps: [{ result: 'fetched' }, { fields: [] }] } })
})

t.test(
  'a reload that removes the steps lets what waits for a later try go without them at once',
  async (t) => {
    const { app, send, printed, api } = await start(
      t,
      () => ({ status: 503, headers: { 'retry-after': '1800' } }),
      'within: 1h',
    )
    const { objectId } = await send()
    const isWaiting = async () => {
      const dueAt = (await recordOf(app.folder))?.enrichment?.waiting?.dueAt ?? 0
      return api.requests.length === 1 && dueAt > Date.now() + 1_200_000
    }
    await until(isWaiting, 'a try that is to follow in half an hour')
    const yaml = readFileSync(app.config, 'utf8')
    const without = yaml
      .replace(/^enrich:[\s\S]*?(?=^receivers:)/m, '')
      .replace(/^ +- \{ name: strong.*\n/m, '')
    writeFileSync(app.config, without)
    const template = join(app.folder, 'templates', 'plain', 'console.txt')
    writeFileSync(template, '{{ receiver.name }} {{ data.id }} alone')
    t.match(await app.reload('program'), { ok: true })
    const asked = api.requests.length
    t.match(await printed(1), [`log ${objectId} alone`])
    t.equal(api.requests.length, asked, 'it is not asked again')
  },
)

t.test('kill -9 in the middle of an enrichment loses nothing, and asks again', async (t) => {
  const gate = Promise.withResolvers<void>()
  const api = await startJsonApi(t, (request, number) =>
    number === 2 ? { after: gate.promise } : usual(request, number),
  )
  const folder = folderWithTemplate(t)
  const config = join(folder, 'config.yaml')
  writeFileSync(config, `server: { port: 0 }\nstore: { url: "sqlite:store.db" }\n${yamlOf(api.url)}`)
  const first = await startService(config)
  const { objectId, ...event } = newEvent()
  t.equal((await post(first.url, { objectId, ...event })).status, 202)
  await until(() => api.requests.length === 2, 'the second step')
  await first.end('SIGKILL')
  gate.resolve()
  const second = await startService(config)
  t.teardown(() => second.end('SIGKILL'))
  await until(() => second.output().includes(`strong ${objectId} 91 Acme`), 'the message')
  const { events } = await history(folder)
  t.match(events, [{ enriching: false, plans: [{ number: 1 }], deliveries: [{ plan: 1 }] }])
})

t.test('a replay takes a request out of quarantine, and it is enriched as at its receipt', async (t) => {
  const api = await startJsonApi(t, usual)
  const folder = folderWithTemplate(t)
  const yaml = yamlOf(api.url)
  const app = await startTestApp(t, yaml.replace('svix: {', 'event_type: /kind, svix: {'), { folder })
  const event = newEvent()
  t.equal((await post(app.url, event)).status, 400)
  const id = (await recordOf(folder))?.id ?? ''
  const replay = (...more: string[]) =>
    hookbridge(['replay', id, ...more, '--config', app.config], { env: environment })
  writeFileSync(app.config, readFileSync(app.config, 'utf8').replace('event_type: /kind, ', ''))
  t.match(await replay('--receiver', 'log'), { code: 1, err: /replay it without --receiver/ })
  t.match(await replay('--dry-run'), {
    code: 0,
    out: /would be released from quarantine: .* after its enrichment/,
  })
  t.equal(api.requests.length, 0)
  t.match(await replay('--json'), { code: 0, out: /"released_as": "evt_/ })
  await until(() => app.printed.length === 1, 'the message')
  t.match(app.printed[0], `strong ${event.objectId} 91 Acme`)
  const { events } = await history(folder)
  t.match(
    events.find(({ releasedFrom }) => releasedFrom === id),
    { enriched: { company: { name: 'Acme' } }, plans: [{ cause: 'quarantine' }] },
  )
  t.match(await replay(), { code: 1, err: /it was released from quarantine, as evt_/ })
})

t.test('explain --fetch asks, and shows each value with its JSON pointer', async (t) => {
  const { app, api } = await start(t, ({ path }) =>
    path === '/analyses/an_1'
      ? { body: { score: 91, company: { id: 'c 1', 'a/b': [true] }, echoed: KEY } }
      : { status: 404, body: {} },
  )
  const args = ['explain', '--type', 'analysis.completed', '--data', 'id=an_1', '--config', app.config]
  const { code, out, err } = await hookbridge([...args, '--fetch'], { env: environment })
  t.equal(code, 0, err)
  t.match(out, /^analysis {2}127\.0\.0\.1:\d+: HTTP 200 in \d+ ms\n/m)
  t.match(out, '\n  /score  91  -> enriched.analysis.score\n')
  t.match(out, '\n  /company/id  "c 1"  -> enriched.analysis.company_id\n')
  t.match(out, '\n  /company/a~1b/0  true\n')
  t.match(out, /^company .*: HTTP 404 in \d+ ms\n/m)

  t.notMatch(out, KEY, 'what the API sends back of the key is hidden')
  t.equal(api.requests.length, 2, 'each step is asked once, also where it is not ready')
  const { event, receivers } = JSON.parse(
    (await hookbridge([...args, '--fetch', '--json'], { env: environment })).out,
  )
  t.match(event.enriched, { analysis: { score: 91, company_id: 'c 1' } })
  t.strictSame(receivers, ['strong'])
  t.match(await hookbridge(args, { env: environment }), { code: 0 })
  t.equal(api.requests.length, 4, 'without --fetch nothing is asked')
})

t.test('doctor asks each step for the newest event, and reports fields without their values', async (t) => {
  // No part of an id, a port or a time.
  const score = 987_654_321_987
  const { app, api, send, printed } = await start(t, (request, number) =>
    request.path.startsWith('/analyses/')
      ? { body: { score, company: { id: 'c 1' } } }
      : usual(request, number),
  )
  const findings = async () => {
    const { out } = await hookbridge(['doctor', '--json', '--config', app.config], { env: environment })
    const { findings: all } = JSON.parse(out)
    return all.filter(({ code }: { readonly code: string }) => code.startsWith('enrich_'))
  }
  t.match(await findings(), [{ code: 'enrich_unknown' }])
  const { objectId } = await send()
  await printed(1)
  const asked = api.requests.length
  const fine = await findings()
  t.match(fine, [
    { code: 'enrich_ok', summary: /^enrich analysis \(.*\): score, company_id in \d+ ms$/ },
    { code: 'enrich_ok', summary: /^enrich company \(.*\): name in \d+ ms$/ },
  ])
  t.notMatch(JSON.stringify(fine), new RegExp(`${score}|Acme`))
  t.equal(api.requests[asked]?.path, `/analyses/${objectId}`)
  api.answer = () => ({ status: 401, body: {} })
  t.match(await findings(), [{ code: 'enrich_failed', summary: /401/ }])
  api.answer = ({ path }) =>
    path.startsWith('/analyses') ? { body: { company: { id: 'c' } } } : { body: { name: 'A' } }
  t.match(await findings(), [
    { code: 'enrich_incomplete', summary: /missing in the answer: score$/ },
    { code: 'enrich_ok' },
  ])
})
