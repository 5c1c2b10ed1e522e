/** The events of a run by their number, and where each goes by each version of the configuration. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { SignedEvent } from '../support/service.ts'

// So many that the messages of two minutes in one can be looked through: at most 500.
const CHANNELS = 100
const MAILBOXES = 10
const CONVERSATIONS = 20
// Of twenty events, these are mails; the last two are a conversation; the others go to channels of Slack.
const A_ROUND = 20
const FIRST_MAIL = 15
const CREATED = A_ROUND - 2
const COMPLETED = A_ROUND - 1
/** Routes change with the version: the messages of a type go to one of as many channels in turn. */
const VARIANTS = 3

export const AMBIGUOUS_RESENDS = 2

/** Every channel of Slack that a message may go to. */
export const channels: readonly string[] = [
  ...Array.from({ length: CHANNELS }, (_, index) => `#chat-${index}`),
  ...Array.from({ length: CONVERSATIONS }, (_, index) => `#stories-${index}`),
]

/** Every address that a message may go to. */
export const targets: readonly string[] = [
  ...channels,
  ...Array.from({ length: MAILBOXES }, (_, index) => mailboxOf(index)),
]

/** Channels that are in trouble at the same time have the same region. */
export const regionOf = (channel: string) => channel.replace(/^#(\w+)-\d*(\d)$/, '$1 $2')

export const messageIdOf = (n: number) => `msg_torture_${n}`

export const numberOf = (messageId: string) =>
  Number(/^msg_torture_(\d+)$/.exec(messageId)?.[1] ?? Number.NaN)

/** The number of the event that this one follows in its conversation; null for most. */
export const followed = (n: number) => (n % A_ROUND === COMPLETED ? n - 1 : null)

export const isFollowed = (n: number) => n % A_ROUND === CREATED

export function eventOf(n: number): SignedEvent {
  const objectId = `subject-${followed(n) ?? n}`
  const data = {
    id: objectId,
    n,
    name: `Company ${n}`,
    note: 'What a payload has beside its ids. '.repeat(8),
  }
  return { messageId: messageIdOf(n), objectId, body: JSON.stringify({ event: typeOf(n), data }) }
}

function typeOf(n: number): string {
  const place = n % A_ROUND
  const round = Math.floor(n / A_ROUND)
  if (place >= CREATED) return `story${round % CONVERSATIONS}.${place === CREATED ? 'created' : 'completed'}`
  return place >= FIRST_MAIL
    ? `mail.${(round * 3 + place) % MAILBOXES}`
    : `chat.${(round * FIRST_MAIL + place) % CHANNELS}`
}

/** Where an event goes by a good version. */
export function targetsOf(n: number, version: number): readonly string[] {
  const [kind = '', number = ''] = typeOf(n).split(/[.]/)
  if (kind === 'chat') return [chatOf(Number(number), version)]
  if (kind === 'mail') return mailsOf(Number(number), version)
  return [`#stories-${kind.slice('story'.length)}`]
}

const chatOf = (number: number, version: number) => `#chat-${(number + (version % VARIANTS)) % CHANNELS}`

/** By every third version, mails go to a channel as well. */
function mailsOf(number: number, version: number): readonly string[] {
  const mailbox = mailboxOf(number)
  return version % VARIANTS === 2 ? [mailbox, chatOf(number, version)] : [mailbox]
}

function mailboxOf(number: number): string {
  return `box-${number}@example.com`
}

export interface Places {
  readonly folder: string
  readonly storeFolder: string
  readonly port: number
  readonly slackUrl: string
  readonly smtpUrl: string
}

/** The text of a good version. */
export function configOf({ folder, storeFolder, port, slackUrl, smtpUrl }: Places, version: number): string {
  const range = (count: number, line: (index: number) => string) =>
    Array.from({ length: count }, (_, index) => line(index)).join('\n')
  const chats = range(CHANNELS, (n) => `  chat-${n}: { slack: { channel: "#chat-${n}" } }`)
  const boxes = range(MAILBOXES, (n) => `  box-${n}: { email: { to: [${mailboxOf(n)}] } }`)
  const stories = range(
    CONVERSATIONS,
    (n) => `  stories-${n}: { slack: { channel: "#stories-${n}", follow_up: reply } }`,
  )
  const lifecycles = range(
    CONVERSATIONS,
    (n) => `  story${n}: { stages: [story${n}.created, story${n}.completed] }`,
  )
  const receiverOf = (target: string) => target.replace(/^#|@.*$/g, '')
  const route = (type: string, targets: readonly string[]) =>
    `  - { match: { type: "${type}" }, receivers: [${targets.map(receiverOf).join(', ')}] }`
  return `# version ${version}
server: { port: ${port} }
store: { url: "sqlite:${join(storeFolder, 'store.db')}" }
sources: { cuuro: { svix: { secrets: ["\${WEBHOOK_SECRET}"] } } }
templates: ${join(folder, 'templates')}
lifecycles:
${lifecycles}
channels:
  slack: { token: "\${SLACK_BOT_TOKEN}", rate: 100000/s, burst: 1000, api_url: "${slackUrl}" }
  email: { smtp: "${smtpUrl}", from: "Alerts <alerts@example.com>" }
receivers:
${chats}
${boxes}
${stories}
routes:
${range(CHANNELS, (n) => route(`chat.${n}`, [chatOf(n, version)]))}
${range(MAILBOXES, (n) => route(`mail.${n}`, mailsOf(n, version)))}
${range(CONVERSATIONS, (n) => route(`story${n}.*`, [`#stories-${n}`]))}
delivery: { timeout: 2s, ambiguous_resends: ${AMBIGUOUS_RESENDS} }
`
}

const breakings: readonly ((good: string) => string)[] = [
  (good) => `${good}  - [`,
  (good) => good.slice(0, -60),
  (good) => good.replace('"${SLACK_BOT', '"${UNSET_SLACK_BOT'),
  (good) => good.replace('receivers: [chat-1]', 'receivers: [nobody]'),
  (good) => good.replace('delivery:', 'delivry:'),
  () => '',
]

/** A text that must be refused, in one of several ways. */
export function brokenConfigOf(places: Places, version: number, way: number): string {
  return breakings[way % breakings.length]?.(configOf(places, version)) ?? ''
}

/** Every message begins with the number of its event. */
export function writeTemplates(folder: string): void {
  writeFileSync(
    join(folder, 'slack.yaml'),
    'text: "n={{ data.n }} {{ event.type }}"\nblocks:\n  - { type: section, text: { type: mrkdwn, text: "*{{ data.name }}*: {{ data.note }}" } }\n',
  )
  writeFileSync(
    join(folder, 'email.md'),
    '---\nsubject: "n={{ data.n }} {{ event.type }}"\n---\n# {{ data.name }}\n\n{{ data.note }}\n',
  )
}
