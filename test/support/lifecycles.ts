/** A service with a lifecycle, a Slack stand-in, and what its tests ask of them. */
import { randomUUID } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import { openStore } from '../../src/store/open.ts'
import type { DeliveryRecord, Store } from '../../src/store/store.ts'
import { startTestApp, type TestApp } from './app.ts'
import { hookbridge } from './hookbridge.ts'
import { environment, newEvent, post, type SignedEvent, temporaryFolder } from './service.ts'
import { type SlackServer, startSlackServer } from './slack/server.ts'
import type { SlackServerMessage, SlackServerOptions } from './slack/workspace.ts'
import { until } from './until.ts'

export const CREATED = 'analysis.created'
export const SCORED = 'analysis.scored'
export const COMPLETED = 'analysis.completed'

export interface Lifecycles {
  readonly app: TestApp
  readonly slack: SlackServer
  /** Sends an event about the subject, or about none; returns once it is stored. */
  send(type: string, subject: string | null, more?: object): Promise<SignedEvent>
  /** The same, and waits until none of its deliveries is to be attempted. */
  settle(type: string, subject: string, more?: object): Promise<SignedEvent>
  /** Waits until nothing of the subject is to be attempted; returns all there is, oldest first. */
  settled(subject: string): Promise<readonly DeliveryRecord[]>
  deliveries(subject: string): Promise<readonly DeliveryRecord[]>
  /** The channel's messages about the subject. */
  messages(subject: string, channel: string): readonly SlackServerMessage[]
  /** Runs a command beside the service. */
  command(...argv: readonly string[]): Promise<string>
  /** Replaces a text of the configuration, and reloads it. */
  configure(from: string, to: string): Promise<void>
  /** Stops the service and starts it again with the same files. */
  restart(): Promise<Lifecycles>
}

interface Wanted extends SlackServerOptions {
  /** Further receivers, and whom events go to: `all` is the receiver with the one destination. */
  readonly receivers?: string
  readonly to?: string
  readonly key?: string
  /** Further channels. */
  readonly moreChannels?: string
  /** Of the route. */
  readonly match?: string
}

/** Its text says what a test has to find; its blocks are there, so that an edit has to change both. */
const TEMPLATE = `text: "{{ event.type }} of {{ data.id }}{% if lifecycle.elapsed %} after {{ lifecycle.elapsed }}{% endif %}"
blocks: [{ type: section, text: { type: plain_text, text: "{{ event.type }} took {{ lifecycle.elapsed }}" } }]
`

export async function startLifecycles(
  t: Test,
  slackReceiver: string,
  wanted: Wanted = {},
): Promise<Lifecycles> {
  const { receivers = '', to = '[all]', key, match, moreChannels = '' } = wanted
  const slack = await startSlackServer(wanted)
  t.teardown(() => slack.close())
  const folder = temporaryFolder(t)
  mkdirSync(join(folder, 'templates/plain'), { recursive: true })
  writeFileSync(join(folder, 'templates/plain/slack.yaml'), TEMPLATE)
  const yaml = `
sources:
  cuuro: { svix: { secrets: ["\${WEBHOOK_SECRET}"] } }
lifecycles:
  analysis: { stages: [${CREATED}, ${SCORED}, ${COMPLETED}]${key === undefined ? '' : `, key: ${key}`} }
channels:
  slack: { token: "\${SLACK_BOT_TOKEN}", api_url: "${slack.url}", rate: 1000/s, burst: 100 }
${moreChannels}receivers:
  all: { slack: ${slackReceiver.replace('WEBHOOK_URL', slack.webhookUrl)} }
${receivers}templates: templates
routes: [{ receivers: ${to}, template: plain${match === undefined ? '' : `, match: ${match}`} }]
`
  const start = async () => {
    const app = await startTestApp(t, yaml, { folder })
    const store = await openStore(`sqlite:${join(folder, 'store.db')}`, 'operator')
    t.teardown(() => store.close())
    return around(app, store, slack, start)
  }
  return start()
}

const OPEN = ['pending', 'held', 'sending', 'retrying', 'ambiguous']

function around(
  app: TestApp,
  store: Store,
  slack: SlackServer,
  start: () => Promise<Lifecycles>,
): Lifecycles {
  const deliveries = async (subject: string) => {
    const { items } = await store.deliveries({ subject }, { limit: 1_000 })
    const records = await Promise.all(items.map(({ id }) => store.delivery(id)))
    return records.filter((record) => record !== null).toReversed()
  }
  const settled = async (subject: string) => {
    const isOver = async () => (await deliveries(subject)).every(({ state }) => !OPEN.includes(state))
    await until(isOver, `the end of all deliveries of ${subject}`)
    return deliveries(subject)
  }
  const send = async (type: string, subject: string | null, more = {}) => {
    const event = eventOf(type, subject, more)
    const { status } = await post(app.url, event)
    if (status !== 202) throw new Error(`${type} was answered ${status}`)
    return event
  }
  return {
    app,
    slack,
    deliveries,
    settled,
    send,
    async settle(type, subject, more) {
      const event = await send(type, subject, more)
      await settled(subject)
      return event
    },
    messages: (subject, channel) =>
      slack.messages.filter(
        (message) => message.channel === channel && `${message.text} `.includes(` of ${subject} `),
      ),
    async command(...argv) {
      const { out, err, code } = await hookbridge([...argv, '--config', app.config], { env: environment })
      if (code !== 0) throw new Error(`${argv.join(' ')} ended with ${code}: ${err}`)
      return out
    },
    async configure(from, to) {
      const before = readFileSync(app.config, 'utf8')
      if (!before.includes(from)) throw new Error(`the configuration has no ${from}`)
      writeFileSync(app.config, before.replace(from, to))
      const answer = await app.reload('program')
      if (!answer.ok) throw new Error(JSON.stringify(answer))
    },
    async restart() {
      await store.close()
      await app.stop()
      return start()
    },
  }
}

function eventOf(type: string, subject: string | null, more: object): SignedEvent {
  const data = { ...(subject !== null && { id: subject }), ...more }
  const body = JSON.stringify({ data, event: type })
  return { ...newEvent(type), messageId: `msg_${randomUUID()}`, objectId: subject ?? '', body }
}
