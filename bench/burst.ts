/** Events, from the first request to the last message in the sinks. */
import { type MailServer, startMailServer } from '../test/support/mail-server.ts'
import { type SlackServer, startSlackServer } from '../test/support/slack/server.ts'
import { fire, median, quantile, type Shot } from './load.ts'
import { cpuMs, elsewhere, memory, type Running } from './process.ts'

const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[47][0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}/

export interface Contender {
  readonly name: string
  readonly shots: (count: number) => Shot[]
  /** Several share what is sent to them. */
  readonly start: (slack: SlackServer, mail: MailServer) => Promise<Running | readonly Running[]>
  /** Called around what is measured. */
  readonly onMeasure?: (edge: 'begin' | 'end') => void
}

/** Events a second where they come at a steady pace. */
export const PACE = 50

export interface Burst {
  readonly acked: number
  readonly delivered: number
  readonly p50: number
  readonly p99: number
  readonly cpu: number
  readonly peak: number
  readonly idle: number
  readonly ready: number
}

/** What is sent, and to what sinks. */
export interface Conditions {
  readonly name: string
  readonly events: number
  /** How many others the service has delivered before. */
  readonly earlier: number
  /** Milliseconds that the sinks take to answer. */
  readonly delay: number
  readonly connections: number
  /** Left out: as fast as they are answered. */
  readonly perSecond?: number
}

/** Those of the names, or all: just started, warm, with receivers that take 50 ms, and at a steady pace. */
export function conditionsNamed(names: readonly string[], events: number): readonly Conditions[] {
  const all: readonly Conditions[] = [
    { name: 'cold', events, earlier: 0, delay: 0, connections: 10 },
    { name: 'warm', events: 5 * events, earlier: events, delay: 0, connections: 50 },
    { name: 'slow', events, earlier: 0, delay: 50, connections: 10 },
    { name: 'paced', events: 10 * PACE, earlier: events, delay: 0, connections: 10, perSecond: PACE },
  ]
  const known = all.map(({ name }) => name)
  const unknown = names.find((name) => !known.includes(name))
  if (unknown !== undefined) throw new Error(`no such conditions: ${unknown} (there are ${known.join(', ')})`)
  return names.length === 0 ? all : all.filter(({ name }) => names.includes(name))
}

/** BENCH_AGAINST: the folder of another build, for comparison. */
export function otherBuild({ shots, start }: Contender): readonly Contender[] {
  const folder = process.env.BENCH_AGAINST
  if (folder === undefined) return []
  return [{ name: folder, shots, start: (slack, mail) => elsewhere(folder, () => start(slack, mail)) }]
}

export async function burst(
  contender: Contender,
  { events, earlier, delay, connections, perSecond }: Conditions,
): Promise<Burst> {
  const slack = await startSlackServer({ delay })
  const mail = await startMailServer({ delay })
  const servers = [await contender.start(slack, mail)].flat()
  const ports = servers.map(({ port }) => port)
  const total = (pick: (pid: number) => number) => servers.reduce((sum, { pid }) => sum + pick(pid), 0)
  try {
    await new Promise((resolve) => setTimeout(resolve, 500))
    const idle = total((pid) => memory(pid).now)
    await fire(ports, contender.shots(earlier), 50)
    await delivered(slack, mail, earlier)
    const shots = contender.shots(events)
    const sentAt = new Map<string, number>()
    contender.onMeasure?.('begin')
    const cpuBefore = total(cpuMs)
    const begun = performance.now()
    // The clock is shared: the sinks are in this process.
    const acked = await fire(
      ports,
      shots,
      connections,
      (shot: Shot, at) => sentAt.set(shot.objectId, at),
      perSecond,
    )
    await delivered(slack, mail, earlier + events)
    const cpu = (total(cpuMs) - cpuBefore) / events
    contender.onMeasure?.('end')
    const arrived = arrivals(slack, mail)
    const times = endToEndMs(sentAt, slack, mail)
    const took = Math.max(...arrived.values()) - performance.timeOrigin - begun
    return {
      acked: acked.rate,
      delivered: events / (took / 1000),
      p50: quantile(times, 0.5),
      p99: quantile(times, 0.99),
      cpu,
      peak: total((pid) => memory(pid).peak),
      idle,
      ready: Math.max(...servers.map(({ readyMs }) => readyMs)),
    }
  } finally {
    await Promise.all(servers.map((server) => server.stop()))
    await slack.close()
    await mail.close()
  }
}

/** The median, and the range, as text. */
export function deliveredOf(bursts: readonly Burst[]): string {
  const rates = bursts.map(({ delivered }) => delivered)
  const [lowest, middle, highest] = [Math.min(...rates), median(rates), Math.max(...rates)]
  return `${middle.toFixed(0)} (${lowest.toFixed(0)} to ${highest.toFixed(0)})`
}

export async function delivered(slack: SlackServer, mail: MailServer, events: number): Promise<void> {
  const begun = performance.now()
  while (slack.messages.length < events || mail.messages.length < events) {
    if (performance.now() - begun > 120_000) throw new Error('the burst was not delivered in two minutes')
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

/** Whether there is a message about each of the objects: others may have come twice. */
export function haveArrived(ids: Iterable<string>, slack: SlackServer, mail: MailServer): boolean {
  const arrived = arrivals(slack, mail)
  return [...ids].every((id) => arrived.has(id))
}

/**
 * From each request to the last message about its object, ascending; `sentAt` is by performance.now(). Throws where a message does not
 * show which object it is about.
 */
export function endToEndMs(
  sentAt: ReadonlyMap<string, number>,
  slack: SlackServer,
  mail: MailServer,
): readonly number[] {
  const arrived = arrivals(slack, mail)
  return [...sentAt]
    .map(([id, at]) => arrivalOf(id, arrived) - performance.timeOrigin - at)
    .sort((one, other) => one - other)
}

function arrivalOf(id: string, arrived: ReadonlyMap<string, number>): number {
  const at = arrived.get(id)
  if (at === undefined) throw new Error(`no message shows ${id}: when it arrived is not known`)
  return at
}

/** When the last message about each object arrived. */
function arrivals(slack: SlackServer, mail: MailServer): Map<string, number> {
  const last = new Map<string, number>()
  const note = (text: string, at: number) => {
    const id = UUID.exec(text)?.[0] ?? ''
    last.set(id, Math.max(last.get(id) ?? 0, at))
  }
  for (const message of slack.messages) note(JSON.stringify(message), message.at)
  for (const message of mail.messages) note(String(message.raw), message.at)
  return last
}
