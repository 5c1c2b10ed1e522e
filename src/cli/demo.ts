import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import PostalMime from 'postal-mime'
import { createLog } from '../app/log.ts'
import { type AppOptions, startApp } from '../app.ts'
import { email } from '../channels/email/email.ts'
import { slack } from '../channels/slack/slack.ts'
import { loadConfig } from '../config/load.ts'
import { exampleConfig } from '../config/package.ts'
import { formatProblem } from '../config/problem.ts'
import { ownProperty, parseJson } from '../core/json.ts'
import { Secret } from '../core/secret.ts'
import { type DemoMail, type DemoMailServer, startMailServer } from '../demo/mail.ts'
import { type DemoSlack, type DemoSlackMessage, startSlack } from '../demo/slack.ts'
import { noProxies } from '../network/proxies.ts'
import { sign } from '../sources/svix.ts'
import { openStore } from '../store/open.ts'
import type { Store } from '../store/store.ts'
import { shellWord } from './command-name.ts'
import { listDeliveries } from './history/deliveries.ts'
import { listEvents } from './history/events.ts'
import { CommandError, colour, print, printFramed, type Terminal } from './terminal.ts'

const SECRET = `whsec_${Buffer.from('the demo signs with this secret.').toString('base64')}`
const ID = '0191e29a-1644-7972-9466-18ada4a3636e'
const TOOK_MS = 12 * 60_000
const ARRIVAL_TIMEOUT_MS = 20_000

/** The two events of one analysis, as a sender sends them that says more than an id. */
function eventsAt(now: number) {
  const company = { id: ID, company: 'Acme Robotics', city: 'Berlin', stage: 'Seed' }
  const [created_at, completed_at] = [now - TOOK_MS, now].map((time) => new Date(time).toISOString())
  return [
    { event: 'analysis.created', data: { ...company, created_at } },
    { event: 'analysis.completed', data: { ...company, score: 87, completed_at } },
  ] as const
}

interface Demo {
  readonly log: AppOptions['log']
  readonly slack: DemoSlack
  readonly mail: DemoMailServer
  readonly url: string
  readonly storeUrl: string
  readonly env: Readonly<Record<string, string>>
  stop(): Promise<void>
}

/** `hookbridge demo`: one analysis through the real service, with config.example.yaml, on this machine alone. */
export async function demo(terminal: Terminal, keep: boolean): Promise<void> {
  const running = await startDemo(terminal)
  try {
    const around = `with ${basename(exampleConfig)}, a stand-in for Slack and a mail server.`
    print(terminal, `Hookbridge listens on ${running.url},\n${around}`)
    await show(terminal, running)
    if (keep) await leaveRunning(terminal, running)
    else {
      const again = `${terminal.command} demo --keep`
      print(terminal, `To look around while it runs, run it again with --keep: ${again}`)
    }
  } finally {
    await running.stop()
  }
}

async function startDemo(terminal: Terminal): Promise<Demo> {
  const folder = mkdtempSync(join(tmpdir(), 'hookbridge-demo-'))
  const slack = await startSlack()
  const mail = await startMailServer()
  const storeUrl = `sqlite:${join(folder, 'hookbridge.db')}`
  const env = {
    CUURO_WEBHOOK_SECRET: SECRET,
    SLACK_BOT_TOKEN: 'xoxb-demo',
    SLACK_API_URL: slack.url,
    SMTP_URL: mail.url,
    HOOKBRIDGE_STORE: storeUrl,
    HOOKBRIDGE_PORT: '0',
  }
  const loaded = loadConfig(exampleConfig, env)
  if (!loaded.ok) throw new CommandError(loaded.problems.map(formatProblem).join('\n'))
  const log = await createLog({ format: 'text', level: 'silent', env: terminal.env })
  const app = await startApp({
    compiled: loaded.compiled,
    env,
    proxies: noProxies,
    log,
    print: (text) => print(terminal, text),
  })
  const stop = async () => {
    await app.stop()
    await slack.close()
    await mail.close()
    rmSync(folder, { recursive: true, force: true })
  }
  return { log, slack, mail, url: app.url, storeUrl, env, stop }
}

async function sendEvent(terminal: Terminal, url: string, event: { readonly event: string }): Promise<void> {
  const body = JSON.stringify(event)
  const headers = {
    'content-type': 'application/json',
    ...sign(new Secret(SECRET), `msg_demo_${event.event}`, new Date(), body),
  }
  const response = await fetch(`${url}/webhooks/cuuro`, { method: 'POST', headers, body })
  const answer = await response.text()
  const post = `${colour(terminal, 'green', 'POST')} /webhooks/cuuro ${event.event}`
  print(terminal, `\n${post} -> ${response.status} ${ownProperty(parseJson(answer), 'id') ?? answer}`)
  if (response.status !== 202)
    throw new CommandError(`the service did not take the event: ${response.status} ${answer}`)
}

/** Sends the events one by one, and prints the messages of each as their readers see them. */
async function show(terminal: Terminal, running: Demo): Promise<void> {
  const { slack, mail } = running
  const store = await openStore(running.storeUrl, 'operator')
  try {
    for (const [index, event] of eventsAt(Date.now()).entries()) {
      const [messages, mails] = [slack.messages.length, mail.mails.length]
      await sendEvent(terminal, running.url, event)
      await arrived(store, index + 1)
      for (const message of slack.messages.slice(messages)) printSlack(terminal, message)
      for (const one of mail.mails.slice(mails)) await printMail(terminal, one)
    }
    print(terminal, colour(terminal, 'bold', `\nThe history: ${terminal.command} events`))
    await listEvents(terminal, store, { limit: 10 })
    print(terminal, colour(terminal, 'bold', `\nand: ${terminal.command} deliveries`))
    await listDeliveries(terminal, store, { limit: 10 })
    print(terminal, '')
  } finally {
    await store.close()
  }
}

/** Waits until nothing is left to do for so many events. */
async function arrived(store: Store, count: number): Promise<void> {
  const deadline = Date.now() + ARRIVAL_TIMEOUT_MS
  for (;;) {
    const { items } = await store.deliveries({}, { limit: 100 })
    const events = new Set(items.map(({ eventId }) => eventId))
    if (events.size === count && items.every(({ dueAt }) => dueAt === null)) return
    if (Date.now() > deadline) throw new CommandError('the messages did not arrive in time')
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

const HOW: Readonly<Record<DemoSlackMessage['how'], string>> = {
  message: '',
  edit: ': the same message, edited',
  reply: ': a reply in its thread',
  broadcast: ': a reply in its thread, shown in the channel too',
}

function printSlack(terminal: Terminal, { how, channel, ...message }: DemoSlackMessage): void {
  printFramed(terminal, `Slack ${channel}${HOW[how]}`, slack.toText(message))
}

async function printMail(terminal: Terminal, { to, raw }: DemoMail): Promise<void> {
  const { subject = '', text = '' } = await PostalMime.parse(new Uint8Array(raw))
  const words = email.toText({ subject, text, preheader: '', html: '' })
  printFramed(terminal, `mail to ${to.join(', ')}`, words)
}

async function leaveRunning(terminal: Terminal, running: Demo): Promise<void> {
  const environment = { ...running.env, HOOKBRIDGE_PORT: new URL(running.url).port }
  const exports = Object.entries({ ...environment, HOOKBRIDGE_CONFIG: exampleConfig }).map(
    ([name, value]) => `  export ${name}=${shellWord(value)}`,
  )
  const hookbridge = terminal.command
  print(
    terminal,
    [
      'It keeps running until Ctrl-C, and shows here what comes. In another terminal, in this folder:',
      ...exports,
      `  ${hookbridge} events`,
      `  ${hookbridge} deliveries`,
      `  ${hookbridge} send --type analysis.completed --wait`,
      '',
    ].join('\n'),
  )
  // From here on, what the service logs of each event and each message.
  running.log.level = 'info'
  running.slack.onMessage = (message) => printSlack(terminal, message)
  running.mail.onMail = (mail) => void printMail(terminal, mail)
  await new Promise<void>((resolve) => {
    process.once('SIGINT', resolve)
    process.once('SIGTERM', resolve)
  })
}
