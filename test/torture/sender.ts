/** Sends signed events as Svix does: each again until it is acknowledged. It cuts some connections before the answer. */
import { setTimeout as pause } from 'node:timers/promises'
import { parseJson } from '../../src/core/json/json.ts'
import { type SignedEvent, signedHeaders } from '../support/service.ts'
import { eventHead } from '../support/siege.ts'
import { type Connection, createConnection } from './connection.ts'
import type { Progress } from './progress.ts'
import type { Acknowledgements } from './records.ts'
import { eventOf, isFollowed, targetsOf } from './traffic.ts'

const CONNECTIONS = 32
const REPEAT_AFTER_MS = 50
/** While nothing listens: the service needs the processor to start. */
const REPEAT_UNANSWERED_AFTER_MS = 250
const CUT_SHARE = 0.003
/** Deliveries that wait: with more, the sender waits too. */
const MOST_WAITING = 2_000
/** Dates of answers are full seconds: up to this the two clocks count as the same. */
const CLOCK_TOLERANCE_MS = 5_000

export interface Sender {
  /** Answers by their status; `none` where there was none. */
  readonly answers: ReadonlyMap<string, number>
  /** All are acknowledged. */
  readonly done: Promise<unknown>
}

export interface SenderDeps {
  readonly port: number
  readonly events: number
  readonly acknowledgements: Acknowledgements
  readonly progress: Progress
  readonly random: () => number
}

export function startSender({ port, events, acknowledgements, progress, random }: SenderDeps): Sender {
  const answers = new Map<string, number>()
  let next = 0
  // How far the service's clock is ahead of this one.
  let ahead = 0
  let lastDate = ''

  async function run(): Promise<void> {
    const connection = createConnection(port)
    while (next < events) {
      const n = next
      next += 1
      // What follows in a conversation is sent after the acknowledgement of what it follows.
      if (isFollowed(n) && next < events) next += 1
      await deliver(connection, n)
      if (isFollowed(n) && n + 1 < events) await deliver(connection, n + 1)
    }
    connection.end()
  }

  async function deliver(connection: Connection, n: number): Promise<void> {
    while (progress.waiting >= MOST_WAITING) await pause(REPEAT_AFTER_MS)
    const event = eventOf(n)
    const from = progress.get('loaded')
    for (;;) {
      const answer = await connection.exchange(requestOf(event), random() < CUT_SHARE)
      const kind = answer === null ? 'none' : String(answer.status)
      answers.set(kind, (answers.get(kind) ?? 0) + 1)
      if (answer !== null) followClock(answer.date)
      if (kind === '503') progress.add('refused')
      const id = answer === null || answer.status >= 300 ? undefined : idIn(answer.body)
      if (id !== undefined) return acknowledged(n, id, from)
      await pause(answer === null ? REPEAT_UNANSWERED_AFTER_MS : REPEAT_AFTER_MS)
    }
  }

  function acknowledged(n: number, id: string, from: number): void {
    const to = progress.get('written')
    acknowledgements.set(n, { id, from, to })
    progress.add('owed', targetsOf(n, to).length)
    progress.add('acknowledged')
  }

  function requestOf({ messageId, body }: SignedEvent): string {
    const headers = signedHeaders(messageId, body, undefined, Date.now() + ahead)
    return eventHead(headers, Buffer.byteLength(body)) + body
  }

  function followClock(date: string): void {
    if (date === lastDate) return
    lastDate = date
    const difference = Date.parse(date) - Date.now()
    if (Math.abs(difference - ahead) > CLOCK_TOLERANCE_MS) ahead = difference
  }

  const done = Promise.all(Array.from({ length: CONNECTIONS }, run))
  return { answers, done }
}

function idIn(body: string): string | undefined {
  const answer = parseJson(body)
  return typeof answer === 'object' && answer !== null && 'id' in answer ? String(answer.id) : undefined
}
