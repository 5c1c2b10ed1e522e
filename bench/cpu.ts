/**
 * The CPU of an acknowledgement at 50 connections. All servers run for the whole time and take turns in small slices, so that
 * what the machine does meanwhile hits all of them; a ratio is that of one turn.
 */
import { fire, median, signedShots } from './load.ts'
import { elsewhere, type Running, startProcess, threadsCpuMs } from './process.ts'

const CONNECTIONS = 50
const WARM_UP = 10_000
const SLICE = 2_500
const TURNS_PER_ROUND = 4
// The log is written, and collected objects are freed, after the last answer.
const SETTLE_MS = 150

interface Contender {
  readonly name: string
  readonly server: Running
  /** Milliseconds an event, of each turn. */
  readonly turns: number[]
}

export async function cpu(rounds: number, secret: string, start: () => Promise<Running>): Promise<void> {
  const contenders: Contender[] = []
  const add = async (name: string, starting: Promise<Running>) =>
    contenders.push({ name, server: await starting, turns: [] })
  try {
    await add('Fastify + svix verify', startProcess(['bench/baseline.ts', 'verify', secret]))
    await add('Hookbridge, durable', start())
    const against = process.env.BENCH_AGAINST
    if (against !== undefined) await elsewhere(against, () => add(against, start()))
    for (const contender of contenders) await slice(contender, WARM_UP, secret)
    for (let turn = 0; turn < rounds * TURNS_PER_ROUND; turn++) {
      const order = turn % 2 === 0 ? contenders : contenders.toReversed()
      for (const contender of order) contender.turns.push(await slice(contender, SLICE, secret))
    }
    print(contenders)
  } finally {
    for (const { server } of contenders) await server.stop()
  }
}

async function slice({ server }: Contender, events: number, secret: string): Promise<number> {
  const shots = signedShots(events, secret, 'bench')
  const before = threadsCpuMs(server.pid)
  await fire(server.port, shots, CONNECTIONS)
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS))
  return (threadsCpuMs(server.pid) - before) / events
}

function print(contenders: readonly Contender[]): void {
  console.log(
    `\nCPU of an acknowledgement at ${CONNECTIONS} connections; medians of slices of ${SLICE} in turn`,
  )
  console.log('server                  us an event  svix verify / this')
  for (const { name, turns } of contenders) {
    const ratios = turns.map((ms, turn) => (contenders[0]?.turns[turn] ?? Number.NaN) / ms)
    const us = (median(turns) * 1000).toFixed(0)
    console.log(
      `${name.slice(-22).padEnd(22)}  ${us.padStart(11)}  ${median(ratios).toFixed(2).padStart(18)}`,
    )
  }
}
