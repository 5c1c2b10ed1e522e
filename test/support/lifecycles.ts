/** A service with a lifecycle and a receiver for each kind of follow-up, a Slack stand-in and a mail server. */
import { randomUUID } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import type { DeliveryRecord } from '../../src/store/store.ts'
import { startTestApp, type TestApp } from './app.ts'
import { hookbridge } from './hookbridge.ts'
import { environment, history, newEvent, post, type SignedEvent, temporaryFolder } from './service.ts'
import { type SlackServer, startSlackServer } from './slack/server.ts'
import type { SlackServerMessage, SlackServerOptions } from './slack/workspace.ts'
import { until } from './until.ts'

export const CREATED = 'analysis.created'
export const COMPLETED = 'analysis.completed'

export interface Lifecycles {
  readonly app: TestApp
  readonly slack: SlackServer
  /** Sends an event about the subject; returns once it is stored. */
  send(type: string, subject: string, more?: object): Promise<SignedEvent>
  /** The same, and waits until none of its deliveries is to be attempted. */
  settle(type: string, subject: string, more?: object): Promise<SignedEvent>
  /** Waits until nothing of the subject is to be attempted; returns all that is left. */
  settled(subject: string): Promise<readonly DeliveryRecord[]>
  deliveries(subject: string): Promise<readonly DeliveryRecord[]>
  /** The channel's messages about the subject. */
  messages(subject: string, channel: string): readonly SlackServerMessage[]
  /** Runs a command beside the service. */
  command(...argv: readonly string[]): Promise<string>
  /** Replaces a text of the configuration, and reloads it. */
  configure(from: string, to: string): Promise<void>
}

const yamlOf = (slackUrl: string, receivers: string, more = '') => `
sources:
  cuuro: { svix: { secrets: ["\${WEBHOOK_SECRET}"] } }
lifecycles:
  analysis: { stages: [analysis.created, analysis.scored, analysis.completed] }
channels:
  slack: { token: "\${SLACK_BOT_TOKEN}", api_url: "${slackUrl}", rate: 1000/s, burst: 100 }
receivers:
${receivers}
templates: templates
routes: [{ receivers: [all], template: plain }]
${more}`

/** Its text says what a test has to find; its blocks are there, so that an edit has to change both. */
const TEMPLATE = `text: "{{ event.type }} of {{ data.id }}{% if lifecycle.elapsed %} after {{ lifecycle.elapsed }}{% endif %}"
blocks: [{ type: section, text: { type: plain_text, text: "{{ event.type }}" } }]
`

/** Messages name the subject, so that each test finds its own among them. */
export async function startLifecycles(
  t: Test,
  receiver: string,
  options: SlackServerOptions & { readonly more?: string; readonly store?: string } = {},
): Promise<Lifecycles> {
  const slack = await startSlackServer(options)
  t.teardown(() => slack.close())
  const yaml = yamlOf(slack.url, `  all:\n    slack: ${receiver}`, options.more)
  const folder = temporaryFolder(t)
  mkdirSync(join(folder, 'templates/plain'), { recursive: true })
  writeFileSync(join(folder, 'templates/plain/slack.yaml'), TEMPLATE)
  const app = await startTestApp(t, yaml, {
    folder,
    ...(options.store !== undefined && { store: options.store }),
  })
  const lifecycles: Lifecycles = {
    app,
    slack,
    async send(type, subject, more = {}) {
      const event = eventOf(type, subject, more)
      const { status } = await post(app.url, event)
      if (status !== 202) throw new Error(`${type} was answered ${status}`)
      return event
    },
    async settle(type, subject, more) {
      const event = await lifecycles.send(type, subject, more)
      await lifecycles.settled(subject)
      return event
    },
    async settled(subject) {
      const open = ['pending', 'held', 'sending', 'retrying', 'ambiguous']
      await until(
        async () => (await lifecycles.deliveries(subject)).every(({ state }) => !open.includes(state)),
        `the end of all deliveries of ${subject}`,
      )
      return lifecycles.deliveries(subject)
    },
    async deliveries(subject) {
      const { events } = await history(app.folder)
      return events
        .filter((event) => event.subject === subject)
        .flatMap(({ deliveries }) => deliveries)
        .toReversed()
    },
    messages: (subject, channel) =>
      slack.messages.filter(
        (message) => message.channel === channel && message.text.includes(` of ${subject}`),
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
  }
  return lifecycles
}

function eventOf(type: string, subject: string, more: object = {}): SignedEvent {
  const body = JSON.stringify({ data: { id: subject, ...more }, event: type })
  return { ...newEvent(type), messageId: `msg_${randomUUID()}`, objectId: subject, body }
}
