/**
 * How fast messages go to a destination that works while 10 and while 10,000 wait for what does not, also after a kill and a
 * start. Both services run all the time, and take turns.
 */
import { endToEndMs } from '../burst.ts'
import { fire, median, named, quantile, signedShots } from '../load.ts'
import { freePort, threadsCpuMs } from '../process.ts'
import { ratioOf, takeTurns } from '../turns.ts'
import type { BacklogRow } from './results.ts'
import { type Lab, type Service, startService, until } from './service.ts'

const WAITING = [10, 10_000] as const
const PACE_PER_SECOND = 50
const SLICE = 50
const WARM_UP = 1_000
const TURNS_PER_ROUND = 14
const SLICE_AFTER_START = 100
const STARTS_PER_ROUND = 3
const CONNECTIONS = 10
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
}

type Receiver = Readonly<Record<string, unknown>>

const slack: Receiver = { slack: { channel: '#live' } }
const mail: Receiver = { email: { to: ['live@example.com'] } }
const waitingMail = (): Receiver => ({ email: { to: ['waiting@example.com'] } })
const waitingSlack = (destination: number): Receiver => ({ slack: { channel: `#waiting-${destination}` } })

export async function measureBacklog(lab: Lab, rounds: number): Promise<readonly BacklogRow[]> {
  const nobody = `smtp://127.0.0.1:${await freePort()}`
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
    { name: 'a Slack channel that answers 500', live: slack, waiting: waitingSlack, ...ofOne, breaks: fail },
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
    },
  ]
  const rows: BacklogRow[] = []
  for (const one of cases) rows.push(...(await measureCase(lab, rounds, one)))
  return rows
}

async function measureCase(lab: Lab, rounds: number, one: Case): Promise<readonly BacklogRow[]> {
  const services: Service[] = []
  try {
    for (const waiting of WAITING) services.push(await startWaiting(lab, one, waiting))
    const running = await measurePaced(lab, services, rounds * TURNS_PER_ROUND, SLICE, async () => {})
    const started = await measurePaced(
      lab,
      services,
      rounds * STARTS_PER_ROUND,
      SLICE_AFTER_START,
      (service) => service.restart(),
    )
    return [...rowsOf(one, 'running', running), ...rowsOf(one, 'after a kill', started)]
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
  await fire(service.process().port, shots, CONNECTIONS)
  await fire(service.process().port, signedShots(WARM_UP, lab.secret, 'bench'), CONNECTIONS)
  await until(() => received(service) >= WARM_UP)
  return service
}

function received({ slack, mail }: Service): number {
  return slack.messages.length + mail.messages.length
}

interface Paced {
  /** Milliseconds from each request to its message. */
  readonly times: readonly number[]
  /** CPU milliseconds an event, of each turn. */
  readonly cpu: readonly number[]
}

/** For each of the services. */
async function measurePaced(
  lab: Lab,
  services: readonly Service[],
  turns: number,
  events: number,
  before: (service: Service) => Promise<void>,
): Promise<readonly Paced[]> {
  const times = new Map(services.map((service) => [service, [] as number[]]))
  const cpu = await takeTurns(services, turns, async (service) => {
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
      PACE_PER_SECOND,
    )
    await until(() => received(service) >= events)
    times.get(service)?.push(...endToEndMs(sentAt, service.slack, service.mail))
    return (threadsCpuMs(pid) - cpuBefore) / events
  })
  return services.map((service, index) => ({
    times: times.get(service)?.toSorted((one, other) => one - other) ?? [],
    cpu: cpu[index]?.values ?? [],
  }))
}

function rowsOf(
  { name, live }: Case,
  when: BacklogRow['when'],
  measured: readonly Paced[],
): readonly BacklogRow[] {
  const [base = { times: [], cpu: [] }] = measured
  return measured.map(({ times, cpu }, index) => ({
    dead: name,
    live: live === slack ? 'Slack' : 'mail',
    when,
    waiting: WAITING[index] ?? 0,
    p50Ms: quantile(times, 0.5),
    p99Ms: quantile(times, 0.99),
    ratio: quantile(times, 0.99) / quantile(base.times, 0.99),
    cpuMs: median(cpu),
    cpuRatio: ratioOf(cpu, base.cpu),
    messages: times.length,
  }))
}
