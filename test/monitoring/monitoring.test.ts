/** Alerts, dashboard and documentation speak of the metrics that the service has, and of no others. */
import { readFileSync, writeFileSync } from 'node:fs'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import t from 'tap'
import { startTestApp } from '../support/app.ts'
import { type Family, type Scrape, scrape } from '../support/metrics.ts'
import { newEvent, post } from '../support/service.ts'
import { until } from '../support/until.ts'
import { type Asked, asks } from './expression.ts'
import { dashboardExpressions, type Placed, readDashboard, readRules, sharedGauges } from './packaged.ts'

const documentation = new URL('../../docs/metrics.md', import.meta.url)
/** What Prometheus itself adds. */
const theirMetrics = new Map([
  ['up', ['job', 'instance']],
  ['ALERTS', ['alertname', 'alertstate', 'severity']],
])
const targetLabels = ['job', 'instance']

/** Of a service that has received, delivered and collected garbage, so that every family has a sample. */
async function everyFamily(): Promise<Scrape> {
  const app = await startTestApp(
    t,
    `
sources: { cuuro: { svix: { secrets: ["\${WEBHOOK_SECRET}"] } } }
receivers: { terminal: { console: {}, fallback: other }, other: { console: {} } }
routes: [{ receivers: [terminal] }]
enrich: [{ name: analysis, get: "http://127.0.0.1:1/{{ data.id }}", within: 1s }]
`,
  )
  await post(app.url, newEvent())
  setFlagsFromString('--expose-gc')
  runInNewContext('gc')()
  let found = await scrape(app.url)
  await until(async () => {
    found = await scrape(app.url)
    return [...found.families.values()].every(({ samples }) => samples.length > 0)
  }, 'every family to have a sample')
  return found
}

const scraped = await everyFamily()

/** The family that a name in an expression stands for. */
function familyOf(name: string): Family | undefined {
  const family = scraped.families.get(name)
  if (family !== undefined) return family.type === 'histogram' ? undefined : family
  const [, base = '', suffix] = /^(.+)_(bucket|sum|count)$/.exec(name) ?? []
  const histogram = suffix === undefined ? undefined : scraped.families.get(base)
  return histogram?.type === 'histogram' ? histogram : undefined
}

function labelsOf({ samples }: Family): string[] {
  return [...new Set(samples.flatMap(({ labels }) => Object.keys(labels)))].filter((label) => label !== 'le')
}

/** What is wrong with an expression, in words. */
function wrongWith({ metrics, labels }: Asked): string[] {
  const problems: string[] = []
  const possible = new Set(targetLabels)
  for (const { name, matchers } of metrics) {
    const family = familyOf(name)
    const known = theirMetrics.get(name) ?? (family === undefined ? undefined : labelsOf(family))
    if (known === undefined) {
      problems.push(`there is no metric ${name}`)
      continue
    }
    const own = [...known, ...targetLabels, ...(name.endsWith('_bucket') ? ['le'] : [])]
    for (const label of own) possible.add(label)
    for (const { label, sign, value } of matchers) {
      if (!own.includes(label)) problems.push(`${name} has no label ${label}`)
      else if (sign === '=' && family !== undefined && !targetLabels.includes(label)) {
        const isThere = family.samples.some(({ labels }) => labels[label] === value)
        if (!isThere) problems.push(`${name} is never with ${label}="${value}"`)
      }
    }
  }
  for (const label of labels) if (!possible.has(label)) problems.push(`nothing has a label ${label}`)
  return problems
}

const rules = readRules()
const dashboard = readDashboard()
const expressions: readonly Placed[] = [
  ...rules.map(({ alert, expr }) => ({ where: `alert ${alert}`, expression: expr })),
  ...dashboardExpressions(dashboard),
]

t.test('alerts and dashboard ask for metrics and labels that are there', async (t) => {
  t.ok(expressions.length > 50, `${expressions.length} expressions`)
  for (const { where, expression } of expressions) {
    const asked = asks(expression)
    t.ok(asked.metrics.length > 0, `${where} asks for something`)
    t.strictSame(wrongWith(asked), [], where)
  }
})

t.test('what is not there is found', async (t) => {
  const wrong = {
    'sum by (soure) (rate(hookbridge_events_total{result="stored"}[5m]))': 'nothing has a label soure',
    'hookbridge_event_total > 0 and on (job) up == 0': 'there is no metric hookbridge_event_total',
    'hookbridge_queue_depth{stat="parked"}': 'hookbridge_queue_depth has no label stat',
    'hookbridge_queue_depth{state="stuck"}': 'hookbridge_queue_depth is never with state="stuck"',
    'rate(hookbridge_attempt_duration_seconds[5m])': 'there is no metric hookbridge_attempt_duration_seconds',
    hookbridge_events_total_count: 'there is no metric hookbridge_events_total_count',
    'histogram_quantile(0.9, sum by (le) (hookbridge_events_total))': 'nothing has a label le',
  }
  for (const [expression, problem] of Object.entries(wrong))
    t.strictSame(wrongWith(asks(expression)), [problem], expression)
  t.throws(() => asks('{job="x"}'), 'a selector without a name')
})

/** What would count a queue that instances share once for each of them. */
function countedTwice({ where, expression }: Placed): string[] {
  return sharedGauges.flatMap((name) =>
    [...expression.matchAll(new RegExp(`(.*?)\\b${name}\\b`, 'gs'))].flatMap(([, before = '']) => {
      const max = /\bmax(?: by \(([^)]*)\))? \($/.exec(before.replace(/max\($/, 'max ('))
      const labels = max?.[1]?.split(', ') ?? []
      const isAdded = /\bsum\b/.test(before)
      if (max === null || labels.includes('instance'))
        return `${where}: ${name} is not the max of the instances`
      // Jobs have stores of their own.
      return isAdded && !labels.includes('job') ? `${where}: ${name} is the max over several stores` : []
    }),
  )
}

t.test('what instances read from one store is counted once', async (t) => {
  for (const name of sharedGauges) t.equal(familyOf(name)?.type, 'gauge', name)
  const used = expressions.filter(({ where }) => !where.startsWith('variable '))
  t.strictSame(used.flatMap(countedTwice), [])
  for (const expression of [
    'sum(hookbridge_queue_depth{state="parked"})',
    'sum by (state) (max by (channel, state) (hookbridge_queue_depth))',
    'max by (job, instance) (hookbridge_enrichments_waiting)',
    'max(hookbridge_enrichments_waiting) + hookbridge_enrichments_waiting',
  ])
    t.equal(countedTwice({ where: 'here', expression }).length, 1, expression)
})

t.test('an alert says what to do, with labels that it has', async (t) => {
  t.equal(new Set(rules.map(({ alert }) => alert)).size, rules.length, 'no name twice')
  for (const { alert, expr, annotations } of rules) {
    const [left = ''] = expr.split(/\b(?:and|unless)\b/)
    const own = asks(left).metrics.flatMap(
      ({ name }) => theirMetrics.get(name) ?? labelsOf(familyOf(name) ?? none),
    )
    const by = /\bby \(([^)]*)\)/.exec(left)?.[1]?.split(', ')
    const has = new Set(by ?? [...targetLabels, ...own])
    const texts = Object.values(annotations).join(' ')
    for (const [, label = ''] of texts.matchAll(/\$labels\.(\w+)/g))
      t.ok(has.has(label), `${alert}: ${label}`)
    t.notMatch(annotations.summary, /\$labels\.type/, 'a sender chooses the type')
  }
})
const none: Family = { name: '', type: '', help: '', samples: [] }

t.test('the dashboard can be imported as it is', async (t) => {
  const { panels, templating } = dashboard
  t.equal(new Set(panels.map(({ id }) => id)).size, panels.length, 'no panel has the id of another')
  t.equal(templating.list[0]?.type, 'datasource')
  t.equal(templating.list[0]?.name, 'datasource', 'which every panel uses')
  const variables = new Set([...templating.list.map(({ name }) => name), '__rate_interval'])
  for (const { where, expression } of expressions)
    for (const [, name = ''] of expression.matchAll(/\$(\w+)/g))
      t.ok(variables.has(name), `${where}: ${name}`)
  for (const { title, type, targets = [], gridPos } of panels) {
    t.equal(targets.length > 0, type !== 'row', title)
    t.equal(new Set(targets.map(({ refId }) => refId)).size, targets.length, title)
    t.ok(gridPos.x + gridPos.w <= 24, `${title} is within the page`)
  }
  const overlaps = panels.flatMap((one, index) =>
    panels.slice(index + 1).filter(({ gridPos: other }) => {
      const { x, y, w, h } = one.gridPos
      return x < other.x + other.w && other.x < x + w && y < other.y + other.h && other.y < y + h
    }),
  )
  t.strictSame(
    overlaps.map(({ title }) => title),
    [],
    'no panel lies over another',
  )
})

t.test('docs/metrics.md lists every metric, as the service describes it', async (t) => {
  const text = readFileSync(documentation, 'utf8')
  const rows = [...scraped.families.values()].map((family) => {
    const labels = labelsOf(family)
      .map((label) => `\`${label}\``)
      .join(', ')
    return `| \`${family.name}\` | ${family.type} | ${labels} | ${family.help} |`
  })
  const table = ['| Metric | Type | Labels | Meaning |', '|---|---|---|---|', ...rows, ''].join('\n')
  const block = /(<!-- metrics -->\n)([\s\S]*?)(<!-- \/metrics -->)/
  if (process.env.UPDATE_GOLDEN === '1') {
    writeFileSync(
      documentation,
      text.replace(block, (_, before, _old, after) => before + table + after),
    )
    return
  }
  t.equal(block.exec(text)?.[2], table, 'UPDATE_GOLDEN=1 writes it')
  const named = new Set(text.match(/\b(?:hookbridge|process|nodejs)_\w+/g))
  const unknown = [...named].filter((name) => !scraped.families.has(name) && familyOf(name) === undefined)
  t.strictSame(unknown, [], 'and it names no other')
  for (const { where, expression } of expressions)
    for (const { name } of asks(expression).metrics)
      if (!theirMetrics.has(name))
        t.ok(named.has(familyOf(name)?.name ?? ''), `${where}: ${name} is described`)
  for (const { alert } of rules) t.ok(text.includes(`\`${alert}\``), `${alert} is described`)
})
