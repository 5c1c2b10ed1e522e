/** The computed tables of docs/capacity.md: the model, with what was measured. */
import type { SomeResults } from '../bench/growth/results.ts'
import { count, fixed, table } from './table.ts'

const CORE_USE = 0.6
const DAY_S = 86_400
const RETAIN_DAYS = 30
const MAIL_EXCHANGE_S = 0.1
const GB = 1e9
const RATES = [1, 50, 500] as const
const TARGET = 10_000

export interface Load {
  readonly eventsPerSecond: number
  /** Cores at 60 % use. */
  readonly cores: number
  readonly gbPerDay: number
  readonly gbRetained: number
  readonly mailConnections: number
}

interface Cost {
  readonly cpuMs: number
  readonly bytes: number
}

/** CPU of one event, and its bytes in the store, with one message and a small body; null where one of them was not measured. */
function costOf({ routes, disk }: SomeResults): Cost | null {
  const [least] = routes?.rows ?? []
  const [smallest] = disk?.rows ?? []
  if (least === undefined || smallest === undefined) return null
  return { cpuMs: least.cpuMs, bytes: smallest.bytesPerEvent }
}

/** How much of everything so many events a second take. */
export function loadOf(eventsPerSecond: number, { cpuMs, bytes }: Cost): Load {
  const gbPerDay = (eventsPerSecond * DAY_S * bytes) / GB
  return {
    eventsPerSecond,
    cores: (eventsPerSecond * cpuMs) / 1000 / CORE_USE,
    gbPerDay,
    gbRetained: gbPerDay * RETAIN_DAYS,
    mailConnections: Math.ceil(eventsPerSecond * MAIL_EXCHANGE_S),
  }
}

export function capacitySections(results: SomeResults): Readonly<Record<string, string>> {
  const cost = costOf(results)
  if (cost === null) return {}
  const head = ['events a second', 'cores at 60 %', 'GB a day', `GB in ${RETAIN_DAYS} days`]
  const cells = ({ eventsPerSecond, cores, gbPerDay, gbRetained }: Load) => [
    count(eventsPerSecond),
    cores.toPrecision(2),
    rounded(gbPerDay),
    rounded(gbRetained),
  ]
  const examples = RATES.map((rate) => loadOf(rate, cost))
  return {
    cpu: table(
      ['CPU ms an event', 'events a second of one core', 'at 60 % of it'],
      [[fixed(cost.cpuMs), fixed(1000 / cost.cpuMs, 0), fixed((1000 * CORE_USE) / cost.cpuMs, 0)]],
    ),
    examples: table(
      [...head, 'Slack channels at least', 'mail connections', 'run it on'],
      examples.map((load) => [...cells(load), load.eventsPerSecond, load.mailConnections, placeOf(load)]),
    ),
    target: table(
      [...head, 'instances'],
      [[...cells(loadOf(TARGET, cost)), Math.ceil(loadOf(TARGET, cost).cores)]],
    ),
  }
}

function placeOf({ cores }: Load): string {
  if (cores <= 1) return 'one machine, SQLite'
  return `${Math.ceil(cores)} instances, PostgreSQL`
}

function rounded(gb: number): string {
  return gb >= 100 ? count(Math.round(gb)) : gb.toPrecision(2)
}
