/** Runs the real service as a child process, as systemd would, and speaks to it as a sender would. */
import { type ChildProcess, spawn } from 'node:child_process'
import { createHmac, randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { fileURLToPath } from 'node:url'
import { openStore } from '../../src/store/open.ts'
import type { DeliveryRecord, EventRecord, Store } from '../../src/store/store.ts'
import { until } from './until.ts'

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url))

export const secret = `whsec_${Buffer.from('a secret that only tests know...').toString('base64')}`

export interface Exit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

export interface Service {
  readonly url: string
  readonly pid: number
  /** Everything written to stdout and stderr so far. */
  output(): string
  /** Sends the signal and waits for the end. */
  end(signal: NodeJS.Signals): Promise<Exit>
}

/** A folder that goes with the test. */
export function temporaryFolder(t: { teardown(action: () => void): unknown }): string {
  const folder = mkdtempSync(join(tmpdir(), 'hookbridge-test-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

export interface ConfigOptions {
  readonly folder: string
  readonly slackUrl: string
  readonly smtpUrl: string
  readonly extra?: string
  readonly storeFolder?: string
}

/** A configuration in which every analysis goes to one Slack channel and one mailbox, without Slack's pace. */
export function writeConfig({
  folder,
  slackUrl,
  smtpUrl,
  extra = '',
  storeFolder = folder,
}: ConfigOptions): string {
  const file = join(folder, 'config.yaml')
  writeFileSync(
    file,
    `
server: { port: 0 }
store: { url: "sqlite:${join(storeFolder, 'store.db')}" }
sources:
  cuuro: { svix: { secrets: ["\${WEBHOOK_SECRET}"] } }
channels:
  slack: { token: "\${SLACK_BOT_TOKEN}", rate: 100000/s, burst: 1000, api_url: "${slackUrl}" }
  email: { smtp: "${smtpUrl}", from: "Alerts <alerts@example.com>" }
receivers:
  deal-flow:
    slack: { channel: "#deal-flow" }
    email: { to: [partners@example.com] }
routes:
  - match: { type: "analysis.*" }
    receivers: [deal-flow]
${extra}`,
  )
  return file
}

/** Only a test that fails waits that long: a start takes a second of CPU, and the machine may have other work. */
const START_PATIENCE_MS = 300_000

export const environment = { WEBHOOK_SECRET: secret, SLACK_BOT_TOKEN: 'xoxb-only-tests-know-this-token' }

export interface Given {
  /** A file descriptor that it gets as systemd passes on a socket. */
  readonly socket?: number
  /** How many files it may open. */
  readonly files?: number
}

export async function startService(
  config: string,
  env: NodeJS.ProcessEnv = environment,
  { socket, files }: Given = {},
): Promise<Service> {
  const serve = [process.execPath, main, 'serve', '--config', config]
  // Only the process itself knows its number before it starts.
  const heir = socket === undefined ? [] : ['export LISTEN_PID=$$']
  const limit = files === undefined ? [] : [`ulimit -n ${files}`]
  const script = [...limit, ...heir, 'exec "$@"'].join('; ')
  const child = spawn('/bin/sh', ['-c', script, 'sh', ...serve], {
    env: { ...process.env, NODE_V8_COVERAGE: '', NODE_OPTIONS: '', LISTEN_FDS: '1', ...env },
    stdio: ['ignore', 'pipe', 'pipe', ...(socket === undefined ? [] : [socket])],
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk) => {
      output += chunk
    })
  }
  const exit = exitOf(child)
  let url: string | undefined
  try {
    await until(
      () => {
        if (child.exitCode !== null) throw new Error(`the service ended with ${child.exitCode}:\n${output}`)
        url = /"url":"(http:[^"]+)"/.exec(output)?.[1]
        return url !== undefined
      },
      'the service to listen',
      START_PATIENCE_MS,
    )
  } catch (error) {
    child.kill('SIGKILL')
    throw error
  }
  return {
    url: url ?? '',
    pid: child.pid ?? 0,
    output: () => output,
    end: async (signal) => {
      child.kill(signal)
      return exit
    },
  }
}

function exitOf(child: ChildProcess): Promise<Exit> {
  return new Promise((resolve) => child.once('close', (code, signal) => resolve({ code, signal })))
}

export interface SignedEvent {
  readonly messageId: string
  readonly objectId: string
  readonly body: string
}

export function newEvent(type = 'analysis.completed', objectId: string = randomUUID()): SignedEvent {
  return {
    messageId: `msg_${randomUUID()}`,
    objectId,
    body: JSON.stringify({ data: { id: objectId }, event: type }),
  }
}

/** Signs with node:crypto, so that the tests do not trust the code they test. */
export function signedHeaders(
  messageId: string,
  body: string | Buffer,
  key = secret,
  at = Date.now(),
): Record<string, string> {
  const timestamp = Math.floor(at / 1000)
  const signature = createHmac('sha256', Buffer.from(key.slice('whsec_'.length), 'base64'))
    .update(`${messageId}.${timestamp}.`)
    .update(body)
    .digest('base64')
  return {
    'content-type': 'application/json',
    'svix-id': messageId,
    'svix-timestamp': String(timestamp),
    'svix-signature': `v1,${signature}`,
  }
}

export function post(
  url: string,
  event: SignedEvent,
  source = 'cuuro',
  signal: AbortSignal | null = null,
): Promise<Response> {
  const headers = signedHeaders(event.messageId, event.body)
  return fetch(`${url}/webhooks/${source}`, { method: 'POST', headers, body: event.body, signal })
}

export interface EventHistory extends EventRecord {
  /** Of all its plans. */
  readonly deliveries: readonly DeliveryRecord[]
}

/** What the store of a configuration made by writeConfig holds, read as the command line reads it. */
export async function history(
  storeFolder: string,
): Promise<{ readonly events: readonly EventHistory[]; readonly deliveries: readonly DeliveryRecord[] }> {
  const store: Store = await openStore(`sqlite:${join(storeFolder, 'store.db')}`, 'operator')
  try {
    const { items } = await store.events({}, { limit: 1_000_000 })
    const records = await Promise.all(items.map(({ id }) => store.event(id)))
    const events = records
      .filter((record) => record !== null)
      .map((record) => ({ ...record, deliveries: record.plans.flatMap(({ deliveries }) => deliveries) }))
    const deliveries = events.flatMap((event) => event.deliveries)
    return { events, deliveries: deliveries.toSorted((one, other) => other.createdAt - one.createdAt) }
  } finally {
    await store.close()
  }
}

/** Makes all that the store of writeConfig holds so many milliseconds older. */
export function ageEvents(storeFolder: string, ms: number): void {
  const database = new DatabaseSync(join(storeFolder, 'store.db'), { timeout: 5_000 })
  for (const [table, column] of [
    ['events', 'received_at'],
    ['plans', 'at'],
    ['deliveries', 'retrying_since'],
  ]) {
    database.prepare(`UPDATE ${table} SET ${column} = ${column} - ?`).run(ms)
  }
  database.close()
}
