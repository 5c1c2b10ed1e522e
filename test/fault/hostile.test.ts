/** Floods, slow clients and idle connections, against a real process. `npm run test:hostile` goes on for longer. */
import { writeFileSync } from 'node:fs'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { newEvent, secret, signedHeaders } from '../support/service.ts'
import {
  attackerAddress,
  besiege,
  connectFrom,
  filesOf,
  SECONDS,
  type Siege,
  startBesieged,
} from '../support/siege.ts'
import { startSinks } from '../support/sinks.ts'
import { until } from '../support/until.ts'

const stranger = `whsec_${Buffer.from('somebody elses secret, 32 bytes.').toString('base64')}`
const timeout = 60_000 + SECONDS * 5_000

const config =
  (server = '') =>
  (folder: string) => {
    const file = join(folder, 'config.yaml')
    writeFileSync(
      file,
      `
server: { port: 0, trust_proxy: false${server} }
store: { url: "sqlite:${join(folder, 'store.db')}" }
sources: { cuuro: { svix: { secrets: ["\${WEBHOOK_SECRET}"] } } }
receivers: { here: { console: {} } }
routes: [{ match: { type: never }, receivers: [here] }]
`,
    )
    return file
  }

function head(headers: Readonly<Record<string, string>>, length: number): string {
  const lines = Object.entries({ host: 'x', ...headers, 'content-length': length })
  return `POST /webhooks/cuuro HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`
}

function signedBy(key: string, body: string): string {
  return head(signedHeaders(newEvent().messageId, body, key), body.length) + body
}

/** Of the first answer in a chunk. */
function statusOf(chunk: Buffer | string): number {
  return Number(/^HTTP\/1\.1 (\d{3}) /.exec(String(chunk))?.[1])
}

/** One request after another, on one connection as long as it lasts. */
async function hammer(siege: Siege, bytes: string, addresses: () => string): Promise<void> {
  while (!siege.isOver()) {
    await new Promise<void>((resolve) => {
      const socket = connectFrom(siege, addresses())
      socket.once('connect', () => socket.write(bytes))
      socket.on('data', (chunk) => {
        siege.answered(statusOf(chunk))
        if (siege.isOver()) socket.destroy()
        else socket.write(bytes)
      })
      socket.once('close', () => resolve())
    })
  }
}

t.test('wrong signatures at full speed from one address', { timeout }, async (t) => {
  const service = await startBesieged(t, config())
  const { statuses } = await besiege(t, service, (siege) =>
    Promise.all(
      Array.from({ length: 8 }, () => hammer(siege, signedBy(stranger, '{}'), () => attackerAddress(0))),
    ),
  )
  const [wrong = 0, limited = 0] = [statuses.get(401), statuses.get(429)]
  t.ok(wrong >= 100, `a burst is verified: ${wrong}`)
  t.ok(wrong <= 100 + 8 + 5 * (SECONDS + 60), `and then five a second: ${wrong}`)
  t.ok(limited > wrong, `the rest is not: ${limited}`)
  const lines = service.output().match(/"msg":"request rejected"/g)?.length ?? 0
  t.ok(lines > 0 && lines <= 20 * (1 + Math.ceil(SECONDS / 60)), `${lines} lines in the log`)
})

t.test('wrong signatures with large bodies from ever other addresses', { timeout }, async (t) => {
  const service = await startBesieged(t, config())
  const bytes = signedBy(stranger, 'x'.repeat(200_000))
  let n = 0
  const { statuses } = await besiege(t, service, (siege) =>
    Promise.all(Array.from({ length: 8 }, () => hammer(siege, bytes, () => attackerAddress(++n)))),
  )
  t.ok((statuses.get(401) ?? 0) > 0, 'they were verified')
})

t.test('slow heads, slow bodies, and answers that nobody reads', { timeout }, async (t) => {
  // Fewer places than slow bodies: they must not keep the sender out.
  const service = await startBesieged(t, config(', max_pending: 100, request_timeout: 2s'))
  const { statuses } = await besiege(t, service, async (siege) => {
    let n = 0
    const dribble = async (begin: string, more: string) => {
      while (!siege.isOver()) {
        await new Promise<void>((resolve) => {
          const socket = connectFrom(siege, attackerAddress(n++))
          let timer: NodeJS.Timeout | undefined
          socket.once('connect', () => {
            socket.write(begin)
            timer = setInterval(() => {
              if (siege.isOver()) socket.destroy()
              else socket.write(more)
            }, 50)
          })
          if (more === '') socket.pause()
          else socket.on('data', (chunk) => siege.answered(statusOf(chunk)))
          socket.once('close', () => {
            clearInterval(timer)
            resolve()
          })
        })
      }
    }
    const body = 'x'.repeat(100_000)
    const claimed = head(signedHeaders('msg_slow', body, stranger), body.length)
    const unread = 'GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n'.repeat(500)
    await Promise.all([
      ...Array.from({ length: 200 }, () => dribble('POST /webhooks/cuuro HTTP/1.1\r\n', 'a: b\r\n')),
      ...Array.from({ length: 200 }, () => dribble(claimed, 'x')),
      ...Array.from({ length: 20 }, () => dribble(unread, '')),
    ])
  })
  t.notOk(statuses.has(202))
})

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
            const timer = setTimeout(() => socket.destroy(), 500)
            socket.on('data', (chunk) =>
              siege.answered(Number(/^HTTP\/1\.1 (\d{3}) /.exec(String(chunk))?.[1])),
            )
            socket.once('close', () => {
              clearTimeout(timer)
              resolve()
            })
          })
        }
      }),
    ),
  )
})
