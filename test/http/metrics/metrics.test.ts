import { connect } from 'node:net'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import t from 'tap'
import { packageVersion } from '../../../src/config/package.ts'
import { errors } from '../../../src/core/errors.ts'
import { startTestApp } from '../../support/app.ts'
import { type Scrape, scrape, twoSources } from '../../support/metrics.ts'
import { slackServer } from '../../support/reload.ts'
import { environment, newEvent, post, signedHeaders } from '../../support/service.ts'
import { until } from '../../support/until.ts'

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
  const app = await startTestApp(t, twoSources(slack.url))
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
  for (const during of ['append', 'claim', 'complete', 'reconfigure', 'quarantine', 'purge', 'backlog'])
    t.equal(value('hookbridge_store_failures_total', { during }), 0, during)
  t.equal(value('hookbridge_build_info'), 1)
  t.equal(families.get('hookbridge_build_info')?.samples[0]?.labels.version, packageVersion())
})

t.test('events and verification failures are counted by source', async (t) => {
  const slack = await slackServer(t)
  const app = await startTestApp(t, twoSources(slack.url))
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

t.test('each error that is answered is counted by its code, and no client can add a label', async (t) => {
  const slack = await slackServer(t)
  const app = await startTestApp(t, twoSources(slack.url), {
    server: 'body_limit: 1kb, request_timeout: 60s',
  })
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
  const after = await scrape(app.url)
  t.same(after.text.match(/^hookbridge_\w+(\{[^}]*\})?/gm), before, 'no series that was not there before')
  const counted = (scraped: Scrape) => {
    const counts = Object.entries(byLabel(scraped, 'hookbridge_requests_rejected_total', 'code'))
    return Object.fromEntries(counts.filter(([, count]) => count > 0))
  }
  t.same(counted(after), {
    bad_request: 2,
    missing_signature: 1,
    address_not_allowed: 1,
    unknown_source: 2,
    not_found: 1,
    body_too_large: 1,
    unsupported_media_type: 1,
  })
  const hasty = await startTestApp(t, twoSources(slack.url), { server: 'request_timeout: 2s' })
  t.same(counted(await scrape(hasty.url)), {})
  await speak(hasty.url, 'POST /webhooks/cuuro HTTP/1.1\r\nhost: x\r\n')
  t.same(counted(await scrape(hasty.url)), { request_timeout: 1 })
})

function speak(url: string, text: string): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(Number(new URL(url).port), '127.0.0.1', () => socket.write(text))
    socket.resume().on('close', () => resolve())
  })
}

t.test('a sender that makes up types gets twenty of them', async (t) => {
  const slack = await slackServer(t)
  const app = await startTestApp(t, twoSources(slack.url))
  const types = Array.from({ length: 50 }, (_, index) => `made-up "${index}"\\\n`)
  for (const type of types) await post(app.url, newEvent(type))
  await post(app.url, newEvent('deal.closed'))
  const seen = byLabel(await scrape(app.url), 'hookbridge_events_total', 'type')
  const madeUp = Object.keys(seen).filter((type) => type.startsWith('made-up'))
  t.same(madeUp, types.slice(0, 20), 'the first that came, in quotes')
  t.equal(seen.other, 30)
  t.equal(seen['deal.closed'], 1, 'what the configuration names has its place')
})

t.test('the lag of the event loop shows that it was blocked', async (t) => {
  const slack = await slackServer(t)
  const app = await startTestApp(t, twoSources(slack.url))
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

t.test('a store that other processes block shows in the metrics', async (t) => {
  const slack = await slackServer(t)
  const app = await startTestApp(t, twoSources(slack.url))
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
  const app = await startTestApp(t, twoSources(slack.url, more), { env })
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

t.test('a client that requests them again and again, and reads none, is cut off', async (t) => {
  const app = await startTestApp(t, twoSources('http://127.0.0.1:1/'))
  const socket = connect(Number(new URL(app.url).port), '127.0.0.1')
  t.teardown(() => socket.destroy())
  socket.on('error', () => {})
  const cut = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  socket.write('GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n'.repeat(500))
  socket.resume()
  await cut
  for (const _ of Array.from({ length: 10 })) t.equal((await fetch(`${app.url}/metrics`)).status, 200)
})
