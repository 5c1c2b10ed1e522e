/** The options that select events and deliveries, and their conversion to filters. */
import { type Command, InvalidArgumentError } from 'commander'
import { channels } from '../../channels/channels.ts'
import { parseDuration } from '../../config/schema/units.ts'
import { type Delivery, type State, states } from '../../core/delivery/delivery.ts'
import type { DeliveryFilter, EventFilter, Page, PageRequest } from '../../store/store.ts'
import { CommandError } from '../terminal/terminal.ts'

export interface EventFlags {
  readonly type?: string
  readonly source?: string
  readonly subject?: string
  readonly since?: number
  readonly until?: number
}

/** Filters on a delivery, not on its event. */
export interface DeliveryFlags {
  readonly state?: readonly State[]
  readonly receiver?: string
  readonly destination?: DestinationName
  readonly channel?: string
  readonly conversation?: string
}

/** A destination as an operator writes it; without a channel, it may be in any channel. */
export interface DestinationName {
  readonly channel?: string
  readonly target: string
}

export function withEventFilters(command: Command): Command {
  return command
    .option('--type <type>', 'only events of this type')
    .option('--source <name>', 'only events from this source')
    .option('--subject <id>', 'only events about this subject, such as the id of an analysis')
    .option(
      '--since <time>',
      'only from this time on: how long ago (30m, 7d), or a time (2026-11-23T12:00:00Z)',
      time,
    )
    .option('--until <time>', 'only before this time, written as for --since', time)
}

export function withDeliveryFilters(command: Command): Command {
  return command
    .option('--state <state>', `only in these states, separated by commas: ${states.join(', ')}`, state)
    .option('--receiver <name>', 'only for this receiver')
    .option(
      '--destination <destination>',
      "only to this destination: '#deal-flow', a@example.com, slack:#deal-flow",
      destinationName,
    )
    .option('--channel <name>', `only by this channel: ${channels.map(({ name }) => name).join(', ')}`)
    .option('--conversation <name>', 'only in this conversation; `deliveries show` prints its name')
}

export function eventFilter({ type, source, subject, since, until }: EventFlags): EventFilter {
  return {
    ...(type !== undefined && { type }),
    ...(source !== undefined && { source }),
    ...(subject !== undefined && { subject }),
    ...(since !== undefined && { since }),
    ...(until !== undefined && { until }),
  }
}

export function deliveryFilter(flags: EventFlags & DeliveryFlags): DeliveryFilter {
  const { state, receiver, destination, conversation } = flags
  const channel = destination?.channel ?? flags.channel
  if (flags.channel !== undefined && channel !== flags.channel)
    throw new CommandError(
      `--destination is in ${channel}, and --channel is ${flags.channel}: give one of them`,
      2,
    )
  return {
    ...eventFilter(flags),
    ...(state !== undefined && { states: state }),
    ...(receiver !== undefined && { receiver }),
    ...(channel !== undefined && { channel }),
    ...(destination !== undefined && { target: destination.target }),
    ...(conversation !== undefined && { conversation }),
  }
}

export function hasEventFilter(flags: EventFlags): boolean {
  return Object.keys(eventFilter(flags)).length > 0
}

export function hasDeliveryFilter(flags: DeliveryFlags): boolean {
  const { state, receiver, destination, channel, conversation } = flags
  return [state, receiver, destination, channel, conversation].some((given) => given !== undefined)
}

/** Filters deliveries that were found by an id, as the store filters lists. */
export function fits(
  { state, receiver, destination, conversation }: Delivery,
  filter: DeliveryFilter,
): boolean {
  return (
    (filter.states?.includes(state) ?? true) &&
    receiver === (filter.receiver ?? receiver) &&
    conversation === (filter.conversation ?? conversation) &&
    destination.channel === (filter.channel ?? destination.channel) &&
    destination.target === (filter.target ?? destination.target)
  )
}

const PAGE = 1_000

/** All pages of a list, one at a time. */
export async function* pages<Item>(
  read: (page: PageRequest) => Promise<Page<Item>>,
): AsyncGenerator<readonly Item[]> {
  let cursor: string | null | undefined
  while (cursor !== null) {
    const page: Page<Item> = await read({ limit: PAGE, ...(cursor !== undefined && { cursor }) })
    yield page.items
    cursor = page.next
  }
}

/** For an option that may be given several times, or with commas. */
function state(text: string, before: readonly State[] = []): State[] {
  const found = text.split(',').map((name) => states.find((known) => known === name.trim()))
  if (found.includes(undefined)) throw new InvalidArgumentError(`the states are ${states.join(', ')}`)
  return [...before, ...found.filter((one) => one !== undefined)]
}

function destinationName(text: string): DestinationName {
  const [, name, target] = /^([a-z]+):(.+)$/s.exec(text) ?? []
  const channel = channels.find((known) => known.name === name)?.name
  return channel === undefined || target === undefined ? { target: text } : { channel, target }
}

/** A duration before now, or a time. */
function time(text: string): number {
  const ago = parseDuration(text)
  if (ago !== null) return Date.now() - ago
  const at = /^\d{4}-\d{2}-\d{2}/.test(text) ? Date.parse(text) : Number.NaN
  if (Number.isNaN(at))
    throw new InvalidArgumentError(
      'write a duration such as 30m, 12h or 7d, or a time such as 2026-11-23T12:00:00Z',
    )
  return at
}
