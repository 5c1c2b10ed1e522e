/**
 * `npm run bench`: what Hookbridge costs, beside a bare Fastify in the same run. Compare ratios, never absolutes:
 * machines differ, and so do runs. `npm run bench -- bursts` (or acknowledging) runs a part. The measured process has core 0, the load and the sinks have core 1.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startMailServer } from '../src/demo/mail-server.ts'
import { startSlackServer } from '../src/demo/slack-server.ts'
import { fire, median, quantile, type Shot, signedShots, type Volley } from './load.ts'
import { cpuMs, memory, pin, type Running, startProcess } from './process.ts'

const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 3)
const EVENTS = Number(process.env.BENCH_EVENTS ?? 2_000)
const SECRET = `whsec_${Buffer.from('a secret of the benchmark, 32 b.').toString('base64')}`
const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}/
const only = process.argv[2]
let stores = 0
const folder = mkdtempSync(join(tmpdir(), 'hookbridge-bench-'))
pin(process.pid, 1)
try {
  if (only !== 'bursts') await acknowledging()
  if (only !== 'acknowledging') await bursts()
} finally {
  rmSync(folder, { recursive: true, force: true })
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
  console.log(`\nA burst of ${EVENTS} events, each one Slack message and one mail; ${ROUNDS} rounds a row`)
  console.log(
    'sinks      acked/s  delivered/s  end to end p50 / p99 ms  CPU ms/event  peak MB  idle MB  ready ms',
  )
  for (const delay of [0, 50]) {
    const rounds: Burst[] = []
    for (let round = 0; round < ROUNDS; round++) rounds.push(await burst(delay))
    const of = (pick: (burst: Burst) => number) => median(rounds.map(pick))
    console.log(
      [
        (delay === 0 ? 'at once' : `${delay} ms`).padEnd(9),
        of((b) => b.acked)
          .toFixed(0)
          .padStart(7),
        of((b) => b.delivered)
          .toFixed(0)
          .padStart(11),
        `${of((b) => b.p50).toFixed(0)} / ${of((b) => b.p99).toFixed(0)}`.padStart(23),
        of((b) => b.cpu)
          .toFixed(2)
          .padStart(12),
        of((b) => b.peak)
          .toFixed(0)
          .padStart(7),
        of((b) => b.idle)
          .toFixed(0)
          .padStart(7),
        of((b) => b.ready)
          .toFixed(0)
          .padStart(8),
      ].join('  '),
    )
  }
}

interface Burst {
  readonly acked: number
  readonly delivered: number
  readonly p50: number
  readonly p99: number
  readonly cpu: number
  readonly peak: number
  readonly idle: number
  readonly ready: number
}

async function burst(delay: number): Promise<Burst> {
  const slack = await startSlackServer({ delay })
  const mail = await startMailServer({ delay })
  const server = await hookbridge(burstConfig(slack.url), mail.url)
  try {
    await new Promise((resolve) => setTimeout(resolve, 500))
    const idle = memory(server.pid).now
    const shots = signedShots(EVENTS, SECRET, 'bench')
    const sentAt = new Map<string, number>()
    const cpuBefore = cpuMs(server.pid)
    const begun = performance.now()
    // The clock is shared: the sinks are in this process.
    const acked = await fire(server.port, shots, 50, (shot: Shot, _status, at) =>
      sentAt.set(shot.objectId, at),
    )
    const arrivals = new Map<string, number>()
    while (slack.messages.length < EVENTS || mail.messages.length < EVENTS) {
      if (performance.now() - begun > 120_000) throw new Error('the burst was not delivered in two minutes')
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    const took =
      Math.max(...slack.messages.map(({ at }) => at), ...mail.messages.map(({ at }) => at)) -
      performance.timeOrigin -
      begun
    for (const message of slack.messages) note(arrivals, JSON.stringify(message.blocks), message.at)
    for (const message of mail.messages) note(arrivals, String(message.raw), message.at)
    const times = [...arrivals]
      .map(([id, at]) => at - performance.timeOrigin - (sentAt.get(id) ?? Number.NaN))
      .sort((a, b) => a - b)
    return {
      acked: acked.rate,
      delivered: EVENTS / (took / 1000),
      p50: quantile(times, 0.5),
      p99: quantile(times, 0.99),
      cpu: (cpuMs(server.pid) - cpuBefore) / EVENTS,
      peak: memory(server.pid).peak,
      idle,
      ready: server.readyMs,
    }
  } finally {
    await server.stop()
    await slack.close()
    await mail.close()
  }

  function note(arrivals: Map<string, number>, text: string, at: number): void {
    const id = UUID.exec(text)?.[0] ?? ''
    arrivals.set(id, Math.max(arrivals.get(id) ?? 0, at))
  }
}

async function hookbridge(config: string, smtpUrl = ''): Promise<Running> {
  const file = join(folder, `config-${stores++}.yaml`)
  writeFileSync(file, config)
  const env = { BENCH_SECRET: SECRET, BENCH_TOKEN: 'xoxb-bench', BENCH_SMTP: smtpUrl }
  return startProcess(['src/main.ts', 'serve', '--config', file], env)
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
  slack: { token: "\${BENCH_TOKEN}", rate: 1000/s, burst: 1000, api_url: "${slackUrl}" }
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
