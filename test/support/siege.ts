/** A service under attack: signed events are sent from one address while others do their worst. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import type { Test } from 'tap'
import {
  newEvent,
  type Service,
  type SignedEvent,
  signedHeaders,
  startService,
  temporaryFolder,
} from './service.ts'
import { watchStalls } from './stalls.ts'
import { until } from './until.ts'

/** How long each attack goes on: `npm run test:hostile` takes longer. */
export const SECONDS = Number(process.env.HOSTILE_SECONDS ?? 2)

/** Of a test that besieges once or twice: only one that fails takes that long. */
export const timeout = 600_000 + SECONDS * 5_000

// Addresses of the loopback network: all of them are this machine.
const SENDER = '127.0.0.2'
const QUIET_EVENTS = 100
// While an attack goes on; the machine also has the attacker to run.
const SLOWER_AT_MOST = 25
const FLOOR_MS = 1_000
// The heap takes some time to find its size; from there on it must not grow.
const GROWTH_MB = 150 + Math.min(150, 5 * SECONDS)

export interface Siege {
  readonly url: string
  readonly port: number
  readonly isOver: () => boolean
  /** Counts an answer. */
  readonly answered: (status: number) => void
}

export interface Besieged {
  /** How many attackers were answered with each status. */
  readonly statuses: ReadonlyMap<number, number>
  readonly events: number
}

/** A configuration that delivers nothing; its connections' addresses are its clients'. `server`: more of that. */
export const besiegedConfig =
  (server = '') =>
  (folder: string) => {
    const file = join(folder, 'config.yaml')
    writeFileSync(
      file,
      `
server: { port: 0, trust_proxy: false${server} }
store: { url: "sqlite:${join(folder, 'store.db')}" }
sources: { cuuro: { svix: { secrets: ["\${WEBHOOK_SECRET}"] } } }
receivers: { here: { console: {} } }
routes: [{ match: { type: never }, receivers: [here] }]
`,
    )
    return file
  }

/** `files`: how many the process may open. */
export async function startBesieged(
  t: Test,
  writeConfig: (folder: string) => string,
  files?: number,
): Promise<Service> {
  const service = await startService(
    writeConfig(temporaryFolder(t)),
    undefined,
    files === undefined ? {} : { files },
  )
  t.teardown(() => service.end('SIGKILL'))
  return service
}

/** Attacks, and holds the service to what it promises meanwhile and afterwards. */
export async function besiege(
  t: Test,
  service: Service,
  attack: (siege: Siege) => Promise<unknown>,
): Promise<Besieged> {
  const sender = createSender(service.url)
  t.teardown(() => sender.close())
  const quiet: number[] = []
  for (let n = 0; n < QUIET_EVENTS; n++) quiet.push(await sender.send(t))
  const before = { memory: memoryOf(service.pid), files: filesOf(service.pid) }
  const statuses = new Map<number, number>()
  const deadline = performance.now() + SECONDS * 1_000
  const { port } = new URL(service.url)
  let done = false
  const attacked = attack({
    url: service.url,
    port: Number(port),
    isOver: () => performance.now() > deadline,
    answered: (status) => statuses.set(status, (statuses.get(status) ?? 0) + 1),
  }).finally(() => {
    done = true
  })
  const under: number[] = []
  let peak = 0
  let highest = 0
  while (!done || under.length < QUIET_EVENTS) {
    under.push(await sender.send(t))
    peak = Math.max(peak, memoryOf(service.pid))
    highest = Math.max(highest, filesOf(service.pid))
  }
  await attacked
  const [calm, slow] = [percentile99(quiet), percentile99(under)]
  t.comment(
    `events ${under.length}; p99 ${calm.toFixed(1)} ms quiet, ${slow.toFixed(1)} ms under attack; ` +
      `memory ${before.memory.toFixed(0)} MB, at most ${peak.toFixed(0)}; files ${before.files}, at most ${highest}; ` +
      `attackers were answered ${JSON.stringify(Object.fromEntries(statuses))}`,
  )
  t.ok(slow <= Math.max(FLOOR_MS, calm * SLOWER_AT_MOST), `p99 ${calm} ms, and ${slow} ms under attack`)
  t.ok(peak - before.memory <= GROWTH_MB, `memory grew from ${before.memory} to ${peak} MB`)
  t.same(
    [...statuses.keys()].filter((status) => status >= 500),
    [],
    'no answer of 500 or more',
  )
  await recovered(t, service, before.files)
  return { statuses, events: under.length }
}

/** Idle and healthy, as before. */
async function recovered(t: Test, service: Service, files: number): Promise<void> {
  // The sender's own connection and a file or two come and go.
  await until(() => filesOf(service.pid) <= files + 4, 'descriptors to be given back')
  t.equal((await fetch(`${service.url}/readyz`)).status, 200, 'ready')
  t.notMatch(service.output(), /"level":60|unexpected error/, 'nothing unexpected in the log')
}

function createSender(url: string) {
  const agents = [new Agent({ keepAlive: true, maxSockets: 1 }), new Agent({ keepAlive: false })]
  const stalls = watchStalls()
  let count = 0
  return {
    /** Sends one event, over the connection of before or a new one in turn; resolves with the milliseconds it took. */
    async send(t: Test): Promise<number> {
      const [begun, stalled] = [performance.now(), stalls.total()]
      const status = await sendEvent(url, agents[count++ % agents.length])
      const took = performance.now() - begun - (stalls.total() - stalled)
      if (status !== 202) t.fail(`an event was answered ${status}`)
      return took
    },
    close: () => {
      stalls.stop()
      for (const agent of agents) agent.destroy()
    },
  }
}

/** Resolves with the status of the answer, or what went wrong. */
export function sendEvent(
  url: string,
  agent: Agent | undefined,
  { messageId, body }: SignedEvent = newEvent('startup.created'),
): Promise<number | string> {
  return new Promise((resolve) => {
    const sent = request(`${url}/webhooks/cuuro`, {
      method: 'POST',
      agent,
      localAddress: SENDER,
      headers: { ...signedHeaders(messageId, body), 'content-length': body.length },
    })
    sent.once('error', (error) => resolve(String(error)))
    sent.once('response', (response) => {
      response.resume()
      response.once('end', () => resolve(response.statusCode ?? 0))
    })
    sent.end(body)
  })
}

function percentile99(times: readonly number[]): number {
  const sorted = times.toSorted((one, other) => one - other)
  return sorted[Math.floor((sorted.length - 1) * 0.99)] ?? Number.NaN
}

/** Resident megabytes. */
export function memoryOf(pid: number): number {
  const kilobytes = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  return Number(kilobytes) / 1024
}

export function filesOf(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length
}

/** The head of a request to the source. */
export function eventHead(headers: Readonly<Record<string, string>>, length: number): string {
  const lines = Object.entries({ host: 'x', ...headers, 'content-length': length })
  return `POST /webhooks/cuuro HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`
}

/** Of the first answer in a chunk. */
export function statusOf(chunk: Buffer | string): number {
  return Number(/^HTTP\/1\.1 (\d{3}) /.exec(String(chunk))?.[1])
}

/** An address of the loopback network that is nobody else's here. */
export function attackerAddress(n: number): string {
  return `127.0.${3 + (Math.floor(n / 250) % 250)}.${1 + (n % 250)}`
}

/** Connects from an address; errors end the connection and no more. */
export function connectFrom({ port }: Pick<Siege, 'port'>, localAddress: string): Socket {
  const socket = connect({ port, host: '127.0.0.1', localAddress })
  socket.on('error', () => {})
  return socket
}

/** Writes bytes on a connection of their own, and resolves with what came back until it ended or `patience` ms passed. */
export function exchange(
  siege: Siege,
  bytes: Buffer | string,
  localAddress: string,
  patience = 300,
): Promise<string> {
  return new Promise((resolve) => {
    const socket = connectFrom(siege, localAddress)
    let answer = ''
    const timer = setTimeout(() => socket.destroy(), patience)
    socket.on('data', (chunk) => {
      answer += chunk.toString('latin1')
    })
    socket.once('connect', () => socket.write(bytes))
    socket.once('close', () => {
      clearTimeout(timer)
      for (const [, status] of answer.matchAll(/HTTP\/1\.1 (\d{3}) /g)) siege.answered(Number(status))
      resolve(answer)
    })
  })
}
