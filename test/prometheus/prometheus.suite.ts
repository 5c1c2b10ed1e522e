/** What the service exports and what packaging/ ships, held against Prometheus and its promtool. */
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { parse } from 'yaml'
import { errors } from '../../src/core/errors.ts'
import {
  dashboardExpressions,
  readDashboard,
  readRules,
  rulesFile,
  withoutVariables,
} from '../monitoring/packaged.ts'
import { installProgram } from '../support/debian.ts'
import { scrape } from '../support/metrics.ts'
import { newEvent, post, signedHeaders, temporaryFolder } from '../support/service.ts'
import { until } from '../support/until.ts'
import { alertCases, promtoolTests } from './alert-cases.ts'
import { neverSeen, seeEverything, startService } from './everything.ts'
import { promtoolPanelTests } from './panel-cases.ts'
import { startPrometheus } from './server.ts'

t.comment(installProgram('promtool', 'prometheus'))

function promtool(args: readonly string[], input = '') {
  const { status, stdout, stderr, error } = spawnSync('promtool', args, { input, encoding: 'utf8' })
  if (error !== undefined) throw error
  return { status, output: stdout + stderr }
}

t.test('promtool finds nothing to say of what a service exports that has seen everything', async (t) => {
  const app = await startService(t)
  await seeEverything(app)
  const seen = await scrape(app.url)
  const unseen = Object.keys(errors).filter(
    (code) => seen.value('hookbridge_requests_rejected_total', { code }) === 0,
  )
  t.strictSame(
    unseen.filter((code) => !neverSeen.includes(code)),
    [],
    'every error that can be provoked was',
  )
  for (const result of ['stored', 'unrouted', 'duplicate', 'quarantined'])
    t.ok((seen.value('hookbridge_events_total', { result }) ?? 0) > 0, result)
  for (const outcome of ['delivered', 'parked', 'dead'])
    t.ok((seen.value('hookbridge_deliveries_total', { outcome }) ?? 0) > 0, outcome)
  t.strictSame(promtool(['check', 'metrics'], seen.text), { status: 0, output: '' })
  const bad = promtool(['check', 'metrics'], '# TYPE bad_ms_total gauge\nbad_ms_total 1\n')
  t.not(bad.output, '', 'promtool finds what is wrong')
})

t.test('promtool accepts the rules, and the expressions of the dashboard', async (t) => {
  t.match(promtool(['check', 'rules', rulesFile]), {
    status: 0,
    output: `SUCCESS: ${readRules().length} rules`,
  })
  const rules = dashboardExpressions(readDashboard()).map(({ expression }, index) => ({
    record: `panel:${index}`,
    expr: withoutVariables(expression),
  }))
  const file = join(temporaryFolder(t), 'panels.yaml')
  writeFileSync(file, JSON.stringify({ groups: [{ name: 'panels', rules }] }))
  t.match(promtool(['check', 'rules', file]), { status: 0, output: `SUCCESS: ${rules.length} rules` })
})

t.test('each alert fires when it should, and does not when it should not', async (t) => {
  const alerts = readRules().map(({ alert }) => alert)
  t.strictSame(Object.keys(alertCases), alerts, 'each has its cases')
  for (const [alert, cases] of Object.entries(alertCases)) {
    t.ok(
      cases.some(({ firing }) => firing.length > 0),
      `${alert} fires`,
    )
    t.ok(
      cases.some(({ firing }) => firing.length === 0),
      `${alert} does not always`,
    )
  }
  const folder = temporaryFolder(t)
  const tests = join(folder, 'tests.json')
  writeFileSync(tests, promtoolTests(rulesFile))
  t.match(promtool(['test', 'rules', tests]), { status: 0, output: 'SUCCESS' })
  const none = join(folder, 'none.yaml')
  writeFileSync(none, 'groups: []\n')
  writeFileSync(tests, promtoolTests(none))
  const { status, output } = promtool(['test', 'rules', tests])
  t.not(status, 0)
  for (const alert of alerts) t.match(output, `alertname="${alert}"`, `without its rule ${alert} is missed`)
})

t.test('the dashboard shows the queue of three instances on one store as that of one', async (t) => {
  const file = join(temporaryFolder(t), 'tests.json')
  writeFileSync(file, promtoolPanelTests(readDashboard()))
  t.match(promtool(['test', 'rules', file]), { status: 0, output: 'SUCCESS' })
})

t.test('promtool accepts the configurations that the docs show', async (t) => {
  const shown = configurations()
  t.equal(shown.length, 3)
  const [, pods] = /__meta_kubernetes_pod_label_(\w+)\], regex: \w+/.exec(shown.join()) ?? []
  const manifest = readFileSync(new URL('../../packaging/scale/kubernetes.yaml', import.meta.url), 'utf8')
  t.match(manifest, `metadata: { labels: { ${pods}: hookbridge } }`, 'the label that its pods have')
  const file = join(temporaryFolder(t), 'prometheus.yml')
  for (const configuration of shown) {
    // Debian's Prometheus is built without Kubernetes.
    const usable = configuration.replace(/kubernetes_sd_configs: .*/, 'static_configs: []')
    writeFileSync(file, usable.replace(/\/\S+\.yaml/, rulesFile))
    t.match(promtool(['check', 'config', file]), { status: 0, output: 'SUCCESS' })
  }
})

t.test('a Prometheus configured as the docs say reads the service, and its alerts fire', async (t) => {
  const app = await startService(t)
  const prometheus = await startPrometheus(t, documented(new URL(app.url).host))
  await until(
    async () => (await prometheus.targets()).some(({ health }) => health === 'up'),
    'the target to be up',
  )
  t.match(await prometheus.targets(), [{ labels: { job: 'hookbridge', instance: new URL(app.url).host } }])
  await until(
    async () => (await prometheus.count('hookbridge_events_total{result="quarantined"} == 0')) === 2,
    'what is 0 to be known',
  )
  await post(app.url, newEvent('slack.park'))
  await fetch(`${app.url}/webhooks/cuuro`, {
    method: 'POST',
    headers: signedHeaders('msg_1', '{}'),
    body: '{}',
  })
  const state = async (name: string) =>
    (await prometheus.alerts()).find(({ labels }) => labels.alertname === name)
  await until(
    async () => (await state('HookbridgeEventsQuarantined'))?.state === 'firing',
    'the alert to fire',
    60_000,
  )
  await until(
    async () => (await state('HookbridgeDeliveriesParked'))?.state === 'pending',
    'the alert that waits five minutes to be pending',
    60_000,
  )
  t.match(await state('HookbridgeEventsQuarantined'), {
    labels: { source: 'cuuro', severity: 'warning', job: 'hookbridge' },
    annotations: { summary: 'Source cuuro sends requests that are not events.' },
  })
  t.match(await state('HookbridgeDeliveriesParked'), {
    annotations: { summary: '1 messages over slack are parked until a person acts.' },
  })
  const firing = (await prometheus.alerts()).filter((alert) => alert.state === 'firing')
  t.strictSame(
    firing.map(({ labels }) => labels.alertname),
    ['HookbridgeEventsQuarantined'],
    'and no other',
  )
  t.notMatch(JSON.stringify(await prometheus.alerts()), /error expanding|<no value>/)
  t.strictSame(await prometheus.failedRules(), [])
  let answered = 0
  for (const { where, expression } of dashboardExpressions(readDashboard())) {
    const found = await prometheus.count(withoutVariables(expression))
    if (found > 0) answered += 1
    t.ok(found >= 0, where)
  }
  t.ok(answered > 30, `${answered} expressions of the dashboard have an answer`)
})

/** The configuration of docs/metrics.md, for a service that listens there, and in a hurry. */
function documented(target: string): string {
  const [shown = ''] = configurations()
  const settings = shown.replace(/\/\S+\.yaml/, rulesFile).replace('127.0.0.1:8080', target)
  if (!settings.includes(rulesFile) || !settings.includes(target)) throw new Error(`cannot use ${shown}`)
  return JSON.stringify({
    global: { scrape_interval: '1s', evaluation_interval: '1s' },
    ...parse(settings),
  })
}

function configurations(): readonly string[] {
  const docs = readFileSync(new URL('../../docs/metrics.md', import.meta.url), 'utf8')
  return [...docs.matchAll(/```yaml\n(# prometheus\.yml\n[\s\S]*?)```/g)].map(([, shown = '']) => shown)
}
