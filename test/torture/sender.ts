/** Sends signed events as Svix does: each again until it is acknowledged. It cuts some connections before the answer. */
import { Agent, type IncomingMessage, request } from 'node:http'
import { type SignedEvent, signedHeaders } from '../support/service.ts'
import { eventOf, isFollowed } from './traffic.ts'

const CONNECTIONS = 32
// As long as Svix waits.
const TIMEOUT_MS = 15_000
const REPEAT_AFTER_MS = 50
/** While nothing listens: the service needs the processor to start. */
const REPEAT_UNANSWERED_AFTER_MS = 250
const CUT_SHARE = 0.003
/** Dates of answers are full seconds: up to this the two clocks count as the same. */
const CLOCK_TOLERANCE_MS = 5_000

export interface Acknowledged {
  readonly id: string
  /** The versions of the configuration that can have planned it: from the one that was in effect to the newest. */
  readonly from: number
  readonly to: number
}

export interface Versions {
  /** In effect for certain. */
  readonly loaded: number
  /** The newest that there is. */
  readonly written: number
}

export interface Sender {
  /** By the number of the event. */
  readonly acknowledged: ReadonlyMap<number, Acknowledged>
  /** Answers by their status; `none` where there was none. */
  readonly answers: ReadonlyMap<string, number>
  /** All are acknowledged. */
  readonly done: Promise<void>
  /** Sends nothing more. */
  stop(): void
}

export interface SenderDeps {
  readonly port: number
  readonly events: number
  readonly versions: () => Versions
  /** False while so much waits that no more is to be sent. */
  readonly mayGoOn: () => boolean
  readonly random: () => number
}

interface Answer {
  readonly status: number
  readonly id: string | undefined
}

export function startSender({ port, events, versions, mayGoOn, random }: SenderDeps): Sender {
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS })
  const acknowledged = new Map<number, Acknowledged>()
  const answers = new Map<string, number>()
  let next = 0
  let isStopped = false
  // How far the service's clock is ahead of this one.
  let ahead = 0

  async function run(): Promise<void> {
    while (next < events && !isStopped) {
      const n = next
      next += 1
      // What follows in a conversation is sent after the acknowledgement of what it follows.
      if (isFollowed(n) && next < events) next += 1
      await deliver(n)
      if (isFollowed(n) && n + 1 < events) await deliver(n + 1)
    }
  }

  async function deliver(n: number): Promise<void> {
    while (!mayGoOn() && !isStopped) await pause(REPEAT_AFTER_MS)
    const event = eventOf(n)
    const from = versions().loaded
    while (!isStopped) {
      const answer = await attempt(event)
      const kind = answer === null ? 'none' : String(answer.status)
      answers.set(kind, (answers.get(kind) ?? 0) + 1)
      if (answer?.id !== undefined && answer.status < 300) {
        acknowledged.set(n, { id: answer.id, from, to: versions().written })
        return
      }
      await pause(answer === null ? REPEAT_UNANSWERED_AFTER_MS : REPEAT_AFTER_MS)
    }
  }

  function attempt({ messageId, body }: SignedEvent): Promise<Answer | null> {
    const isCut = random() < CUT_SHARE
    return new Promise((resolve) => {
      const headers = {
        ...signedHeaders(messageId, body, undefined, Date.now() + ahead),
        'content-length': Buffer.byteLength(body),
      }
      const options = { host: '127.0.0.1', port, path: '/webhooks/cuuro', method: 'POST', agent, headers }
      const sent = request(options)
      sent.once('error', () => resolve(null))
      sent.setTimeout(TIMEOUT_MS, () => sent.destroy())
      sent.once('response', (response) => {
        followClock(response)
        readId(response).then((id) => resolve({ status: response.statusCode ?? 0, id }))
      })
      sent.end(body, () => {
        if (isCut) setImmediate(() => sent.destroy(new Error('cut')))
      })
    })
  }

  function followClock({ headers: { date = '' } }: IncomingMessage): void {
    const difference = Date.parse(date) - Date.now()
    if (Math.abs(difference - ahead) > CLOCK_TOLERANCE_MS) ahead = difference
  }

  const done = Promise.all(Array.from({ length: CONNECTIONS }, run)).then(() => agent.destroy())
  return {
    acknowledged,
    answers,
    done,
    stop() {
      isStopped = true
    },
  }
}

async function readId(response: IncomingMessage): Promise<string | undefined> {
  try {
    const chunks: Buffer[] = []
    for await (const chunk of response) chunks.push(chunk)
    const answer: unknown = JSON.parse(Buffer.concat(chunks).toString('utf8'))
    const isNamed = typeof answer === 'object' && answer !== null && 'id' in answer
    return isNamed ? String(answer.id) : undefined
  } catch {
    // Cut off in the middle: not acknowledged.
    return undefined
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
