/** What metrics say of deliveries and of where they go. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { openStore } from '../../../src/store/open.ts'
import { entry, event, everything, planned } from '../../store/contract/sample.ts'
import { startTestApp } from '../../support/app.ts'
import { hookbridge } from '../../support/hookbridge.ts'
import { scrape, twoSources } from '../../support/metrics.ts'
import { slackServer } from '../../support/reload.ts'
import { newEvent, post, temporaryFolder } from '../../support/service.ts'
import { until } from '../../support/until.ts'

t.test('attempts, deliveries, health and queue have metrics', async (t) => {
  const slack = await slackServer(t)
  const app = await startTestApp(t, twoSources(slack.url))
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
  await until(
    async () => (await scrape(app.url)).value(success, of({ receiver: 'deals' })) !== undefined,
    'the destination to be read',
  )
  const read = await scrape(app.url)
  t.ok(Math.abs((read.value(success, of({ receiver: 'deals' })) ?? 0) - Date.now() / 1000) < 60)
  t.equal(read.value(success, of({ receiver: 'desk' })), undefined, 'nothing was sent there')

  slack.behave = () => ({ status: 200, headers: {}, body: '{"ok":false,"error":"invalid_auth"}' })
  await post(app.url, newEvent('deal.closed'))
  await reach('hookbridge_queue_depth', { state: 'parked' }, 1)
  slack.behave = () => ({ status: 503, headers: { 'retry-after': '600' }, body: '' })
  await post(app.url, newEvent('deal.closed'))
  await reach('hookbridge_queue_depth', { state: 'retrying' }, 1)
  await reach('hookbridge_destination_consecutive_failures', { receiver: 'deals' }, 2)
  const bad = await scrape(app.url)
  t.equal(bad.value('hookbridge_deliveries_total', of({ receiver: 'deals', outcome: 'parked' })), 1)
  t.equal(bad.value('hookbridge_attempts_total', of({ receiver: 'deals', outcome: 'park' })), 1)
  t.equal(bad.value('hookbridge_attempts_total', of({ receiver: 'deals', outcome: 'retry' })), 1)
  t.equal(bad.value('hookbridge_destination_consecutive_failures', of({ receiver: 'desk' })), 0)
  t.equal(bad.value('hookbridge_delivery_latency_seconds_count', of({})), 1, 'only what was delivered')
  t.ok((bad.value('hookbridge_store_commit_duration_seconds_count') ?? 0) >= 6)
  t.ok(
    (bad.value('hookbridge_store_commit_batch_size_sum') ?? 0) >=
      (bad.value('hookbridge_store_commit_batch_size_count') ?? Infinity),
  )
})

t.test('an interrupted attempt says nothing about its destination', async (t) => {
  const slack = await slackServer(t)
  const folder = temporaryFolder(t)
  const path = join(folder, 'store.db')
  const earlier = await openStore(`sqlite:${path}`, 'service')
  await earlier.append(entry(event(1), [planned({ receiver: 'deals', target: '#deals' })]))
  const now = Date.now()
  await earlier.claim(everything(now))
  await earlier.close()
  const app = await startTestApp(t, twoSources(slack.url), { folder })
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

t.test('a reload starts new series at 0, removes old ones, and resets the health', async (t) => {
  const slack = await slackServer(t)
  const app = await startTestApp(t, twoSources(slack.url))
  slack.behave = () => ({ status: 503, headers: { 'retry-after': '600' }, body: '' })
  await post(app.url, newEvent('deal.closed'))
  const failures = 'hookbridge_destination_consecutive_failures'
  await until(async () => (await scrape(app.url)).value(failures, { receiver: 'deals' }) === 1, 'the failure')
  const text = twoSources(slack.url, '  - { match: { type: brand.new }, receivers: [fresh] }\n')
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
  await until(
    async () => (await scrape(app.url)).value(failures, { receiver: 'deals' }) === 0,
    'another try, since its cause may be fixed',
  )
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

t.test('messages of muted routes are counted, logged, and reported by send --wait', async (t) => {
  const app = await startTestApp(
    t,
    `
time_intervals:
  - { name: always, time_intervals: [{ years: ["2000:9998"] }] }
  - { name: not now, time_intervals: [{ days_of_month: [${dayAfter(2)}, ${dayAfter(3)}], months: [${monthAfter(2)}, ${monthAfter(3)}] }] }
sources: { cuuro: { svix: { secrets: ["\${WEBHOOK_SECRET}"] } } }
receivers: { here: { console: {} } }
routes:
  - { match: { type: dropped }, receivers: [here], mute_time_intervals: [always], when_muted: drop }
  - { match: { type: critical }, receivers: [here], mute_time_intervals: [always], critical: true }
  - { receivers: [here], active_time_intervals: [not now] }
`,
  )
  const send = (type: string) =>
    hookbridge(['--config', app.config, 'send', '--url', app.url, '--type', type, '--wait', '1h'])
  t.match(await send('deferred'), {
    code: 1,
    out: /held: muted outside the time interval not now, until \d{4}-\d\d-\d\d \d\d:\d\d:00Z\n/,
    err: /1 of 1 message held, until \d{4}-\d\d-\d\d \d\d:\d\d:00Z at the latest/,
  })
  t.match(await send('dropped'), {
    code: 0,
    out: /skipped: muted by the time interval always\nnothing was sent: 1 message skipped\n$/,
  })
  t.match(await send('critical'), { code: 0, out: /delivered/ })
  t.match(await hookbridge(['--config', app.config, 'deliveries', '--state', 'held']), {
    out: /held +muted outside the time interval not now, until \d{4}-/,
  })
  const { value } = await scrape(app.url)
  t.equal(value('hookbridge_muted_messages_total', { when_muted: 'defer' }), 1)
  t.equal(value('hookbridge_muted_messages_total', { when_muted: 'drop' }), 1)
  t.equal(value('hookbridge_queue_depth', { channel: 'console', state: 'held' }), 1)
  t.match(
    app.log.filter(({ msg }) => msg === 'event stored'),
    [
      { type: 'deferred', deliveries: 1, deferred: 1, dropped: 0 },
      { type: 'dropped', deliveries: 1, deferred: 0, dropped: 1 },
      { type: 'critical', deliveries: 1, deferred: undefined },
    ],
  )
})

function after(days: number): Date {
  return new Date(Date.now() + days * 86_400_000)
}

const dayAfter = (days: number) => after(days).getDate()
const monthAfter = (days: number) => after(days).getMonth() + 1
