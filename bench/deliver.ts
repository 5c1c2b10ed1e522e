/**
 * The CPU of an event that is delivered, one Slack message and one mail, once the service is warm. As in cpu.ts all servers run for
 * the whole time and take turns in small slices; each has receivers of its own.
 */
import { type MailServer, startMailServer } from '../test/support/mail-server.ts'
import { type SlackServer, startSlackServer } from '../test/support/slack/server.ts'
import { type Contender, delivered, otherBuild } from './burst.ts'
import { fire, median } from './load.ts'
import { type Running, threadsCpuMs } from './process.ts'

const CONNECTIONS = 50
const WARM_UP = 4_000
const SLICE = 500
const TURNS_PER_ROUND = 8
// Attempts are recorded, and collected objects are freed, after the last message.
const SETTLE_MS = 200

interface Measured extends Contender {
  readonly slack: SlackServer
  readonly mail: MailServer
  readonly servers: readonly Running[]
  sent: number
  /** Milliseconds an event, of each turn. */
  readonly turns: number[]
}

/** The first contender is the baseline; the last one runs from the folder of BENCH_AGAINST too. */
export async function deliver(rounds: number, contenders: readonly Contender[]): Promise<void> {
  const measured: Measured[] = []
  const add = async (contender: Contender) => {
    const slack = await startSlackServer()
    const mail = await startMailServer()
    const servers = [await contender.start(slack, mail)].flat()
    measured.push({ ...contender, slack, mail, servers, sent: 0, turns: [] })
  }
  try {
    for (const contender of [...contenders, ...contenders.slice(-1).flatMap(otherBuild)]) await add(contender)
    for (const contender of measured) await slice(contender, WARM_UP)
    for (let turn = 0; turn < rounds * TURNS_PER_ROUND; turn++) {
      const order = turn % 2 === 0 ? measured : measured.toReversed()
      for (const contender of order) contender.turns.push(await slice(contender, SLICE))
    }
    print(measured)
  } finally {
    for (const { servers, slack, mail } of measured) {
      for (const server of servers) await server.stop()
      await slack.close()
      await mail.close()
    }
  }
}

async function slice(contender: Measured, events: number): Promise<number> {
  const { servers, slack, mail, shots } = contender
  const cpu = () => servers.reduce((sum, { pid }) => sum + threadsCpuMs(pid), 0)
  const fired = shots(events)
  const before = cpu()
  await fire(
    servers.map(({ port }) => port),
    fired,
    CONNECTIONS,
  )
  contender.sent += events
  await delivered(slack, mail, contender.sent)
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS))
  return (cpu() - before) / events
}

function print(measured: readonly Measured[]): void {
  const [baseline] = measured
  console.log(`\nCPU of an event delivered, warm; medians of slices of ${SLICE} in turn`)
  console.log(`server                  us an event  of ${baseline?.name}'s`)
  for (const { name, turns } of measured) {
    const ratios = turns.map((ms, turn) => ms / (baseline?.turns[turn] ?? Number.NaN))
    const us = (median(turns) * 1000).toFixed(0)
    console.log(`${name.slice(-22).padEnd(22)}  ${us.padStart(11)}  ${median(ratios).toFixed(2)}`)
  }
}
