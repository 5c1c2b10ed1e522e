import t from 'tap'
import { startTestApp } from '../support/app.ts'
import { edit } from '../support/replace.ts'
import { history, newEvent, post, temporaryFolder } from '../support/service.ts'
import { until } from '../support/until.ts'

const yaml = `
sources:
  cuuro: { svix: { secrets: ["\${WEBHOOK_SECRET}"] }, event_type: /kind }
channels: { console: {} }
receivers: { log: { console: {} } }
routes: [{ receivers: [log] }]
`

async function quarantined(t: Parameters<typeof startTestApp>[0], folder?: string) {
  const app = await startTestApp(t, yaml, folder === undefined ? {} : { folder })
  const event = newEvent()
  return { app, event, answer: await post(app.url, event) }
}

t.test('a reload that can read what was quarantined takes it up, once', async (t) => {
  const { app, event, answer } = await quarantined(t)
  t.equal(answer.status, 400)
  t.equal((await post(app.url, event)).status, 400, 'and a resend is quarantined as well')
  t.match((await history(app.folder)).events, [{ type: null, problem: /^no_event_type/ }])

  edit(app.config, 'event_type: /kind', 'event_type: /event')
  t.match(await app.reload('signal'), { ok: true })
  await until(() => app.printed.length === 1, 'its message')
  await until(
    async () => (await history(app.folder)).deliveries.every(({ state }) => state === 'delivered'),
    'its record',
  )
  const { events } = await history(app.folder)
  const [request] = events.filter(({ type }) => type === null)
  const [taken] = events.filter(({ type }) => type !== null)
  t.equal(events.length, 2)
  t.match(taken, {
    messageId: event.messageId,
    subject: event.objectId,
    takesUp: request?.id,
    receivedAt: request?.receivedAt,
    plans: [{ number: 1, cause: 'quarantine' }],
  })
  t.equal(request?.takenUpBy, taken?.id)
  t.match(await (await post(app.url, event)).json(), { id: taken?.id, duplicate: true })

  t.match(await app.reload('signal'), { ok: true })
  t.equal((await history(app.folder)).events.length, 2, 'another reload finds nothing more')
  t.equal(app.printed.length, 1)
})

t.test('so does a start', async (t) => {
  const folder = temporaryFolder(t)
  const { app, event } = await quarantined(t, folder)
  await app.stop()
  const next = await startTestApp(t, yaml.replace('/kind', '/event'), { folder })
  await until(() => next.printed.length === 1, 'its message')
  t.match(await (await post(next.url, event)).json(), { duplicate: true })
})

t.test('what was stored as an event is a duplicate, even if it can no longer be read', async (t) => {
  const app = await startTestApp(t, yaml.replace('/kind', '/event'))
  const event = newEvent()
  const first = await post(app.url, event)
  t.equal(first.status, 202)
  edit(app.config, 'event_type: /event', 'event_type: /kind')
  t.match(await app.reload('signal'), { ok: true })
  const again = await post(app.url, event)
  t.equal(again.status, 200)
  const { events } = await history(app.folder)
  t.equal(events.length, 1)
  t.same(await again.json(), { id: events[0]?.id, duplicate: true })
})
