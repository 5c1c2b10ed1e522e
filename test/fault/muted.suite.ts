/** Messages of a muted route wait in the store: through kill -9 at any moment, until their time. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { environment, history, newEvent, post, startService, temporaryFolder } from '../support/service.ts'
import { startSinks, unexplained } from '../support/sinks.ts'
import { until } from '../support/until.ts'

const MINUTE_MS = 60_000
const EVENTS = 60
/** What is urgent must have gone out before the mute ends. */
const LEAST_MS = 60_000

t.test('muted until the next minute but one, and killed meanwhile', { timeout: 900_000 }, async (t) => {
  const sinks = await startSinks(t)
  const folder = temporaryFolder(t)
  const file = join(folder, 'config.yaml')
  const end = Math.ceil((Date.now() + LEAST_MS) / MINUTE_MS) * MINUTE_MS
  writeFileSync(
    file,
    `
server: { port: 0 }
store: { url: "sqlite:${join(folder, 'store.db')}" }
time_zone: UTC
time_intervals:
  - name: now
    time_intervals: [{ times: [${timesUntil(end)}] }]
sources: { cuuro: { svix: { secrets: ["\${WEBHOOK_SECRET}"] } } }
lifecycles: { analysis: { stages: [analysis.created, analysis.completed] } }
channels:
  slack: { token: "\${SLACK_BOT_TOKEN}", rate: 100000/s, burst: 1000, api_url: "${sinks.slack.url}" }
  email: { smtp: "${sinks.mail.url}", from: "Alerts <alerts@example.com>" }
receivers:
  deal-flow: { slack: { channel: "#deal-flow", follow_up: reply } }
  partners: { email: { to: [partners@example.com] } }
routes:
  - { match: { type: analysis.completed }, receivers: [deal-flow], critical: true }
  - { match: { type: startup.created }, receivers: [partners], mute_time_intervals: [now], when_muted: drop }
  - { receivers: [deal-flow, partners], mute_time_intervals: [now] }
delivery: { ambiguous_resends: 10 }
`,
  )
  let service = await startService(file, environment)
  t.teardown(() => service.end('SIGKILL'))
  const restart = async () => {
    t.equal((await service.end('SIGKILL')).signal, 'SIGKILL')
    service = await startService(file, environment)
  }
  const created = Array.from({ length: EVENTS }, () => newEvent('analysis.created'))
  const urgent = created.slice(0, 10).map(({ objectId }) => newEvent('analysis.completed', objectId))
  const dropped = newEvent('startup.created')
  for (const event of [...created, dropped]) t.equal((await post(service.url, event)).status, 202)
  await restart()
  const held = (await history(folder)).deliveries.filter(({ state }) => state === 'held')
  t.equal(held.length, 2 * EVENTS)
  t.ok(held.every(({ dueAt, reason }) => dueAt === end && reason === 'muted by the time interval now'))

  for (const event of urgent) t.equal((await post(service.url, event)).status, 202)
  await until(() => sinks.slack.messages.length >= urgent.length, 'what is urgent')
  t.ok(Date.now() < end, 'at once')
  await restart()
  t.equal(sinks.mail.messages.length, 0)

  await until(() => Date.now() > end, 'the end of the mute', LEAST_MS + 2 * MINUTE_MS)
  await restart()
  const isOver = async () => (await history(folder)).deliveries.every(({ state }) => ENDED.includes(state))
  await until(isOver, 'every message', 240_000)
  const { deliveries, events } = await history(folder)
  const typeOf = new Map(events.map(({ id, type }) => [id, type]))
  const sent = deliveries.filter(({ state }) => state === 'delivered')
  t.same(unexplained(sinks, sent), [])
  t.same(
    deliveries
      .filter(({ state }) => state === 'skipped')
      .map(({ reason }) => reason)
      .toSorted(),
    [...urgent.map(() => 'analysis.completed was sent before it came'), 'muted by the time interval now'],
    'the news of before is skipped, as in any conversation',
  )
  t.equal(sent.length, 2 * EVENTS)
  for (const { eventId, history: attempts } of sent) {
    const isUrgent = typeOf.get(eventId) === 'analysis.completed'
    const began = attempts.map(({ startedAt }) => startedAt)
    if (!(isUrgent ? began.every((at) => at < end) : began.every((at) => at >= end)))
      t.fail(`${typeOf.get(eventId)}: ${began}, and the mute ended at ${end}`)
  }
})

const ENDED: readonly string[] = ['delivered', 'skipped']

/** Of today from the hour before on, in UTC, also where midnight is near. */
function timesUntil(end: number): string {
  const entry = (from: string, to: string) => `{ start_time: "${from}", end_time: "${to}" }`
  const clock = (time: number) => new Date(time).toISOString().slice('2026-11-28T'.length, -':00.000Z'.length)
  const [from, to] = [clock(end - 60 * MINUTE_MS), clock(end)]
  if (from < to) return entry(from, to)
  return to === '00:00' ? entry(from, '24:00') : [entry(from, '24:00'), entry('00:00', to)].join(', ')
}
