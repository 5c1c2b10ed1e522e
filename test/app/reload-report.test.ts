/** Where a reload is reported: its mistakes, what waits for a restart, and bugs. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pino } from 'pino'
import t from 'tap'
import { createReloads } from '../../src/app/reload.ts'
import { loadConfig } from '../../src/config/load.ts'
import type { Fact } from '../../src/pipeline/fact.ts'
import { channels, metric, readyz, reload, slackServer, slackYaml, start } from '../support/reload.ts'
import { edit } from '../support/replace.ts'
import { environment, history, newEvent, post, temporaryFolder } from '../support/service.ts'
import { until } from '../support/until.ts'

t.test('a bad configuration changes nothing, and is reported everywhere', async (t) => {
  const slack = await slackServer(t)
  const app = await start(t, slackYaml(slack.url))
  const breakings: readonly (readonly [name: string, to: string, reported: RegExp])[] = [
    ['syntax', 'burst: 100, ]', /config\.yaml:\d+:\d+: /],
    ['an unknown key', 'brst: 100', /config\.yaml:\d+:\d+: unknown key "brst" .*did you mean "burst"/],
    ['an unset variable', 'burst: "${NOT_SET_ANYWHERE}"', /NOT_SET_ANYWHERE is not set/],
    [
      'a file that is not there',
      'burst: 100 }\n  email: { smtp: { file: smtp }, from: a@example.com',
      /the file "smtp" does not exist/,
    ],
    ['a broken template', 'burst: 100 }\ntemplates: looks\nlinks: {', /looks\/default\/slack\.yaml:1:\d+: /],
  ]
  mkdirSync(join(app.folder, 'looks/default'), { recursive: true })
  writeFileSync(join(app.folder, 'looks/default/slack.yaml'), 'text: "{{ data.id"\nblocks: []\n')
  let failed = 0
  for (const [name, to, reported] of breakings) {
    const loadedAt = await metric(app, 'hookbridge_config_last_reload_success_timestamp_seconds')
    edit(app.config, 'burst: 100', to)
    const { status, body } = await reload(app)
    t.equal(status, 422, name)
    t.match(body, { error: 'reload_failed', message: /the one in effect stays/ }, name)
    const problems = body.problems as string[]
    t.ok(
      problems.some((line) => reported.test(line)),
      `${name}: ${problems.join('\n')}`,
    )
    const lines = app.log.map(({ level, msg }) => `${level} ${msg}`)
    for (const problem of problems) t.ok(lines.includes(`50 ${problem}`), `${name}: logged ${problem}`)
    const ready = await readyz(app)
    t.equal(ready.status, 200, `${name}: the service works`)
    t.match(ready.body, { status: 'ready', reload: { ok: false, at: /^2\d{3}-/, problems } }, name)
    failed += 1
    t.equal(await metric(app, 'hookbridge_config_last_reload_successful'), 0, name)
    t.equal(await metric(app, 'hookbridge_config_reloads_total{result="failed"}'), failed, name)
    t.equal(
      await metric(app, 'hookbridge_config_last_reload_success_timestamp_seconds'),
      loadedAt,
      `${name}: when it was loaded stays`,
    )
    const count = slack.messages.length
    await post(app.url, newEvent())
    await until(() => slack.messages.length === count + 1, `${name}: a message as before`)
    edit(app.config, to, 'burst: 100')
  }
  t.equal((await reload(app)).status, 200)
  const { body } = await readyz(app)
  t.match(body, { reload: { ok: true } })
  t.notOk('problems' in (body.reload as object), 'a good one clears it')
  t.equal(await metric(app, 'hookbridge_config_last_reload_successful'), 1)
  t.equal(await metric(app, 'hookbridge_config_reloads_total{result="ok"}'), 1)
  t.ok(channels(slack).every((channel) => channel === '#deals'))
})

t.test('what needs a restart is reported until it is undone', async (t) => {
  const app = await start(t, 'receivers: { here: { console: {} } }\nroutes: [{ receivers: [here] }]\n')
  t.strictSame((await readyz(app)).body, { status: 'ready' }, 'nothing to report before the first reload')
  edit(
    app.config,
    'port: 0',
    'port: 8081, body_limit: 1mb, request_timeout: 90s, trust_proxy: false, host: localhost',
  )
  edit(app.config, 'store.db', 'other.db')
  const store = (name: string) => `sqlite:${join(app.folder, name)}`
  const warnings = [
    'server.host changed from 127.0.0.1 to localhost',
    'server.port changed from 0 to 8081',
    'server.trust_proxy changed from "loopback" to false',
    'server.body_limit changed from 256kb to 1mb',
    'server.request_timeout changed from 10s to 1m30s',
  ].map((change) => `${change}: takes effect at the next start`)
  warnings.push(
    `store.url changed from ${store('store.db')} to ${store('other.db')}: takes effect at the next start; where that is another store, "hookbridge migrate-store" moves what is stored`,
  )
  const { status, body } = await reload(app)
  t.equal(status, 200)
  const keys = ['host', 'port', 'trust_proxy', 'body_limit', 'request_timeout']
  const pending = [...keys.map((key) => `server.${key}`), 'store.url']
  t.strictSame(body, { ok: true, changed: [], pending, warnings })
  for (const warning of warnings)
    t.ok(
      app.log.some(({ level, msg }) => level === 40 && msg === warning),
      warning,
    )
  t.match((await readyz(app)).body, { reload: { ok: true, warnings } })
  t.match((await reload(app)).body, { changed: [], warnings }, 'it still waits for the next start')
  t.equal((await post(app.url, newEvent())).status, 202, 'it listens where it did')
  t.equal((await history(app.folder)).events.length, 1, 'and stores where it did')
  edit(
    app.config,
    'port: 8081, body_limit: 1mb, request_timeout: 90s, trust_proxy: false, host: localhost',
    'port: 0',
  )
  edit(app.config, 'other.db', 'store.db')
  t.match((await reload(app)).body, { ok: true, pending: [], warnings: [] })
})

t.test('an unexpected error changes nothing, and the next reload works', async (t) => {
  const file = join(temporaryFolder(t), 'config.yaml')
  writeFileSync(
    file,
    'sources: { cuuro: { svix: { secrets: ["${WEBHOOK_SECRET}"] } } }\nreceivers: { here: { console: {} } }\nroutes: [{ receivers: [here] }]\n',
  )
  const load = () => loadConfig(file, environment)
  const started = load()
  if (!started.ok) throw new Error('the configuration is good')
  const log: unknown[] = []
  const facts: Fact[] = []
  const bugs = { load: true, apply: true }
  const applied: string[] = []
  const reloads = createReloads({
    started: started.compiled,
    load: () => {
      if (bugs.load) throw new Error('a bug in the loader')
      return load()
    },
    test: async () => [],
    apply: (compiled) => {
      if (bugs.apply) throw new Error('a bug where it is put to use')
      applied.push(compiled.config.routes[0]?.name ?? '')
    },
    isStopping: () => false,
    now: Date.now,
    observe: (fact) => facts.push(fact),
    log: pino({}, { write: (line: string) => log.push(JSON.parse(line)) }),
  })
  const internal = { ok: false, code: 'internal', problems: [/unexpected error/] }
  t.match(await reloads.request('watch'), internal)
  bugs.load = false
  edit(file, '{ receivers', '{ name: changed, receivers')
  t.match(await reloads.request('watch'), internal)
  t.match(reloads.last(), { ok: false, problems: internal.problems })
  t.match(log, [{ err: { message: 'a bug in the loader' } }, {}, { err: { message: /put to use/ } }, {}])
  bugs.apply = false
  t.match(await reloads.request('watch'), { ok: true, changed: ['routes'] }, 'it still counts as changed')
  t.strictSame(applied, ['changed'])
  t.match(
    facts.map((fact) => fact.kind === 'reloaded' && fact.ok),
    [false, false, true],
  )
})

t.test('a configuration whose tests fail does not take effect', async (t) => {
  const slack = await slackServer(t)
  const app = await start(t, slackYaml(slack.url))
  await post(app.url, newEvent())
  const stored = (await history(app.folder)).events[0]?.id ?? ''
  const tested = (receiver: string) => `
tests:
  - { name: deals hear of all, event: { event: a }, expect: { receivers: [deals] } }
  - { stored: ${stored}, expect: { receivers: [${receiver}] } }
`
  const before = readFileSync(app.config, 'utf8')
  writeFileSync(app.config, before.replace('receivers: [deals]', 'receivers: [other]') + tested('other'))
  const refused = await reload(app)
  t.equal(refused.status, 422)
  t.match(refused.body, {
    error: 'reload_failed',
    problems: [/config\.yaml:\d+:\d+: the test "deals hear of all" failed: other receivers get the event/],
  })
  await post(app.url, newEvent())
  await until(() => slack.messages.length === 2, 'the second message')
  t.strictSame(channels(slack), ['#deals', '#deals'], 'the routes stay')

  writeFileSync(app.config, before + tested('deals'))
  t.match(
    await reload(app),
    { status: 200, body: { ok: true } },
    'the stored event was found, and goes where it should',
  )
})
