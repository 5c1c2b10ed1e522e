/** Several services that share a PostgreSQL database, and senders that repeat what none of them has acknowledged. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import { openDatabase, type Postgres } from './postgres.ts'
import {
  environment,
  newEvent,
  post,
  type Service,
  type SignedEvent,
  startService,
  temporaryFolder,
} from './service.ts'
import { arrivals, type Sinks } from './sinks.ts'
import { until } from './until.ts'

/** Messages a second to one channel of Slack, and at once after a rest. */
const SLACK_RATE = 4
const SLACK_BURST = 5

export interface Instances {
  /** Each with the database's rows as they are now. */
  readonly services: readonly Service[]
  /** kill -9, and another process in its place. */
  replace(index: number): Promise<void>
  /** As a deployment does: a new one, and then SIGTERM to the old one, which ends by itself. */
  roll(t: Test, index: number): Promise<void>
}

export interface InstancesOptions {
  readonly url: string
  readonly sinks: Sinks
  readonly count: number
  /** Of an attempt: a minute, so that a busy machine cuts none off. */
  readonly timeout?: string
  /** More variables of the environment of an instance. */
  readonly env?: (index: number) => Readonly<Record<string, string>>
}

/**
 * Analyses go to one channel of Slack as conversations, alerts to another one, and everything else by mail. Each instance has a
 * folder of its own, as on machines of their own.
 */
export async function startInstances(t: Test, options: InstancesOptions): Promise<Instances> {
  const folder = temporaryFolder(t)
  const { url, sinks, count, timeout = '60s' } = options
  const config = `
server: { port: 0 }
store: { url: "${url}" }
sources: { cuuro: { svix: { secrets: ["\${WEBHOOK_SECRET}"] } } }
lifecycles: { analysis: { stages: [analysis.created, analysis.completed] } }
channels:
  slack: { token: "\${SLACK_BOT_TOKEN}", rate: ${SLACK_RATE}/s, burst: ${SLACK_BURST}, api_url: "${sinks.slack.url}" }
  email: { smtp: "${sinks.mail.url}", from: "Alerts <alerts@example.com>" }
# More resends than there are kills: a message that each of them interrupts is not parked.
delivery: { timeout: ${timeout}, ambiguous_resends: 10 }
receivers:
  stories: { slack: { channel: "#stories", follow_up: reply } }
  alerts: { slack: { channel: "#alerts" } }
  partners: { email: { to: [partners@example.com] } }
routes:
  - { match: { type: "analysis.*" }, receivers: [stories] }
  - { match: { type: "alert.*" }, receivers: [alerts] }
  - { receivers: [partners] }
`
  const start = async (index: number) => {
    const name = `instance-${index}`
    mkdirSync(join(folder, name), { recursive: true })
    const file = join(folder, name, 'config.yaml')
    writeFileSync(file, config)
    const service = await startService(file, { ...environment, ...options.env?.(index) })
    t.teardown(() => service.end('SIGKILL'))
    return service
  }
  const services = await Promise.all(Array.from({ length: count }, (_, index) => start(index)))
  return {
    services,
    async replace(index) {
      await services[index]?.end('SIGKILL')
      services[index] = await start(index)
    },
    async roll(t, index) {
      const old = services[index]
      services[index] = await start(index)
      if (old !== undefined) await endWell(t, [old])
    },
  }
}

/** Each ends by itself when it is asked to; what it logged shows why one does not. */
export async function endWell(t: Test, services: readonly Service[]): Promise<void> {
  for (const service of services) {
    const { code, signal } = await service.end('SIGTERM')
    t.equal(code, 0, `it ended with ${code ?? signal}: ${code === 0 ? '' : service.output().slice(-2_000)}`)
  }
}

/** Sends events as Svix does: each again until one of the services has acknowledged it. */
export interface Sender {
  /** The ids of events by that of their messages. */
  readonly acknowledged: ReadonlyMap<string, string>
  /** Statuses of answers other than 200 and 202, with the value of Retry-After. */
  readonly refused: ReadonlyMap<string, number>
  /** When the last story has ended. */
  readonly done: Promise<void>
}

const REPEAT_AFTER_MS = 25

/** Each story is a list of events, sent in this order; so many stories at once, each event to the next service. */
export function startSender(
  stories: readonly (readonly SignedEvent[])[],
  instances: Instances,
  concurrency: number,
): Sender {
  const acknowledged = new Map<string, string>()
  const refused = new Map<string, number>()
  let next = 0
  let turn = 0

  async function send(event: SignedEvent): Promise<void> {
    for (;;) {
      const { services } = instances
      const service = services[turn++ % services.length]
      const id = service && (await attempt(service, event))
      if (typeof id === 'string') {
        acknowledged.set(event.messageId, id)
        return
      }
      await new Promise((resolve) => setTimeout(resolve, REPEAT_AFTER_MS))
    }
  }

  async function attempt(service: Service, event: SignedEvent): Promise<string | null> {
    try {
      const response = await post(service.url, event, 'cuuro', AbortSignal.timeout(15_000))
      const answer: unknown = await response.json()
      if (response.ok && typeof answer === 'object' && answer !== null && 'id' in answer)
        return String(answer.id)
      const kind = `${response.status}, retry-after ${response.headers.get('retry-after')}`
      refused.set(kind, (refused.get(kind) ?? 0) + 1)
    } catch {
      // It is down, or does not answer in time, as Svix would find it.
    }
    return null
  }

  async function run(): Promise<void> {
    for (let story = stories[next++]; story !== undefined; story = stories[next++]) {
      for (const event of story) await send(event)
    }
  }

  const done = Promise.all(Array.from({ length: concurrency }, run)).then(() => {})
  return { acknowledged, refused, done }
}

/** So many stories of each kind, mixed: an analysis is two events about one subject. */
export function makeStories(
  counts: { readonly analyses: number; readonly alerts: number; readonly mails: number },
  random: () => number,
): readonly (readonly SignedEvent[])[] {
  const make = (count: number, story: () => SignedEvent[]) => Array.from({ length: count }, story)
  const stories = [
    ...make(counts.analyses, () => {
      const created = newEvent('analysis.created')
      return [created, newEvent('analysis.completed', created.objectId)]
    }),
    ...make(counts.alerts, () => [newEvent('alert.raised')]),
    ...make(counts.mails, () => [newEvent('startup.created')]),
  ]
  return stories
    .map((story) => ({ story, place: random() }))
    .sort((one, other) => one.place - other.place)
    .map(({ story }) => story)
}

export interface StoredDelivery {
  readonly id: string
  readonly event: string
  readonly type: string
  readonly subject: string
  readonly state: string
  readonly ambiguous: number
}

/** All deliveries, read from the database itself. */
export function storedDeliveries(postgres: Postgres, url: string): readonly StoredDelivery[] {
  const ambiguous = `(SELECT count(*) FROM hookbridge.attempts
    WHERE delivery = deliveries.seq AND outcome::json ->> 'kind' = 'ambiguous')`
  const sql = `SELECT json_build_object('id', deliveries.id, 'event', events.id,
      'type', type, 'subject', subject, 'state', state, 'ambiguous', ${ambiguous})
    FROM hookbridge.deliveries JOIN hookbridge.events ON events.seq = event`
  return postgres.query(sql, url).map((line): StoredDelivery => JSON.parse(line))
}

/** What is recorded of the attempts of which nobody knows whether they arrived, by the ids of their deliveries. */
export function ambiguousAttempts(postgres: Postgres, url: string): readonly string[] {
  const sql = `SELECT deliveries.id || ' of ' || coalesce(conversation, 'none') || ': ' || outcome
    FROM hookbridge.attempts JOIN hookbridge.deliveries ON deliveries.seq = delivery
    WHERE outcome::json ->> 'kind' = 'ambiguous'`
  return postgres.query(sql, url)
}

/** Waits until nothing is left to attempt. Not by psql, during which the sinks, which are in this process, would take nothing. */
export async function settled(t: Test, url: string, patienceMs: number): Promise<void> {
  const database = openDatabase(t, url)
  const open = `SELECT (SELECT count(*) FROM deliveries WHERE due_at IS NOT NULL OR state IN ('held', 'sending'))
    + (SELECT count(*) FROM enrichments) AS count`
  let checked = 0
  await until(
    async () => {
      if (Date.now() - checked < 1_000) return false
      checked = Date.now()
      const [row] = await database.query<{ count: number }>(open)
      return row?.count === 0
    },
    'every delivery to end',
    patienceMs,
  )
}

/** Deliveries that arrived more often than their recorded ambiguous attempts explain, or not at all. */
export function unexplainedArrivals(sinks: Sinks, deliveries: readonly StoredDelivery[]): string[] {
  const counts = arrivals(sinks)
  return deliveries.flatMap(({ id, state, ambiguous }) => {
    const arrived = counts.get(id) ?? 0
    return state === 'delivered' && arrived >= 1 && arrived <= 1 + ambiguous
      ? []
      : [`${id}: ${state}, ${arrived} arrived, ${ambiguous} ambiguous`]
  })
}

/** Subjects whose second stage came before the first. */
export function outOfOrder({ slack }: Sinks, deliveries: readonly StoredDelivery[]): string[] {
  const firstAt = new Map<string, number>()
  for (const [index, { metadata }] of slack.messages.entries()) {
    const id = /dlv_\w+/.exec(JSON.stringify(metadata ?? ''))?.[0] ?? ''
    if (!firstAt.has(id)) firstAt.set(id, index)
  }
  const bySubject = Map.groupBy(
    deliveries.filter(({ type }) => type.startsWith('analysis.')),
    ({ subject }) => subject,
  )
  return [...bySubject].flatMap(([subject, both]) => {
    const [created, completed] = ['analysis.created', 'analysis.completed'].map((stage) =>
      firstAt.get(both.find(({ type }) => type === stage)?.id ?? ''),
    )
    return created !== undefined && completed !== undefined && created < completed ? [] : [subject]
  })
}

const WINDOW_MS = 5_000
// A message leaves when its token was taken, and arrives when this machine gets round to it.
const JITTER = 1.3

export function rateHolds(t: Test, { slack }: Sinks, channel: string): void {
  const times = slack.messages.filter((message) => message.channel === channel).map(({ at }) => at)
  times.sort((one, other) => one - other)
  let [most, from] = [0, 0]
  for (const [index, time] of times.entries()) {
    while ((times[from] ?? time) <= time - WINDOW_MS) from += 1
    most = Math.max(most, index - from + 1)
  }
  const allowed = (SLACK_RATE * WINDOW_MS) / 1_000 + SLACK_BURST
  t.ok(most <= allowed * JITTER, `${channel}: at most ${most} in 5 s, allowed are ${allowed}`)
  t.ok(times.length > 0)
}
