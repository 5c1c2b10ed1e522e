/** Idle connections and connections that come to nothing, against a real process. */
import { writeFileSync } from 'node:fs'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { secret, signedHeaders } from '../support/service.ts'
import {
  attackerAddress,
  besiege,
  besiegedConfig as config,
  connectFrom,
  filesOf,
  eventHead as head,
  SECONDS,
  startBesieged,
  statusOf,
  timeout,
} from '../support/siege.ts'
import { startSinks } from '../support/sinks.ts'
import { until } from '../support/until.ts'

t.test('thousands of idle connections', { timeout }, async (t) => {
  const service = await startBesieged(t, config(', max_connections: 2000'))
  let highest = 0
  await besiege(t, service, async (siege) => {
    const sockets: Socket[] = []
    for (let n = 0; n < 3_000; n++) {
      const socket = connectFrom(siege, attackerAddress(n))
      sockets.push(socket)
      await new Promise<void>((resolve) => {
        socket.once('connect', resolve)
        socket.once('close', () => resolve())
      })
      if (n % 100 === 0) highest = Math.max(highest, filesOf(service.pid))
    }
    highest = Math.max(highest, filesOf(service.pid))
    await until(siege.isOver, 'the end', SECONDS * 1_000 + 5_000)
    for (const socket of sockets) socket.destroy()
  })
  t.ok(highest > 1_900 && highest < 2_200, `the bound holds, and is used: ${highest}`)
})

t.test('few descriptors: connections leave some to Slack, mail and the store', { timeout }, async (t) => {
  const sinks = await startSinks(t)
  const withSinks = (folder: string) => {
    const file = join(folder, 'config.yaml')
    writeFileSync(
      file,
      `
server: { port: 0, trust_proxy: false }
store: { url: "sqlite:${join(folder, 'store.db')}" }
sources: { cuuro: { svix: { secrets: ["\${WEBHOOK_SECRET}"] } } }
channels:
  slack: { token: "\${SLACK_BOT_TOKEN}", rate: 100000/s, burst: 1000, api_url: "${sinks.slack.url}" }
  email: { smtp: "${sinks.mail.url}", from: "Alerts <alerts@example.com>" }
receivers: { all: { slack: { channel: "#deals" }, email: { to: [partners@example.com] } } }
routes: [{ receivers: [all] }]
`,
    )
    return file
  }
  const service = await startBesieged(t, withSinks, 256)
  const { events } = await besiege(t, service, async (siege) => {
    const sockets = new Set<Socket>()
    let n = 0
    while (!siege.isOver()) {
      const socket = connectFrom(siege, attackerAddress(n++))
      sockets.add(socket)
      await new Promise<void>((resolve) => {
        socket.once('connect', resolve)
        socket.once('close', () => resolve())
      })
      socket.once('close', () => sockets.delete(socket))
    }
    t.ok(n > 500, `${n} connections came`)
    for (const socket of sockets) socket.destroy()
  })
  const expected = events + 100
  await until(
    () => sinks.slack.messages.length >= expected && sinks.mail.messages.length >= expected,
    'every message',
    60_000,
  )
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
