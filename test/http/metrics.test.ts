import { writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import t from 'tap'
import { errors } from '../../src/core/errors.ts'
import { startSlackServer } from '../../src/demo/slack-server.ts'
import { openStore } from '../../src/store/open.ts'
import { entry, event, owed } from '../store/contract/sample.ts'
import { startTestApp } from '../support/app.ts'
import { type Scrape, scrape } from '../support/metrics.ts'
import { environment, newEvent, post, signedHeaders, temporaryFolder } from '../support/service.ts'
import { until } from '../support/until.ts'

const yaml = (slack: string, more = '') => `
sources:
  cuuro: { svix: { secrets: ["\${WEBHOOK_SECRET}"] } }
  other: { svix: { secrets: ["\${WEBHOOK_SECRET}"] }, allow_ips: [192.0.2.1] }
channels:
  slack: { token: "\${SLACK_BOT_TOKEN}", rate: 1000/s, burst: 1000, api_url: "${slack}" }
receivers:
  deals: { slack: { channel: "#deals" } }
  desk: { slack: { channel: "#desk" }, console: {} }
routes:
  - match: { type: [analysis.completed, deal.closed] }
    receivers: [deals]
  - match: { type: "desk.*" }
    receivers: [desk]
${more}`

async function slackServer(t: { teardown(action: () => unknown): unknown }) {
  const slack = await startSlackServer({})
  t.teardown(() => slack.close())
  return slack
}

const send = (
  url: string,
  path: string,
  body: string,
  headers = signedHeaders(`msg_${Math.random()}`, body),
) => fetch(url + path, { method: 'POST', headers, body }).then(({ status }) => status)

/** By label value. */
function byLabel({ families }: Scrape, name: string, label: string): Record<string, number> {
  const found: Record<string, number> = {}
  for (const { labels, value } of families.get(name)?.samples ?? []) {
    const key = labels[label] ?? ''
    found[key] = (found[key] ?? 0) + value
  }
  return found
}

t.test('everything that the configuration names starts at 0', async (t) => {
  const slack = await slackServer(t)
  const app = await startTestApp(t, yaml(slack.url))
  const { value, families } = await scrape(app.url)
  for (const source of ['cuuro', 'other']) {
    for (const type of ['analysis.completed', 'deal.closed', 'startup.created', 'other'])
      for (const result of ['stored', 'unrouted', 'duplicate'])
        t.equal(value('hookbridge_events_total', { source, type, result }), 0, `${source} ${type} ${result}`)
    t.equal(value('hookbridge_events_total', { source, type: '', result: 'quarantined' }), 0)
    for (const reason of [
      'missing_signature',
      'malformed_signature',
      'timestamp_out_of_range',
      'wrong_signature',
    ])
      t.equal(value('hookbridge_verification_failures_total', { source, reason }), 0, reason)
  }
  t.equal(value('hookbridge_events_total', { type: 'desk.*' }), undefined, 'a wildcard is no type')
  for (const code of Object.keys(errors))
    t.equal(value('hookbridge_requests_rejected_total', { code }), 0, code)
  const destinations = [
    ['slack', 'deals'],
    ['slack', 'desk'],
    ['console', 'desk'],
  ] as const
  for (const [channel, receiver] of destinations) {
    for (const outcome of ['delivered', 'parked', 'dead'])
      t.equal(value('hookbridge_deliveries_total', { channel, receiver, outcome }), 0, outcome)
    for (const outcome of ['sent', 'retry', 'ambiguous', 'park', 'refuse'])
      t.equal(value('hookbridge_attempts_total', { channel, receiver, outcome }), 0, outcome)
    t.equal(value('hookbridge_destination_consecutive_failures', { channel, receiver }), 0)
  }
  for (const channel of ['slack', 'console']) {
    for (const state of ['pending', 'sending', 'retrying', 'ambiguous', 'parked', 'dead'])
      t.equal(value('hookbridge_queue_depth', { channel, state }), 0, state)
    t.equal(value('hookbridge_queue_oldest_due_age_seconds', { channel }), 0)
    for (const name of ['attempt_duration', 'delivery_latency'])
      t.equal(value(`hookbridge_${name}_seconds_count`, { channel }), 0, name)
  }
  for (const during of ['append', 'claim', 'record', 'purge', 'backlog'])
    t.equal(value('hookbridge_store_failures_total', { during }), 0, during)
  t.equal(value('hookbridge_build_info'), 1)
  t.equal(families.get('hookbridge_build_info')?.samples[0]?.labels.version, '0.1.0')
})

t.test('events and verification failures are counted by source', async (t) => {
  const slack = await slackServer(t)
  const app = await startTestApp(t, yaml(slack.url))
  const first = newEvent('analysis.completed')
  await post(app.url, first)
  await post(app.url, first)
  await post(app.url, newEvent('elsewhere'))
  await send(app.url, '/webhooks/cuuro', '{"no":"type"}')
  const { body } = first
  const good = signedHeaders('msg_1', body)
  await send(app.url, '/webhooks/cuuro', body, { 'content-type': 'application/json' })
  await send(app.url, '/webhooks/cuuro', body, { ...good, 'svix-signature': 'v1,AAAA' })
  await send(app.url, '/webhooks/cuuro', body, { ...good, 'svix-timestamp': 'x' })
  await send(
    app.url,
    '/webhooks/cuuro',
    body,
    signedHeaders('msg_1', body, undefined, Date.now() - 3_600_000),
  )
  const { value } = await scrape(app.url)
  const events = (labels: Record<string, string>) =>
    value('hookbridge_events_total', { source: 'cuuro', ...labels })
  t.equal(events({ type: 'analysis.completed', result: 'stored' }), 1)
  t.equal(events({ type: 'analysis.completed', result: 'duplicate' }), 1)
  t.equal(events({ type: 'elsewhere', result: 'unrouted' }), 1)
  t.equal(events({ type: '', result: 'quarantined' }), 1)
  t.equal(value('hookbridge_events_total'), 4)
  for (const reason of [
    'missing_signature',
    'malformed_signature',
    'timestamp_out_of_range',
    'wrong_signature',
  ])
    t.equal(value('hookbridge_verification_failures_total', { source: 'cuuro', reason }), 1, reason)
  t.equal(value('hookbridge_verification_failures_total'), 4)
})

t.test('each error that is answered is counted by its code, and no stranger makes a label', async (t) => {
  const slack = await slackServer(t)
  const app = await startTestApp(t, yaml(slack.url), { server: 'body_limit: 1kb, request_timeout: 1s' })
  const before = (await scrape(app.url)).text.match(/^hookbridge_\w+(\{[^}]*\})?/gm)
  const json = { 'content-type': 'application/json' }
  await send(app.url, '/webhooks/nobody', '{}', json)
  await send(app.url, '/webhooks/%22%7D', '{}', json)
  await send(app.url, '/webhooks/other', '{}', json)
  await send(app.url, '/webhooks/cuuro', 'x'.repeat(2_000), json)
  await send(app.url, '/webhooks/cuuro', 'x', { 'content-type': 'text/plain' })
  await send(app.url, '/webhooks/cuuro', '{}', json)
  await fetch(`${app.url}/nowhere`)
  await fetch(`${app.url}/%zz`)
  await speak(app.url, 'this is no HTTP\r\n\r\n')
  await speak(app.url, 'POST /webhooks/cuuro HTTP/1.1\r\nhost: x\r\n')
  const after = await scrape(app.url)
  t.same(after.text.match(/^hookbridge_\w+(\{[^}]*\})?/gm), before, 'no series that was not there before')
  const counted = Object.entries(byLabel(after, 'hookbridge_requests_rejected_total', 'code'))
  t.same(Object.fromEntries(counted.filter(([, count]) => count > 0)), {
    bad_request: 2,
    missing_signature: 1,
    address_not_allowed: 1,
    unknown_source: 2,
    not_found: 1,
    body_too_large: 1,
    unsupported_media_type: 1,
    request_timeout: 1,
  })
})

function speak(url: string, text: string): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(Number(new URL(url).port), '127.0.0.1', () => socket.write(text))
    socket.resume().on('close', () => resolve())
  })
}

t.test('a sender that makes up types gets twenty of them', async (t) => {
  const slack = await slackServer(t)
  const app = await startTestApp(t, yaml(slack.url))
  const types = Array.from({ length: 50 }, (_, index) => `made-up "${index}"\\\n`)
  for (const type of types) await post(app.url, newEvent(type))
  await post(app.url, newEvent('deal.closed'))
  const seen = byLabel(await scrape(app.url), 'hookbridge_events_total', 'type')
  const madeUp = Object.keys(seen).filter((type) => type.startsWith('made-up'))
  t.same(madeUp, types.slice(0, 20), 'the first that came, in quotes')
  t.equal(seen.other, 30)
  t.equal(seen['deal.closed'], 1, 'what the configuration names has its place')
})

t.test('attempts, deliveries, health and queue tell what becomes of events', async (t) => {
  const slack = await slackServer(t)
  const app = await startTestApp(t, yaml(slack.url))
  await post(app.url, newEvent('deal.closed'))
  const of = (labels: Record<string, string>) => ({ channel: 'slack', ...labels })
  const reach = (name: string, labels: Record<string, string>, wanted: number) =>
    until(async () => (await scrape(app.url)).value(name, of(labels)) === wanted, `${name} to be ${wanted}`)
  await reach('hookbridge_deliveries_total', { receiver: 'deals', outcome: 'delivered' }, 1)
  const fine = await scrape(app.url)
  t.equal(fine.value('hookbridge_attempts_total', of({ receiver: 'deals', outcome: 'sent' })), 1)
  t.equal(fine.value('hookbridge_attempt_duration_seconds_count', of({})), 1)
  t.equal(fine.value('hookbridge_delivery_latency_seconds_count', of({})), 1)
  const success = 'hookbridge_destination_last_success_timestamp_seconds'
  t.ok(Math.abs((fine.value(success, of({ receiver: 'deals' })) ?? 0) - Date.now() / 1000) < 60)
  t.equal(fine.value(success, of({ receiver: 'desk' })), undefined, 'nothing was sent there')

  slack.behave = () => ({ status: 200, headers: {}, body: '{"ok":false,"error":"invalid_auth"}' })
  await post(app.url, newEvent('deal.closed'))
  await reach('hookbridge_queue_depth', { state: 'parked' }, 1)
  slack.behave = () => ({ status: 503, headers: { 'retry-after': '600' }, body: '' })
  await post(app.url, newEvent('deal.closed'))
  await reach('hookbridge_queue_depth', { state: 'retrying' }, 1)
  const bad = await scrape(app.url)
  t.equal(bad.value('hookbridge_deliveries_total', of({ receiver: 'deals', outcome: 'parked' })), 1)
  t.equal(bad.value('hookbridge_attempts_total', of({ receiver: 'deals', outcome: 'park' })), 1)
  t.equal(bad.value('hookbridge_attempts_total', of({ receiver: 'deals', outcome: 'retry' })), 1)
  t.equal(bad.value('hookbridge_destination_consecutive_failures', of({ receiver: 'deals' })), 2)
  t.equal(bad.value('hookbridge_destination_consecutive_failures', of({ receiver: 'desk' })), 0)
  t.equal(bad.value('hookbridge_delivery_latency_seconds_count', of({})), 1, 'only what was delivered')
  t.ok((bad.value('hookbridge_store_commit_duration_seconds_count') ?? 0) >= 6)
  t.ok(
    (bad.value('hookbridge_store_commit_batch_size_sum') ?? 0) >=
      (bad.value('hookbridge_store_commit_batch_size_count') ?? Infinity),
  )
})

t.test('an attempt whose end nobody saw says nothing about its destination', async (t) => {
  const slack = await slackServer(t)
  const folder = temporaryFolder(t)
  const path = join(folder, 'store.db')
  const earlier = await openStore(`sqlite:${path}`, 'service')
  await earlier.append(entry(event(1), [owed({ receiver: 'deals', lane: 'slack:#deals', target: '#deals' })]))
  const now = Date.now()
  await earlier.claim({ now, leaseUntil: now + 60_000, limit: 9, limits: new Map(), budgets: new Map() })
  await earlier.close()
  const app = await startTestApp(t, yaml(slack.url), { folder })
  const of = { channel: 'slack', receiver: 'deals' }
  await until(
    async () =>
      (await scrape(app.url)).value('hookbridge_attempts_total', { ...of, outcome: 'ambiguous' }) === 1,
    'the interrupted attempt',
  )
  const { value } = await scrape(app.url)
  t.equal(value('hookbridge_destination_consecutive_failures', of), 0)
  const sent = value('hookbridge_attempts_total', { ...of, outcome: 'sent' })
  t.equal(value('hookbridge_attempt_duration_seconds_count', { channel: 'slack' }), sent)
})

t.test('a reload brings what is new at 0, takes what is gone, and forgives', async (t) => {
  const slack = await slackServer(t)
  const app = await startTestApp(t, yaml(slack.url))
  slack.behave = () => ({ status: 503, headers: { 'retry-after': '600' }, body: '' })
  await post(app.url, newEvent('deal.closed'))
  const failures = 'hookbridge_destination_consecutive_failures'
  await until(async () => (await scrape(app.url)).value(failures, { receiver: 'deals' }) === 1, 'the failure')
  const text = yaml(slack.url, '  - { match: { type: brand.new }, receivers: [fresh] }\n')
    .replace('  desk: {', '  fresh: {')
    .replaceAll('[desk]', '[fresh]')
    .replace('  other:', '  newcomer:')
  writeFileSync(app.config, `store: { url: "sqlite:${join(app.folder, 'store.db')}" }\n${text}`)
  t.match(await app.reload('signal'), { ok: true })
  const { value } = await scrape(app.url)
  t.equal(value('hookbridge_events_total', { source: 'newcomer', type: 'brand.new', result: 'stored' }), 0)
  t.equal(value('hookbridge_verification_failures_total', { source: 'newcomer' }), 0)
  t.equal(value('hookbridge_deliveries_total', { channel: 'slack', receiver: 'fresh', outcome: 'dead' }), 0)
  t.equal(value(failures, { channel: 'console', receiver: 'fresh' }), 0)
  t.equal(value(failures, { receiver: 'desk' }), undefined, 'there is no such destination now')
  t.equal(value(failures, { receiver: 'deals' }), 0, 'its cause may be mended')
  t.equal(
    value('hookbridge_attempts_total', { receiver: 'deals', outcome: 'retry' }),
    1,
    'what was counted stays',
  )
  t.equal(
    value('hookbridge_attempt_duration_seconds_count', { channel: 'slack' }),
    1,
    'what was measured stays',
  )
})

t.test('the lag of the event loop shows when it stands still', async (t) => {
  const slack = await slackServer(t)
  const app = await startTestApp(t, yaml(slack.url))
  const late = async () => {
    const { value } = await scrape(app.url)
    const count = value('hookbridge_event_loop_lag_seconds_count') ?? 0
    return { count, late: count - (value('hookbridge_event_loop_lag_seconds_bucket', { le: '0.1' }) ?? 0) }
  }
  await until(async () => (await late()).count >= 2, 'it to be measured')
  const before = (await late()).late
  const end = performance.now() + 1_000
  while (performance.now() < end);
  await until(async () => (await late()).late > before, 'the lag')
  t.ok((await late()).late - before >= 6, 'each tenth of a second of it counts')
})

t.test('a store that others hold is told of in metrics', async (t) => {
  const slack = await slackServer(t)
  const app = await startTestApp(t, yaml(slack.url))
  const blocker = new DatabaseSync(join(app.folder, 'store.db'))
  t.teardown(() => blocker.close())
  blocker.exec('BEGIN IMMEDIATE')
  t.equal((await post(app.url, newEvent('deal.closed'))).status, 503)
  blocker.exec('ROLLBACK')
  const { value } = await scrape(app.url)
  t.equal(value('hookbridge_store_failures_total', { during: 'append' }), 1)
  t.equal(value('hookbridge_requests_rejected_total', { code: 'store_unavailable' }), 1)
})

t.test('what is known is the literal types of matches, links and templates', async (t) => {
  const slack = await slackServer(t)
  const more = `
  - match: { any: [{ "event.type": { in: [a.one, "a.*"] } }, { not: { type: a.two } }, { data.type: a.no }] }
    receivers: [deals]
    template: startup.created
  - match: { type: "\${SECRET_TYPE}" }
    receivers: [deals]
links: { b.one: "https://x.example/", "b.*": "https://x.example/" }
`
  const env = { ...environment, SECRET_TYPE: 'a.secret' }
  const app = await startTestApp(t, yaml(slack.url, more), { env })
  t.same(Object.keys(byLabel(await scrape(app.url), 'hookbridge_events_total', 'type')).toSorted(), [
    '',
    'a.one',
    'a.two',
    'analysis.completed',
    'analysis.created',
    'b.one',
    'deal.closed',
    'other',
  ])
})
