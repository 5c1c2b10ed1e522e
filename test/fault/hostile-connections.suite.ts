/** Idle connections and connections that come to nothing, against a real process. */
import { writeFileSync } from 'node:fs'
import { Agent } from 'node:http'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { newEvent, post, secret, signedHeaders, temporaryFolder } from '../support/service.ts'
import {
  attackerAddress,
  besiege,
  besiegedConfig as config,
  connectFrom,
  filesOf,
  eventHead as head,
  SECONDS,
  type Siege,
  sendEvent,
  startBesieged,
  statusOf,
  timeout,
} from '../support/siege.ts'
import { startSinks } from '../support/sinks.ts'
import { until } from '../support/until.ts'

async function connected(siege: Pick<Siege, 'port'>, n: number): Promise<Socket> {
  const socket = connectFrom(siege, attackerAddress(n))
  await new Promise<void>((resolve) => {
    socket.once('connect', resolve)
    socket.once('close', () => resolve())
  })
  return socket
}

t.test('thousands of idle connections', { timeout }, async (t) => {
  const service = await startBesieged(t, config(', max_connections: 2000, request_timeout: 60s'))
  await besiege(t, service, async (siege) => {
    const sockets: Socket[] = []
    for (let n = 0; n < 1_900; n++) sockets.push(await connected(siege, n))
    await until(() => filesOf(service.pid) > 1_900, 'all of them to be accepted')
    await until(siege.isOver, 'the end', SECONDS * 1_000 + 5_000)
    for (const socket of sockets) socket.destroy()
  })
})

t.test('few descriptors: connections leave some to Slack, mail and the store', { timeout }, async (t) => {
  const sinks = await startSinks(t)
  const folder = temporaryFolder(t)
  const file = join(folder, 'config.yaml')
  writeFileSync(
    file,
    `
server: { port: 0 }
store: { url: "sqlite:${join(folder, 'store.db')}" }
sources: { cuuro: { svix: { secrets: ["\${WEBHOOK_SECRET}"] } } }
channels:
  slack: { token: "\${SLACK_BOT_TOKEN}", rate: 100000/s, burst: 1000, api_url: "${sinks.slack.url}" }
  email: { smtp: "${sinks.mail.url}", from: "Alerts <alerts@example.com>" }
receivers: { all: { slack: { channel: "#deals" }, email: { to: [partners@example.com] } } }
routes: [{ receivers: [all] }]
`,
  )
  const service = await startBesieged(t, () => file, 256)
  const port = Number(new URL(service.url).port)
  const events = Array.from({ length: 200 }, () => newEvent())
  // fetch opens as many connections as it likes, also more than the service accepts here.
  const agent = new Agent({ keepAlive: true, maxSockets: 50 })
  t.teardown(() => agent.destroy())
  const statuses = await Promise.all(events.map((event) => sendEvent(service.url, agent, event)))
  t.same([...new Set(statuses)], [202])
  const sockets = await Promise.all(Array.from({ length: 500 }, (_, n) => connected({ port }, n)))
  await until(() => sockets.filter(({ closed }) => closed).length > 300, 'the connections beyond the limit')
  await until(
    () => sinks.slack.messages.length >= 200 && sinks.mail.messages.length >= 200,
    'every message',
    60_000,
  )
  for (const socket of sockets) socket.destroy()
  await until(async () => (await post(service.url, newEvent()).catch(() => null))?.status === 202, 'an event')
  t.notMatch(service.output(), /EMFILE/, 'it never ran out of descriptors')
})

t.test('Expect: 100-continue for bodies that never come', { timeout }, async (t) => {
  const service = await startBesieged(t, config(', request_timeout: 2s'))
  const body = 'x'.repeat(1_000)
  const bytes = head({ ...signedHeaders('msg_expect', body, secret), expect: '100-continue' }, body.length)
  await besiege(t, service, (siege) =>
    Promise.all(
      Array.from({ length: 50 }, async () => {
        while (!siege.isOver()) {
          await new Promise<void>((resolve) => {
            const socket = connectFrom(siege, attackerAddress(1))
            socket.once('connect', () => socket.write(bytes))
            socket.on('data', (chunk) => siege.answered(statusOf(chunk)))
            // Until the service has had enough of it.
            socket.once('close', () => resolve())
          })
        }
      }),
    ),
  )
})
