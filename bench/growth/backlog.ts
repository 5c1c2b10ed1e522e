/**
 * How fast messages go to a destination that works while 10 and while 10,000 wait for what does not, also after a kill and a
 * start. Both services run all the time, and take turns.
 */
import { freePort } from '../../test/support/ports.ts'
import { endToEndMs, haveArrived } from '../burst.ts'
import { fire, median, named, quantile, signedShots } from '../load.ts'
import { threadsCpuMs } from '../process.ts'
import { ratioOf, takeTurns } from '../turns.ts'
import type { BacklogRow } from './results.ts'
import { type Lab, type Service, startService, until } from './service.ts'

const WAITING = [10, 10_000] as const
// As many in all for each service: one that has taken more is quicker.
const EVENTS_BEFORE = 11_000
const CONNECTIONS = 10
const CONNECTIONS_BEFORE = 50
const RUNNING = { turnsPerRound: 12, events: 100, perSecond: 100 } as const
const AFTER_A_KILL = { turnsPerRound: 6, events: 100, perSecond: 50 } as const
const MOST_CHANNELS = 1_000

interface Case {
  readonly name: string
  readonly live: Receiver
  /** Of the number that tells them apart. */
  readonly waiting: (destination: number) => Receiver
  /** Among so many destinations the messages are spread. */
  readonly destinations: number
  readonly smtp?: string
  readonly breaks: (service: Service) => void
  /** Whether it is measured after a kill too. */
  readonly isKilled?: true
}

type Receiver = Readonly<Record<string, unknown>>

const slack: Receiver = { slack: { channel: '#live' } }
const mail: Receiver = { email: { to: ['live@example.com'] } }
const waitingMail = (): Receiver => ({ email: { to: ['waiting@example.com'] } })
const waitingSlack = (destination: number): Receiver => ({ slack: { channel: `#waiting-${destination}` } })

export async function measureBacklog(lab: Lab, rounds: number): Promise<readonly BacklogRow[]> {
  const nobody = `smtp://127.0.0.1:${freePort()}`
  const isWaiting = (channel: unknown) => String(channel).startsWith('#waiting')
  const hang = ({ slack }: Service) => {
    slack.behave = ({ channel }) => (isWaiting(channel) ? 'hang' : undefined)
  }
  const fail = ({ slack }: Service) => {
    slack.behave = ({ channel }) => (isWaiting(channel) ? { status: 500, body: '' } : undefined)
  }
  const stall = ({ mail }: Service) => {
    mail.behave = () => 'stall'
  }
  const ofOne = { destinations: 1 }
  const cases: readonly Case[] = [
    {
      name: 'a Slack channel that answers 500',
      live: slack,
      waiting: waitingSlack,
      ...ofOne,
      breaks: fail,
      isKilled: true,
    },
    {
      name: 'a Slack channel that does not answer',
      live: slack,
      waiting: waitingSlack,
      ...ofOne,
      breaks: hang,
    },
    {
      name: 'a mail server that is away',
      live: slack,
      waiting: waitingMail,
      ...ofOne,
      smtp: nobody,
      breaks: () => {},
    },
    {
      name: 'a mail server that does not answer',
      live: slack,
      waiting: waitingMail,
      ...ofOne,
      breaks: stall,
    },
    { name: 'Slack does not answer', live: mail, waiting: waitingSlack, ...ofOne, breaks: hang },
    {
      name: '1,000 Slack channels that answer 500',
      live: slack,
      waiting: waitingSlack,
      destinations: MOST_CHANNELS,
      breaks: fail,
      isKilled: true,
    },
  ]
  const rows: BacklogRow[] = []
  for (const one of cases) {
    const began = performance.now()
    rows.push(...(await measureCase(lab, rounds, one)))
    console.log(`${one.name}: took ${((performance.now() - began) / 1000).toFixed(0)} s`)
  }
  return rows
}

async function measureCase(lab: Lab, rounds: number, one: Case): Promise<readonly BacklogRow[]> {
  const services: Service[] = []
  try {
    for (const waiting of WAITING) services.push(await startWaiting(lab, one, waiting))
    const running = await measurePaced(lab, services, rounds, RUNNING, async () => {})
    const rows = rowsOf(one, 'running', running)
    if (!one.isKilled) return rows
    const started = await measurePaced(lab, services, rounds, AFTER_A_KILL, (service) => service.restart())
    return [...rows, ...rowsOf(one, 'after a kill', started)]
  } finally {
    for (const service of services) await service.stop()
  }
}

async function startWaiting(lab: Lab, one: Case, waiting: number): Promise<Service> {
  const numbers = Array.from({ length: Math.min(waiting, one.destinations) }, (_, number) => number)
  const service = await startService(lab, {
    name: `${one.name} ${waiting}`,
    receivers: {
      live: one.live,
      ...Object.fromEntries(numbers.map((number) => [`waiting-${number}`, one.waiting(number)])),
    },
    routes: [
      { match: { source: 'bench' }, receivers: ['live'] },
      ...numbers.map((number) => ({ match: { 'data.number': number }, receivers: [`waiting-${number}`] })),
    ],
    ...(one.smtp !== undefined && { smtp: one.smtp }),
  })
  one.breaks(service)
  const shots = signedShots(waiting, lab.secret, 'waiting', (index) => ({ number: index % numbers.length }))
  const others = signedShots(EVENTS_BEFORE - waiting, lab.secret, 'bench')
  for (const some of [shots, others]) await fire(service.process().port, some, CONNECTIONS_BEFORE)
  await until(() => received(service) >= others.length)
  return service
}

function received({ slack, mail }: Service): number {
  return slack.messages.length + mail.messages.length
}

interface Paced {
  /** Milliseconds from each request to its message, of each turn. */
  readonly times: readonly (readonly number[])[]
  /** CPU milliseconds an event, of each turn. */
  readonly cpu: readonly number[]
}

/** For each of the services. */
async function measurePaced(
  lab: Lab,
  services: readonly Service[],
  rounds: number,
  { turnsPerRound, events, perSecond }: typeof RUNNING | typeof AFTER_A_KILL,
  before: (service: Service) => Promise<void>,
): Promise<readonly Paced[]> {
  const times = new Map(services.map((service) => [service, [] as (readonly number[])[]]))
  const cpu = await takeTurns(services, rounds * turnsPerRound, async (service) => {
    await before(service)
    service.slack.messages.length = 0
    service.mail.messages.length = 0
    const sentAt = new Map<string, number>()
    const { pid } = service.process()
    const cpuBefore = threadsCpuMs(pid)
    const shots = signedShots(events, lab.secret, 'bench', named)
    await fire(
      service.process().port,
      shots,
      CONNECTIONS,
      ({ objectId }, at) => sentAt.set(objectId, at),
      perSecond,
    )
    // What was in flight at a kill comes once more.
    await until(() => received(service) >= events && haveArrived(sentAt.keys(), service.slack, service.mail))
    times.get(service)?.push(endToEndMs(sentAt, service.slack, service.mail))
    return (threadsCpuMs(pid) - cpuBefore) / events
  })
  return services.map((service, index) => ({
    times: times.get(service) ?? [],
    cpu: cpu[index]?.values ?? [],
  }))
}

function rowsOf(
  { name, live }: Case,
  when: BacklogRow['when'],
  measured: readonly Paced[],
): readonly BacklogRow[] {
  // Of each turn: a machine that halts for a moment would decide the p99 of all.
  const p99s = measured.map(({ times }) => times.map((some) => quantile(ascending(some), 0.99)))
  const [base] = measured
  return measured.map(({ times, cpu }, index) => {
    const all = ascending(times.flat())
    return {
      dead: name,
      live: live === slack ? 'Slack' : 'mail',
      when,
      waiting: WAITING[index] ?? 0,
      p50Ms: quantile(all, 0.5),
      p99Ms: median(p99s[index] ?? []),
      ratio: ratioOf(p99s[index] ?? [], p99s[0] ?? []),
      slowestMs: quantile(all, 1),
      cpuMs: median(cpu),
      cpuRatio: ratioOf(cpu, base?.cpu ?? []),
      messages: all.length,
    }
  })
}

function ascending(values: readonly number[]): readonly number[] {
  return values.toSorted((one, other) => one - other)
}
