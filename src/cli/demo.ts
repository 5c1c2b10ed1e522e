import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join, relative } from 'node:path'
import PostalMime from 'postal-mime'
import { createLog } from '../app/log/log.ts'
import { type AppOptions, startApp } from '../app.ts'
import { email } from '../channels/email/email.ts'
import { slack } from '../channels/slack/slack.ts'
import { loadConfig } from '../config/load.ts'
import { demoConfig } from '../config/package.ts'
import { formatProblem } from '../config/problem.ts'
import { ownProperty, parseJson } from '../core/json/json.ts'
import { Secret } from '../core/secret.ts'
import { type DemoAnswer, type DemoApi, startApi } from '../demo/api.ts'
import { type DemoMail, type DemoMailServer, startMailServer } from '../demo/mail.ts'
import { type DemoSlack, type DemoSlackMessage, startSlack } from '../demo/slack.ts'
import { noProxies } from '../network/proxies.ts'
import { sign } from '../sources/svix.ts'
import { openStore } from '../store/open.ts'
import type { Store } from '../store/store.ts'
import { shellWord } from './command-name.ts'
import type { Define } from './context.ts'
import { listDeliveries } from './history/deliveries.ts'
import { listEvents } from './history/events.ts'
import { CommandError, colour, print, printFramed, type Terminal, wrap } from './terminal/terminal.ts'

const SECRET = `whsec_${Buffer.from('the demo signs with this secret.').toString('base64')}`
const ID = '0191e29a-1644-7972-9466-18ada4a3636e'
const TOOK_MS = 12 * 60_000
const ARRIVAL_TIMEOUT_MS = 20_000
// Lists have the usual width of a terminal, even if the output goes to a file.
const COLUMNS = 80
const INDENT = '  '

/** The two events of one analysis, as Cuuro sends them: with only an id. */
const EVENTS = ['analysis.created', 'analysis.completed'].map((event) => ({ event, data: { id: ID } }))

interface Demo {
  readonly log: AppOptions['log']
  readonly slack: DemoSlack
  readonly mail: DemoMailServer
  readonly api: DemoApi
  /** From now on, the API says that the analysis has ended. */
  endAnalysis(): void
  readonly url: string
  readonly storeUrl: string
  readonly env: Readonly<Record<string, string>>
  stop(): Promise<void>
}

export const defineDemo: Define = (command, { terminal }) => {
  command
    .option('--keep', 'keep the service running')
    .action((options: { keep?: boolean }) => demo(terminal, options.keep === true))
}

/** Sends one analysis through the real service, with config.demo.yaml, on this machine only. */
async function demo(terminal: Terminal, keep: boolean): Promise<void> {
  const running = await startDemo(terminal)
  try {
    print(
      terminal,
      `Hookbridge listens on ${running.url}, with ${basename(demoConfig)}.\n` +
        'It sends to a stand-in for Slack and to a local mail server, and fetches what\n' +
        'the events leave out from an API with made-up data.',
    )
    await show(terminal, running)
    printConfig(terminal)
    if (keep) await leaveRunning(terminal, running)
    else {
      print(terminal, `To leave it running, and look around: ${terminal.command} demo --keep`)
    }
  } finally {
    await running.stop()
  }
}

async function startDemo(terminal: Terminal): Promise<Demo> {
  const folder = mkdtempSync(join(tmpdir(), 'hookbridge-demo-'))
  const slack = await startSlack()
  const mail = await startMailServer()
  const now = Date.now()
  let hasEnded = false
  // Other analyses, from events that somebody sends while the demo runs, have ended.
  const api = await startApi((id) => ({
    created_at: new Date(now - TOOK_MS).toISOString(),
    completed_at: hasEnded || id !== ID ? new Date(now).toISOString() : null,
  }))
  const storeUrl = `sqlite:${join(folder, 'hookbridge.db')}`
  const env = {
    CUURO_WEBHOOK_SECRET: SECRET,
    SLACK_BOT_TOKEN: 'xoxb-demo',
    SLACK_API_URL: slack.url,
    SMTP_URL: mail.url,
    ANALYSIS_API_URL: api.url,
    ANALYSIS_API_KEY: api.key,
    HOOKBRIDGE_STORE: storeUrl,
    HOOKBRIDGE_PORT: '0',
  }
  const loaded = loadConfig(demoConfig, env)
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
    await api.close()
    rmSync(folder, { recursive: true, force: true })
  }
  const endAnalysis = () => {
    hasEnded = true
  }
  return { log, slack, mail, api, endAnalysis, url: app.url, storeUrl, env, stop }
}

type CuuroEvent = (typeof EVENTS)[number]

async function sendEvent(terminal: Terminal, url: string, event: CuuroEvent): Promise<void> {
  const body = JSON.stringify(event)
  const headers = {
    'content-type': 'application/json',
    ...sign(new Secret(SECRET), `msg_demo_${event.event}`, new Date(), body),
  }
  const response = await fetch(`${url}/webhooks/cuuro`, { method: 'POST', headers, body })
  const answer = await response.text()
  const id = ownProperty(parseJson(answer), 'id')
  print(
    terminal,
    `\n${colour(terminal, 'green', 'POST')} /webhooks/cuuro -> ${response.status} ${id ?? answer}`,
  )
  printBody(terminal, event)
  if (response.status !== 202)
    throw new CommandError(`the service did not take the event: ${response.status} ${answer}`)
}

function printAnswer(terminal: Terminal, { path, status, body }: DemoAnswer): void {
  print(terminal, `${colour(terminal, 'green', 'GET')} ${path} from the API -> ${status}`)
  printBody(terminal, body)
}

/** On as few lines as necessary, each broken after a comma. */
function printBody(terminal: Terminal, body: object): void {
  const oneLine = JSON.stringify(body, null, 1).replace(/\n */g, ' ')
  const unbroken = oneLine.replace(/(?<!,) /g, '\u00a0')
  for (const line of wrap(unbroken, COLUMNS - INDENT.length))
    print(terminal, `${INDENT}${line.replaceAll('\u00a0', ' ')}`)
}

/** Sends the events one by one, and prints the messages of each as their readers see them. */
async function show(terminal: Terminal, running: Demo): Promise<void> {
  const { slack, mail, api } = running
  const store = await openStore(running.storeUrl, 'operator')
  try {
    for (const [index, event] of EVENTS.entries()) {
      const [answers, messages, mails] = [api.answers.length, slack.messages.length, mail.mails.length]
      if (index > 0) running.endAnalysis()
      await sendEvent(terminal, running.url, event)
      await arrived(store, index + 1)
      for (const answer of api.answers.slice(answers)) printAnswer(terminal, answer)
      for (const message of slack.messages.slice(messages)) printSlack(terminal, message)
      for (const one of mail.mails.slice(mails)) await printMail(terminal, one)
    }
    const narrow = { ...terminal, listColumns: COLUMNS }
    print(terminal, colour(terminal, 'bold', '\nThe history, as "hookbridge events" lists it:'))
    await listEvents(narrow, store, { limit: 10 })
    print(terminal, colour(terminal, 'bold', '\nand "hookbridge deliveries":'))
    await listDeliveries(narrow, store, { limit: 10 })
  } finally {
    await store.close()
  }
}

/** Waits until this many events are finished. */
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

/** The step that fetched the company and the score, for the reader to copy. */
function printConfig(terminal: Terminal): void {
  const [steps = ''] = /^enrich:\n(?: .*\n)+/m.exec(readFileSync(demoConfig, 'utf8')) ?? []
  print(terminal, `\nThe company and the score were fetched by this part of ${basename(demoConfig)}:\n`)
  for (const line of steps.trimEnd().split('\n')) print(terminal, `${INDENT}${line}`)
  const beside = relative(terminal.cwd, demoConfig)
  print(terminal, `\nThe whole configuration: ${beside.startsWith('..') ? demoConfig : beside}`)
}

async function leaveRunning(terminal: Terminal, running: Demo): Promise<void> {
  const environment = { ...running.env, HOOKBRIDGE_PORT: new URL(running.url).port }
  const exports = Object.entries({ ...environment, HOOKBRIDGE_CONFIG: demoConfig }).map(
    ([name, value]) => `  export ${name}=${shellWord(value)}`,
  )
  const hookbridge = terminal.command
  print(
    terminal,
    [
      '\nIt keeps running until Ctrl-C, and shows here what comes. In another terminal,\nin this folder:',
      ...exports,
      `  ${hookbridge} check`,
      `  ${hookbridge} doctor`,
      `  ${hookbridge} events`,
      `  ${hookbridge} deliveries`,
      `  ${hookbridge} send --type analysis.completed --wait`,
      '',
    ].join('\n'),
  )
  // From now on, print what the service logs about each event and each message.
  running.log.level = 'info'
  running.slack.onMessage = (message) => printSlack(terminal, message)
  running.mail.onMail = (mail) => void printMail(terminal, mail)
  await new Promise<void>((resolve) => {
    process.once('SIGINT', resolve)
    process.once('SIGTERM', resolve)
  })
}
