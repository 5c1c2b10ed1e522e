/** What becomes of a message that its receiver cannot get: asked of the whole service, with a Slack and a mail server. */
import PostalMime from 'postal-mime'
import t, { type Test } from 'tap'
import type { State } from '../../src/core/delivery/delivery.ts'
import { startTestApp } from '../support/app.ts'
import { hookbridge } from '../support/hookbridge.ts'
import { environment, history, newEvent, post } from '../support/service.ts'
import { startSinks } from '../support/sinks.ts'
import { until } from '../support/until.ts'

const OPEN: readonly State[] = ['pending', 'held', 'sending', 'retrying', 'ambiguous']

const refusal = (error: string) => ({ status: 200, body: JSON.stringify({ ok: false, error }) })

async function start(t: Test, routes: string, more = '') {
  const { slack, mail } = await startSinks(t)
  const yaml = `
sources: { cuuro: { svix: { secrets: ["\${WEBHOOK_SECRET}"] } } }
channels:
  slack: { token: "\${SLACK_BOT_TOKEN}", api_url: "${slack.url}", rate: 1000/s, burst: 100 }
  email: { smtp: "${mail.url}", from: alerts@acme.io }
receivers:
  deals: { slack: { channel: "#deals" }, fallback: partners }
  partners: { email: { to: [partners@acme.io] }, fallback: lobby }
  lobby: { slack: { channel: "#lobby" } }
  nobody: {}
routes: ${routes}
${more}`
  const app = await startTestApp(t, yaml)
  /** All deliveries of a message, once none is to be attempted. */
  async function settled(messageId: string) {
    const find = async () =>
      (await history(app.folder)).events.find((event) => event.messageId === messageId)?.deliveries ?? []
    await until(async () => {
      const deliveries = await find()
      return deliveries.length > 0 && deliveries.every(({ state }) => !OPEN.includes(state))
    }, 'the end of all deliveries')
    return (await find()).toSorted((one, other) => one.createdAt - other.createdAt)
  }

  return {
    app,
    slack,
    mail,
    settled,
    async settle() {
      const event = newEvent()
      await post(app.url, event)
      return settled(event.messageId)
    },
    async command(...argv: readonly string[]) {
      const { out, err, code } = await hookbridge([...argv, '--config', app.config], { env: environment })
      if (code !== 0) throw new Error(`${argv.join(' ')} ended with ${code}: ${err}`)
      return out
    },
  }
}

t.test('what is parked goes to the fallback, once, and says why', async (t) => {
  const { app, slack, mail, settle, settled, command } = await start(t, '[{ receivers: [deals] }]')
  slack.behave = ({ channel }) => (channel === '#deals' ? refusal('not_in_channel') : undefined)
  const event = newEvent()
  await post(app.url, event)
  const [first, second, ...others] = await settled(event.messageId)
  t.match(first, { receiver: 'deals', state: 'parked', standsInFor: null })
  t.match(second, {
    receiver: 'partners',
    state: 'delivered',
    plan: 1,
    standsInFor: { delivery: first?.id, receiver: 'deals', reason: /not_in_channel/ },
  })
  t.equal(others.length, 0)
  const [sent] = mail.messages
  const { text = '', html } = await PostalMime.parse(sent?.raw ?? '')
  t.match(text.replaceAll(/\s+/g, ' '), /for the receiver "deals", which it did not reach \(.*not_in_channel/)
  t.match(String(html), /which it did not reach \(.*not_in_channel/)

  t.test('the history has both ends of it', async (t) => {
    const shown = await command('deliveries', 'show', first?.id ?? '')
    t.match(shown, `fallback ${second?.id}, for receiver partners: delivered`)
    t.match(
      await command('deliveries', 'show', second?.id ?? ''),
      `fallback of ${first?.id} (deals): not_in_channel`,
    )
    const { deliveries } = JSON.parse(await command('deliveries', 'show', event.messageId, '--json'))
    t.match(deliveries, [
      { fallbacks: [second?.id], stands_in_for: null },
      { fallbacks: [], stands_in_for: { delivery: first?.id, receiver: 'deals' } },
    ])
  })
  t.test('so have log and metrics', async (t) => {
    t.match(
      app.log.filter(({ fallbacks }) => fallbacks),
      [{ delivery: first?.id, fallbacks: [second?.id] }],
    )
    const metrics = await (await fetch(`${app.url}/metrics`)).text()
    t.match(metrics, 'hookbridge_fallbacks_total{receiver="deals"} 1')
    t.match(metrics, 'hookbridge_fallbacks_total{receiver="partners"} 0')
  })
  t.test('a resend that fails again sends no other', async (t) => {
    await command('resend', first?.id ?? '')
    await until(
      async () =>
        (await history(app.folder)).deliveries.some(
          ({ state, attempts }) => state === 'parked' && attempts === 2,
        ),
      'the second failure',
    )
    t.equal((await settled(event.messageId)).length, 2)
    t.equal(mail.messages.length, 1)
  })
  t.test('a replay is another plan, with a fallback of its own', async () => {
    await command('replay', event.messageId, '--yes')
    await until(() => mail.messages.length === 2, 'another mail')
    t.equal((await settled(event.messageId)).length, 4)
  })
  t.test('another event too', async () => {
    await settle()
    t.equal(mail.messages.length, 3)
  })
})

t.test('what is refused goes there too, from any channel to any other', async (t) => {
  const { slack, mail, settle } = await start(t, '[{ receivers: [partners] }]')
  mail.behave = (step) => (step === 'rcpt' ? { code: 550, message: '5.1.1 no such user' } : undefined)
  t.match(await settle(), [{ state: 'dead' }, { state: 'delivered', receiver: 'lobby' }])
  t.match(slack.messages, [{ channel: '#lobby' }])
  t.match(
    JSON.stringify(slack.messages[0]?.blocks),
    /for partners, which it did not reach: .*5\.1\.1 no such user/,
  )
})

t.test('a fallback has none itself', async (t) => {
  const { slack, mail, settle } = await start(t, '[{ receivers: [deals] }]')
  slack.behave = ({ channel }) => (channel === '#deals' ? refusal('not_in_channel') : undefined)
  mail.behave = (step) => (step === 'rcpt' ? { code: 550, message: '5.1.1 no such user' } : undefined)
  t.match(await settle(), [{ state: 'parked' }, { receiver: 'partners', state: 'dead' }])
  t.equal(slack.messages.length, 0)
})

t.test('who gets the message anyway does not get it twice', async (t) => {
  const { slack, mail, settle } = await start(t, '[{ receivers: [deals, partners] }]')
  slack.behave = ({ channel }) => (channel === '#deals' ? refusal('not_in_channel') : undefined)
  const deliveries = await settle()
  t.match(
    deliveries.find(({ standsInFor }) => standsInFor !== null),
    { receiver: 'partners', state: 'skipped', reason: 'already sent by route routes[0]' },
  )
  t.equal(mail.messages.length, 1)
})

t.test('an empty receiver takes an event and sends nothing', async (t) => {
  const { app, command } = await start(t, '[{ receivers: [nobody] }]')
  const event = newEvent()
  t.equal((await post(app.url, event)).status, 202)
  const { plans } = JSON.parse(await command('events', 'show', event.messageId, '--json'))
  t.match(plans, [{ unrouted: false, routes: [{ receivers: ['nobody'] }], deliveries: [] }])
})

t.test('explain names the fallback', async (t) => {
  const { command } = await start(t, '[{ receivers: [deals] }]')
  t.match(
    await command('explain', '--type', 'analysis.completed'),
    'if it cannot be delivered to deals, partners gets it',
  )
  const { deliveries } = JSON.parse(await command('explain', '--type', 'analysis.completed', '--json'))
  t.match(deliveries, [{ receiver: 'deals', fallback: 'partners' }])
})
