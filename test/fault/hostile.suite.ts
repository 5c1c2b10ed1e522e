/** Floods and slow clients, against a real process. */
import t from 'tap'
import { newEvent, signedHeaders } from '../support/service.ts'
import {
  attackerAddress,
  besiege,
  besiegedConfig as config,
  connectFrom,
  eventHead as head,
  SECONDS,
  type Siege,
  startBesieged,
  statusOf,
  timeout,
} from '../support/siege.ts'

const wrongSecret = `whsec_${Buffer.from('somebody elses secret, 32 bytes.').toString('base64')}`

function signedBy(key: string, body: string): string {
  return head(signedHeaders(newEvent().messageId, body, key), body.length) + body
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
      Array.from({ length: 8 }, () => hammer(siege, signedBy(wrongSecret, '{}'), () => attackerAddress(0))),
    ),
  )
  const [wrong = 0, limited = 0] = [statuses.get(401), statuses.get(429)]
  t.ok(wrong >= 100, `a burst is verified: ${wrong}`)
  t.ok(wrong <= 100 + 8 + 5 * (SECONDS + 60), `and then five a second: ${wrong}`)
  t.ok(limited > wrong, `the rest is not: ${limited}`)
  const lines = service.output().match(/"msg":"request rejected"/g)?.length ?? 0
  t.ok(lines > 0 && lines <= 20 * (1 + Math.ceil(SECONDS / 60)), `${lines} lines in the log`)
})

t.test('wrong signatures with large bodies from ever new addresses', { timeout }, async (t) => {
  const service = await startBesieged(t, config())
  const bytes = signedBy(wrongSecret, 'x'.repeat(200_000))
  let n = 0
  const { statuses } = await besiege(t, service, (siege) =>
    Promise.all(Array.from({ length: 8 }, () => hammer(siege, bytes, () => attackerAddress(++n)))),
  )
  t.ok((statuses.get(401) ?? 0) > 0, 'they were verified')
})

t.test('slow heads, slow bodies, and answers that nobody reads', { timeout }, async (t) => {
  const service = await startBesieged(t, config(', request_timeout: 2s'))
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
    const slow = head(signedHeaders('msg_slow', body, wrongSecret), body.length)
    const unread = 'GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n'.repeat(500)
    await Promise.all([
      ...Array.from({ length: 200 }, () => dribble('POST /webhooks/cuuro HTTP/1.1\r\n', 'a: b\r\n')),
      ...Array.from({ length: 200 }, () => dribble(slow, 'x')),
      ...Array.from({ length: 20 }, () => dribble(unread, '')),
    ])
  })
  t.notOk(statuses.has(202))
})
