import { createHmac, randomBytes, randomUUID } from 'node:crypto'
import { connect } from 'node:net'

/** One signed Cuuro event as the bytes of an HTTP request, and the id in its payload. */
export interface Shot {
  readonly objectId: string
  readonly bytes: Buffer
}

export interface Volley {
  /** Answers a second. */
  readonly rate: number
  /** Milliseconds. */
  readonly p50: number
  readonly p99: number
  readonly statuses: Readonly<Record<string, number>>
}

/** A message shows a name whole, and ids cut short: who measures when it arrives finds it by this. An id alone is no name. */
export const named = (_index: number, objectId: string) => ({ name: `Company ${objectId}` })

/** `more`: what the event of that index has in its data, beside the id. */
export function signedShots(
  count: number,
  secret: string,
  source: string,
  more: (index: number, objectId: string) => Readonly<Record<string, unknown>> = () => ({}),
): Shot[] {
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64')
  const timestamp = Math.floor(Date.now() / 1000)
  return Array.from({ length: count }, (_, index) => {
    const objectId = objectIdAt(Date.now())
    const messageId = `msg_${ksuid(timestamp)}`
    const body = JSON.stringify({
      data: { id: objectId, ...more(index, objectId) },
      event: 'analysis.completed',
    })
    const signature = createHmac('sha256', key).update(`${messageId}.${timestamp}.${body}`).digest('base64')
    const head = [
      `POST /webhooks/${source} HTTP/1.1`,
      'host: 127.0.0.1',
      'content-type: application/json',
      `content-length: ${body.length}`,
      'user-agent: Svix-Webhooks/1.70.0',
      `svix-id: ${messageId}`,
      `svix-timestamp: ${timestamp}`,
      `svix-signature: v1,${signature}`,
    ]
    return { objectId, bytes: Buffer.from(`${head.join('\r\n')}\r\n\r\n${body}`) }
  })
}

/**
 * An id as Cuuro makes those of its analyses: a UUID of version 7, which begins with the time in milliseconds. Ids of one burst
 * cluster in the store's index of subjects; those of version 4 would each touch another page of it.
 */
function objectIdAt(ms: number): string {
  const time = ms.toString(16).padStart(12, '0')
  return `${time.slice(0, 8)}-${time.slice(8)}-7${randomUUID().slice(15)}`
}

const BASE62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const KSUID_EPOCH = 1_400_000_000

/** An id as the sender makes them: the time in seconds, then chance. They cluster, as the store's index sees them. */
function ksuid(seconds: number): string {
  let number = (BigInt(seconds - KSUID_EPOCH) << 128n) | BigInt(`0x${randomBytes(16).toString('hex')}`)
  let text = ''
  while (text.length < 27) {
    text = (BASE62[Number(number % 62n)] ?? '') + text
    number /= 62n
  }
  return text
}

/**
 * Fires the shots over so many keep-alive connections, to one port or in turn to several, one request in flight on each: at once, or so many a second.
 * `sentAt` is by performance.now().
 */
export async function fire(
  ports: number | readonly number[],
  shots: readonly Shot[],
  connections: number,
  onAnswer: (shot: Shot, sentAt: number) => void = () => {},
  perSecond = Number.POSITIVE_INFINITY,
): Promise<Volley> {
  let next = 0
  const times: number[] = []
  const statuses: Record<string, number> = {}
  const begun = performance.now()
  const each = [ports].flat()
  await Promise.all(
    Array.from({ length: Math.min(connections, shots.length) }, (_, n) => worker(each[n % each.length] ?? 0)),
  )
  const seconds = (performance.now() - begun) / 1000
  times.sort((a, b) => a - b)
  return { rate: times.length / seconds, p50: quantile(times, 0.5), p99: quantile(times, 0.99), statuses }

  function worker(port: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const socket = connect(port, '127.0.0.1')
      socket.setNoDelay(true)
      let shot: Shot | undefined
      let sentAt = 0
      let received = ''
      const shoot = () => {
        const index = next++
        shot = shots[index]
        if (shot === undefined) {
          socket.end()
          resolve()
          return
        }
        const wait = begun + (index * 1000) / perSecond - performance.now()
        if (wait > 0) setTimeout(send, wait, shot)
        else send(shot)
      }
      const send = ({ bytes }: Shot) => {
        sentAt = performance.now()
        socket.write(bytes)
      }
      socket.once('connect', shoot)
      socket.once('error', reject)
      socket.on('data', (chunk) => {
        received += chunk.toString('latin1')
        const length = whole(received)
        if (length === 0 || shot === undefined) return
        const status = received.slice(9, 12)
        received = received.slice(length)
        const now = performance.now()
        times.push(now - sentAt)
        statuses[status] = (statuses[status] ?? 0) + 1
        onAnswer(shot, sentAt)
        shoot()
      })
    })
  }
}

/** The length of the first whole answer in the text; 0 while it is not whole. */
function whole(text: string): number {
  const end = text.indexOf('\r\n\r\n')
  if (end < 0) return 0
  const length = end + 4 + Number(/content-length: (\d+)/i.exec(text.slice(0, end))?.[1] ?? 0)
  return text.length >= length ? length : 0
}

export function quantile(sorted: readonly number[], q: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN
}

export function median(values: readonly number[]): number {
  return quantile(
    [...values].sort((a, b) => a - b),
    0.5,
  )
}
