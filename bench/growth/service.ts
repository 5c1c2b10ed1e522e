/** Services with a stand-in for Slack and a mail server of their own, and what one event costs them. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type MailServer, startMailServer } from '../../test/support/mail-server.ts'
import { type SlackServer, startSlackServer } from '../../test/support/slack/server.ts'
import { fire, type Shot } from '../load.ts'
import { type Running, startProcess, threadsCpuMs } from '../process.ts'

export interface Lab {
  readonly folder: string
  readonly secret: string
}

/** The parts of a configuration that differ; the sources are `bench` and, for a backlog, `waiting`. */
export interface Variant {
  readonly name: string
  readonly receivers: Readonly<Record<string, unknown>>
  readonly routes: readonly unknown[]
  /** Where the mail goes instead of the mail server. */
  readonly smtp?: string
  readonly delivery?: Readonly<Record<string, unknown>>
  /** Arguments of Node, and variables of the process. */
  readonly node?: readonly string[]
  readonly env?: NodeJS.ProcessEnv
}

export interface Service {
  readonly name: string
  readonly store: string
  readonly config: string
  readonly slack: SlackServer
  readonly mail: MailServer
  readonly process: () => Running
  /** Kills the process and starts another one on the same store. */
  readonly restart: () => Promise<void>
  readonly stop: () => Promise<void>
}

// The log is written, and collected objects are freed, after the last message.
const SETTLE_MS = 150
const CONNECTIONS = 10
const DELIVERED_WITHIN_MS = 120_000

export async function startService(lab: Lab, variant: Variant): Promise<Service> {
  const slack = await startSlackServer()
  const mail = await startMailServer()
  const base = join(lab.folder, variant.name.replaceAll(/\W+/g, '-'))
  const store = `${base}.db`
  writeFileSync(`${base}.yaml`, JSON.stringify(configOf(variant, store, slack.url)))
  const env = { ...environment(lab), BENCH_SMTP: variant.smtp ?? mail.url, ...variant.env }
  const start = () =>
    startProcess([...(variant.node ?? []), 'dist/main.js', 'serve', '--config', `${base}.yaml`], env)
  let running = await start()
  return {
    name: variant.name,
    store,
    config: `${base}.yaml`,
    slack,
    mail,
    process: () => running,
    async restart() {
      process.kill(running.pid, 'SIGKILL')
      running = await start()
    },
    async stop() {
      await running.stop()
      await slack.close()
      await mail.close()
    },
  }
}

/** The variables of the configurations. */
export function environment({ secret }: Lab) {
  return { BENCH_SECRET: secret, BENCH_TOKEN: 'xoxb-bench', BENCH_SMTP: 'smtp://127.0.0.1' }
}

/** The rates are lifted, and nothing is deleted: this measures what an event costs. */
function configOf({ receivers, routes, delivery }: Variant, store: string, slackUrl: string): unknown {
  return {
    server: { port: 0 },
    store: { url: `sqlite:${store}`, retain: '365d' },
    sources: {
      bench: { svix: { secrets: ['${BENCH_SECRET}'] } },
      waiting: { svix: { secrets: ['${BENCH_SECRET}'] } },
    },
    channels: {
      slack: {
        token: '${BENCH_TOKEN}',
        rate: '10000/s',
        burst: 1000,
        concurrency: 100,
        api_url: slackUrl,
      },
      email: { smtp: '${BENCH_SMTP}', from: 'Alerts <alerts@example.com>' },
    },
    ...(delivery && { delivery }),
    receivers,
    routes,
  }
}

/** Everything to one Slack channel. */
export const toOneChannel = {
  receivers: { all: { slack: { channel: '#deal-flow' } } },
  routes: [{ receivers: ['all'] }],
} as const

/** CPU milliseconds that an event costs, from its request to the message in Slack. */
export async function cpuOfEvents({ process, slack }: Service, shots: readonly Shot[]): Promise<number> {
  const { port, pid } = process()
  slack.messages.length = 0
  const before = threadsCpuMs(pid)
  await fire(port, shots, CONNECTIONS)
  await until(() => slack.messages.length >= shots.length)
  await pause(SETTLE_MS)
  return (threadsCpuMs(pid) - before) / shots.length
}

export async function until(isSo: () => boolean): Promise<void> {
  const began = performance.now()
  while (!isSo()) {
    if (performance.now() - began > DELIVERED_WITHIN_MS) throw new Error('not delivered in two minutes')
    await pause(2)
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
