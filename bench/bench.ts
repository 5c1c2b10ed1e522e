/**
 * `npm run bench`: what Hookbridge costs, beside a bare Fastify in the same run. Compare ratios, never absolutes:
 * machines differ, and so do runs. `npm run bench -- PART` runs one part: acknowledging, bursts, backlog, pages. The
 * measured process has core 0, the load and the sinks have core 1.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { MailServer } from '../test/support/mail-server.ts'
import type { SlackServer } from '../test/support/slack/server.ts'
import { alertShots, findAlertmanager, startAlertmanager } from './alertmanager.ts'
import { backlog } from './backlog.ts'
import { type Burst, burst, type Conditions, type Contender } from './burst.ts'
import { fire, median, signedShots, type Volley } from './load.ts'
import { pages } from './pages.ts'
import { pin, type Running, startProcess } from './process.ts'

const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 3)
const EVENTS = Number(process.env.BENCH_EVENTS ?? 2_000)
const SECRET = `whsec_${Buffer.from('a secret of the benchmark, 32 b.').toString('base64')}`
const only = process.argv[2]
let stores = 0
const folder = mkdtempSync(join(tmpdir(), 'hookbridge-bench-'))
pin(process.pid, 1)
try {
  if (isWanted('acknowledging')) await acknowledging()
  if (isWanted('bursts')) await bursts()
  if (isWanted('backlog')) await backlog(folder)
  if (isWanted('pages')) await pages(folder)
} finally {
  rmSync(folder, { recursive: true, force: true })
}

function isWanted(part: string): boolean {
  return only === undefined || only === part
}

async function acknowledging(): Promise<void> {
  console.log(`\nAcknowledging, a Cuuro event each; medians of ${ROUNDS} rounds`)
  console.log('connections  server               requests/s  p50 ms  p99 ms  of bare Fastify')
  for (const connections of [1, 10, 50]) {
    const volleys: Record<string, Volley[]> = {
      'bare Fastify': [],
      '+ svix verify': [],
      'Hookbridge, durable': [],
    }
    const shots = connections === 1 ? 4_000 : 20_000
    for (let round = 0; round < ROUNDS; round++) {
      volleys['bare Fastify']?.push(
        await volley(() => startProcess(['bench/baseline.ts', 'bare']), connections, shots),
      )
      volleys['+ svix verify']?.push(
        await volley(() => startProcess(['bench/baseline.ts', 'verify', SECRET]), connections, shots),
      )
      volleys['Hookbridge, durable']?.push(await volley(() => hookbridge(ackConfig()), connections, shots))
    }
    const bare = median(volleys['bare Fastify']?.map(({ rate }) => rate) ?? [])
    for (const [name, rounds] of Object.entries(volleys)) {
      const rate = median(rounds.map((round) => round.rate))
      console.log(
        [
          String(connections).padEnd(11),
          name.padEnd(19),
          rate.toFixed(0).padStart(10),
          median(rounds.map(({ p50 }) => p50))
            .toFixed(2)
            .padStart(6),
          median(rounds.map(({ p99 }) => p99))
            .toFixed(2)
            .padStart(6),
          (rate / bare).toFixed(2).padStart(15),
        ].join('  '),
      )
    }
  }
}

async function volley(start: () => Promise<Running>, connections: number, count: number): Promise<Volley> {
  const server = await start()
  try {
    await fire(server.port, signedShots(2_000, SECRET, 'bench'), connections)
    const result = await fire(server.port, signedShots(count, SECRET, 'bench'), connections)
    const failed = Object.keys(result.statuses).filter((status) => status !== '202')
    if (failed.length > 0) throw new Error(`unexpected answers: ${JSON.stringify(result.statuses)}`)
    return result
  } finally {
    await server.stop()
  }
}

async function bursts(): Promise<void> {
  console.log(
    `\nA burst of ${EVENTS} events, each one Slack message and one mail; medians of ${ROUNDS} rounds.\nThe service has just started, or, warm, has delivered ${3 * EVENTS} before.`,
  )
  console.log(
    'sinks          server        acked/s  delivered/s  end to end p50 / p99 ms  CPU ms  peak MB  idle MB  ready ms',
  )
  const alertmanager = findAlertmanager()
  const contenders: readonly Contender[] = [
    ...(alertmanager === undefined
      ? []
      : [
          {
            name: 'Alertmanager',
            shots: alertShots,
            start: (slack: SlackServer, mail: MailServer) =>
              startAlertmanager(alertmanager, mkdtempSync(join(folder, 'am-')), slack.webhookUrl, mail.url),
          },
        ]),
    {
      name: 'Hookbridge',
      shots: (count) => signedShots(count, SECRET, 'bench'),
      start: (slack, mail) => hookbridge(burstConfig(slack.url), mail.url),
    },
  ]
  const conditions: readonly (Conditions & { name: string })[] = [
    { name: 'at once', events: EVENTS, earlier: 0, delay: 0 },
    { name: 'at once, warm', events: EVENTS, earlier: 3 * EVENTS, delay: 0 },
    { name: '50 ms', events: EVENTS, earlier: 0, delay: 50 },
  ]
  for (const condition of conditions) {
    const rounds = new Map(contenders.map((contender) => [contender, [] as Burst[]]))
    // Side by side, so that what the machine does meanwhile hits both.
    for (let round = 0; round < ROUNDS; round++) {
      for (const [contender, bursts] of rounds) bursts.push(await burst(contender, condition))
    }
    for (const [{ name }, bursts] of rounds) printBursts(name, condition.name, bursts)
  }
  if (alertmanager === undefined)
    console.log('Alertmanager is not installed (Debian: prometheus-alertmanager).')
}

function printBursts(name: string, sinks: string, rounds: readonly Burst[]): void {
  const of = (pick: (burst: Burst) => number, digits = 0) => median(rounds.map(pick)).toFixed(digits)
  console.log(
    [
      sinks.padEnd(13),
      name.padEnd(12),
      of((b) => b.acked).padStart(7),
      of((b) => b.delivered).padStart(11),
      `${of((b) => b.p50)} / ${of((b) => b.p99)}`.padStart(23),
      of((b) => b.cpu, 2).padStart(6),
      of((b) => b.peak).padStart(7),
      of((b) => b.idle).padStart(7),
      of((b) => b.ready).padStart(8),
    ].join('  '),
  )
}

async function hookbridge(config: string, smtpUrl = ''): Promise<Running> {
  const file = join(folder, `config-${stores++}.yaml`)
  writeFileSync(file, config)
  const env = { BENCH_SECRET: SECRET, BENCH_TOKEN: 'xoxb-bench', BENCH_SMTP: smtpUrl }
  return startProcess(['dist/main.js', 'serve', '--config', file], env)
}

function ackConfig(): string {
  return `${common()}
channels: { console: {} }
receivers: { nobody: { console: {} } }
routes:
  - match: { type: never }
    receivers: [nobody]
`
}

/** Slack's own pace of a message a second is lifted: this measures Hookbridge. */
function burstConfig(slackUrl: string): string {
  return `${common()}
channels:
  slack: { token: "\${BENCH_TOKEN}", rate: 10000/s, burst: 1000, concurrency: 100, api_url: "${slackUrl}" }
  email: { smtp: "\${BENCH_SMTP}", from: "Alerts <alerts@example.com>" }
receivers:
  all:
    slack: { channel: "#deal-flow" }
    email: { to: [partners@example.com] }
routes:
  - receivers: [all]
`
}

function common(): string {
  return `
server: { port: 0 }
store: { url: "sqlite:${join(folder, `store-${stores}.db`)}" }
sources:
  bench: { svix: { secrets: ["\${BENCH_SECRET}"] } }
`
}
