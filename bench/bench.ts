/**
 * `npm run bench`: what Hookbridge costs, beside a bare Fastify in the same run. Compare ratios, never absolutes:
 * machines differ, and so do runs. `npm run bench -- PART` runs one part: cpu, acknowledging, bursts, deliver, enrichment, postgres,
 * backlog, pages, move, growth. The measured process has core 0, the load and the sinks have core 1.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { MailServer } from '../test/support/mail-server.ts'
import type { SlackServer } from '../test/support/slack/server.ts'
import { alertShots, findAlertmanager, startAlertmanager } from './alertmanager.ts'
import { backlog } from './backlog.ts'
import { type Burst, burst, type Contender, conditionsNamed, deliveredOf, otherBuild, PACE } from './burst.ts'
import { cpu } from './cpu.ts'
import { deliver } from './deliver.ts'
import { enrichment } from './enrichment.ts'
import { growth } from './growth.ts'
import { fire, median, named, signedShots, type Volley } from './load.ts'
import { move } from './move.ts'
import { pages } from './pages.ts'
import { postgres } from './postgres.ts'
import { pin, type Running, startProcess } from './process.ts'

const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 3)
const EVENTS = Number(process.env.BENCH_EVENTS ?? 2_000)
const SECRET = `whsec_${Buffer.from('a secret of the benchmark, 32 b.').toString('base64')}`
const [only, ...parameters] = process.argv.slice(2)
let stores = 0
const folder = mkdtempSync(join(tmpdir(), 'hookbridge-bench-'))
const removeFolder = () => rmSync(folder, { recursive: true, force: true })
// One that is stopped ends its services too, at `exit`.
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    removeFolder()
    process.exit(1)
  })
}
pin(process.pid, 1)
try {
  if (isWanted('cpu')) await cpu(ROUNDS, SECRET, () => hookbridge(ackConfig()))
  if (isWanted('acknowledging')) await acknowledging()
  if (isWanted('bursts')) await bursts()
  if (isWanted('deliver')) await deliver(ROUNDS, contenders())
  if (isWanted('enrichment')) {
    await enrichment({
      rounds: ROUNDS,
      events: EVENTS,
      shots: (count) => signedShots(count, SECRET, 'bench', named),
      start: (slack, mail, more) => hookbridge(`${burstConfig(slack.url)}${more}`, mail.url),
    })
  }
  if (isWanted('postgres')) {
    await postgres({
      rounds: ROUNDS,
      events: EVENTS,
      shots: (count) => signedShots(count, SECRET, 'bench', named),
      others: contenders().slice(0, -1),
      conditions: conditionsNamed(parameters, EVENTS),
      isAcknowledging: parameters.length === 0,
      verify: () => startProcess(['bench/baseline.ts', 'verify', SECRET]),
      acknowledge: (store) => hookbridge(ackConfig(store)),
      start: (slack, mail, store) => hookbridge(burstConfig(slack.url, store), mail.url),
    })
  }
  if (isWanted('backlog')) await backlog(folder)
  if (isWanted('pages')) await pages(folder)
  if (isWanted('move')) await move(folder, ...parameters.map(Number))
  if (isWanted('growth')) await growth({ folder, secret: SECRET }, ROUNDS, parameters)
} finally {
  removeFolder()
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
    `\nEvents, each one Slack message and one mail; medians of ${ROUNDS} rounds. Bursts of ${EVENTS} at 10 connections, just started, cold; of\n${5 * EVENTS} at 50, after ${EVENTS}, warm; of ${EVENTS} at 10 to receivers that take 50 ms, slow; ${PACE} a second after ${EVENTS}, for ten seconds, paced.`,
  )
  console.log(
    'conditions     server        acked/s  delivered/s (range)  end to end p50 / p99 ms  CPU ms  peak MB  idle MB  ready ms',
  )
  const all = contenders()
  const compared = [...all, ...all.slice(-1).flatMap(otherBuild)]
  for (const condition of conditionsNamed(parameters, EVENTS)) {
    const rounds = new Map(compared.map((contender) => [contender, [] as Burst[]]))
    // Side by side, so that what the machine does meanwhile hits both.
    for (let round = 0; round < ROUNDS; round++) {
      for (const [contender, bursts] of rounds) bursts.push(await burst(contender, condition))
    }
    for (const [{ name }, bursts] of rounds) printBursts(name, condition.name, bursts)
  }
  if (all.length === 1) console.log('Alertmanager is not installed (Debian: prometheus-alertmanager).')
}

/** Alertmanager, where it is installed, and this. */
function contenders(): readonly Contender[] {
  const alertmanager = findAlertmanager()
  return [
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
      shots: (count) => signedShots(count, SECRET, 'bench', named),
      start: (slack, mail) => hookbridge(burstConfig(slack.url), mail.url),
    },
  ]
}

function printBursts(name: string, sinks: string, rounds: readonly Burst[]): void {
  const of = (pick: (burst: Burst) => number, digits = 0) => median(rounds.map(pick)).toFixed(digits)
  console.log(
    [
      sinks.padEnd(13),
      name.slice(-12).padEnd(12),
      of((b) => b.acked).padStart(7),
      deliveredOf(rounds).padStart(19),
      `${of((b) => b.p50, 1)} / ${of((b) => b.p99, 1)}`.padStart(23),
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

function ackConfig(store?: string): string {
  return `${common(store)}
channels: { console: {} }
receivers: { nobody: { console: {} } }
routes:
  - match: { type: never }
    receivers: [nobody]
`
}

/** Slack's own pace of a message a second is lifted: this measures Hookbridge. */
function burstConfig(slackUrl: string, store?: string): string {
  return `${common(store)}
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

function common(store = `sqlite:${join(folder, `store-${stores}.db`)}`): string {
  return `
server: { port: 0 }
store: { url: "${store}" }
sources:
  bench: { svix: { secrets: ["\${BENCH_SECRET}"] } }
`
}
