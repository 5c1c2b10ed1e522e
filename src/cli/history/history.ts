import { type Command, InvalidArgumentError, Option } from 'commander'
import { type State, states } from '../../core/delivery.ts'
import type { DeliveryRecord, EventRecord, Store } from '../../store/store.ts'
import { duration, positive, type Register, sinceNow, withStore } from '../context.ts'
import {
  CommandError,
  colour,
  print,
  printable,
  printableLines,
  printJson,
  printTable,
  type Terminal,
} from '../terminal.ts'

export const registerHistory: Register = (hookbridge, context) => {
  const { terminal } = context
  const events = hookbridge.command('events').description('list what was received, newest first')
  events
    .option('--type <type>', 'of this type')
    .option('--source <name>', 'of this source')
    .addOption(new Option('--kind <kind>', 'only these').choices(['routed', 'unrouted', 'quarantined']))
    .option('--since <duration>', 'received in the last … (30m, 7d)', duration)
    .option('--limit <number>', 'at most so many', positive, 50)
    .option('--json', 'print JSON')
    .action((options) => withStore(context, (store) => listEvents(terminal, store, sinceNow(options))))
  events
    .command('show <id>')
    .description("one event with everything that happened to it; takes our id or the sender's")
    .option('--json', 'print JSON')
    .action((id: string, _options, self: Command) =>
      withStore(context, (store) => showEvent(terminal, store, id, self.optsWithGlobals().json === true)),
    )
  hookbridge
    .command('deliveries')
    .description('list messages owed and sent, newest first')
    .option('--state <state...>', `in this state: ${states.join(', ')}`, state)
    .option('--receiver <name>', 'for this receiver')
    .option('--channel <name>', 'by this channel')
    .option('--since <duration>', 'created in the last … (30m, 7d)', duration)
    .option('--limit <number>', 'at most so many', positive, 50)
    .option('--json', 'print JSON')
    .action((options) => withStore(context, (store) => listDeliveries(terminal, store, sinceNow(options))))
}

/** For an option that may be given several times. */
export function state(text: string, before: readonly State[] = []): State[] {
  const found = states.find((known) => known === text)
  if (found === undefined) throw new InvalidArgumentError(`the states are ${states.join(', ')}`)
  return [...before, found]
}

interface EventsOptions {
  readonly type?: string
  readonly source?: string
  readonly kind?: 'routed' | 'unrouted' | 'quarantined'
  readonly since?: number
  readonly limit: number
  readonly json?: boolean
}

interface DeliveriesOptions {
  readonly state?: readonly State[]
  readonly receiver?: string
  readonly channel?: string
  readonly since?: number
  readonly limit: number
  readonly json?: boolean
}

/** `hookbridge events`: what was received, newest first. */
export async function listEvents(terminal: Terminal, store: Store, options: EventsOptions): Promise<void> {
  const { json, ...filter } = options
  const events = await store.events(filter)
  if (json) return printJson(terminal, events.map(eventJson))
  if (events.length === 0) return print(terminal, 'no events')
  printTable(terminal, events, [
    { title: 'RECEIVED UTC', value: (event) => shortly(event.receivedAt) },
    { title: 'ID', value: (event) => event.id },
    { title: 'SOURCE', value: (event) => event.source },
    { title: 'TYPE', value: (event) => printable(event.type ?? '(quarantined)'), shrinks: true },
    { title: 'DELIVERIES', value: summary, style: eventStyle },
  ])
}

/** `hookbridge events show ID`: one event with everything that happened to it. */
async function showEvent(terminal: Terminal, store: Store, id: string, json: boolean): Promise<void> {
  const events = await store.events({ id, limit: 10 })
  if (events.length === 0) {
    throw new CommandError(`no event ${id}; "hookbridge events" lists the ids, and the sender's id works too`)
  }
  if (json) return printJson(terminal, events.map(eventJson))
  for (const event of events) print(terminal, describeEvent(terminal, event))
}

/** `hookbridge deliveries`: messages owed and sent, newest first. */
export async function listDeliveries(
  terminal: Terminal,
  store: Store,
  options: DeliveriesOptions,
): Promise<void> {
  const { json, state, ...filter } = options
  const deliveries = await store.deliveries({ ...filter, ...(state && { states: state }) })
  if (json) return printJson(terminal, deliveries.map(deliveryJson))
  if (deliveries.length === 0) return print(terminal, 'no deliveries')
  printTable(terminal, deliveries, [
    { title: 'CREATED UTC', value: (delivery) => shortly(delivery.createdAt) },
    { title: 'ID', value: (delivery) => delivery.id },
    { title: 'TARGET', value: (delivery) => nameOf(delivery), shrinks: true },
    { title: 'STATE', value: (delivery) => delivery.state, style: (delivery) => stateStyles[delivery.state] },
    { title: 'REASON', value: (delivery) => printable(delivery.reason ?? ''), shrinks: true },
  ])
}

const stateStyles = {
  pending: 'cyan',
  sending: 'cyan',
  delivered: 'green',
  retrying: 'yellow',
  ambiguous: 'yellow',
  parked: 'red',
  dead: 'red',
  skipped: 'dim',
} as const satisfies Record<State, string>

function eventStyle(event: EventRecord): 'red' | 'yellow' | 'green' {
  if (event.problem !== null || event.deliveries.some(({ state }) => state === 'parked' || state === 'dead'))
    return 'red'
  return event.deliveries.length > 0 && event.deliveries.every(({ dueAt }) => dueAt === null)
    ? 'green'
    : 'yellow'
}

function summary(event: EventRecord): string {
  if (event.problem !== null) return printable(event.problem.split(':')[0] ?? 'quarantined')
  const counts = states
    .map((state) => [state, event.deliveries.filter((delivery) => delivery.state === state).length] as const)
    .filter(([, count]) => count > 0)
    .map(([state, count]) => `${count} ${state}`)
  if (counts.length > 0) return counts.join(', ')
  return event.routing?.unrouted ? 'unrouted' : 'none'
}

function describeEvent(terminal: Terminal, event: EventRecord): string {
  const lines = [
    `${colour(terminal, 'bold', `event ${event.id}`)}`,
    `  type      ${printable(event.type ?? '(none: the request is quarantined)')}`,
    `  source    ${event.source}, message ${printable(event.messageId)}, verified with secret ${event.secretIndex + 1}`,
    `  received  ${when(event.receivedAt)} (sent ${when(event.sentAt)})`,
    `  routes    ${event.routing === null ? '-' : event.routing.unrouted ? 'none took it (unrouted)' : event.routing.routes.join(', ')}`,
    ...(event.problem === null ? [] : [`  problem   ${printable(event.problem)}`]),
    `  body      ${printableLines(bodyText(event.body))}`,
  ]
  for (const delivery of event.deliveries) lines.push('', ...describeDelivery(terminal, delivery))
  return lines.join('\n')
}

function describeDelivery(terminal: Terminal, delivery: DeliveryRecord): string[] {
  const state = colour(terminal, stateStyles[delivery.state], delivery.state)
  const lines = [
    `  ${delivery.id}  ${nameOf(delivery)}  ${state}`,
    `    owed by route "${delivery.route}" to receiver ${delivery.receiver}`,
  ]
  if (delivery.reason !== null) lines.push(`    ${printable(delivery.reason)}`)
  if (delivery.dueAt !== null) lines.push(`    next attempt ${when(delivery.dueAt)}`)
  for (const attempt of delivery.history) {
    const { outcome } = attempt
    const words = outcome.kind === 'sent' ? Object.values(outcome.reference).join(' ') : outcome.reason
    lines.push(
      `    attempt ${attempt.number}  ${when(attempt.startedAt)}  ${attempt.took} ms  ${outcome.kind}  ${printable(words)}`,
    )
    for (const note of attempt.notes) lines.push(`      note: ${printable(note)}`)
  }
  return lines
}

const LONGEST_BODY = 2_000

function bodyText(body: Uint8Array): string {
  const text = new TextDecoder().decode(body)
  return text.length > LONGEST_BODY ? `${text.slice(0, LONGEST_BODY)}… (${body.length} bytes)` : text
}

/** In a list the year is known. */
function shortly(time: number): string {
  return when(time).slice('2026-'.length, -1)
}

function when(time: number): string {
  return new Date(time)
    .toISOString()
    .replace('T', ' ')
    .replace(/\.\d+Z$/, 'Z')
}

function eventJson(event: EventRecord): unknown {
  return snakeKeys({
    ...event,
    body: new TextDecoder().decode(event.body),
    deliveries: event.deliveries.map(withoutBookkeeping),
  })
}

function deliveryJson(delivery: DeliveryRecord): unknown {
  return snakeKeys(withoutBookkeeping(delivery))
}

function nameOf({ destination: { channel, target } }: DeliveryRecord): string {
  return `${channel} ${target}`
}

function withoutBookkeeping({
  owedSince: _owedSince,
  destination: { channel, target },
  history,
  ...delivery
}: DeliveryRecord): object {
  return {
    ...delivery,
    channel,
    target,
    attempts: history.map(({ deliveryId: _deliveryId, ...attempt }) => attempt),
  }
}

/** Keys as the configuration writes them, and times (keys that end in `At`) as ISO strings. */
function snakeKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(snakeKeys)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, child]) => [
      key.replace(/[A-Z]/g, (capital) => `_${capital.toLowerCase()}`),
      key.endsWith('At') && typeof child === 'number' ? new Date(child).toISOString() : snakeKeys(child),
    ]),
  )
}
