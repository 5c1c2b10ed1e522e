/** Checks names in filters: an unknown one selects nothing, and is usually misspelt. */
import { meant, quote } from '../../config/problem.ts'
import type { Destination } from '../../core/delivery/destination.ts'
import { NOTICE_SOURCE } from '../../core/notice/notice.ts'
import type { Store } from '../../store/store.ts'
import { namesOf } from '../completion/names.ts'
import type { Context } from '../context.ts'
import { printable, wrapped } from '../terminal/terminal.ts'
import type { DeliveryFlags, DestinationName, EventFlags } from './filters.ts'

type Flags = EventFlags & DeliveryFlags

const HISTORY = 'the history has no event of'
const BOTH = 'neither the configuration nor the history has'

/** Reports on standard error that a name is unknown, and which known one may be meant. */
type Report = (where: string, what: string, name: string, known: readonly string[]) => void

/**
 * The filters with the whole name of the destination: `orders` may mean `#orders`. A name that neither the configuration nor the
 * history has is reported on standard error. Both are checked, because the history has names from earlier configurations.
 */
export async function withKnownNames<Given extends Flags>(
  context: Context,
  store: Store,
  flags: Given,
): Promise<Given> {
  const { terminal } = context
  const report: Report = (where, what, name, known) => {
    const words = `${where} the ${what} ${quote(name)}`
    const hint = meant(name, [...new Set(known)])
    const line = printable(hint === '' ? words : `${words}; ${hint}`)
    terminal.err.write(`${wrapped(terminal, 'err', line)}\n`)
  }
  await checkEventNames(context, store, flags, report)
  await checkReceiver(context, store, flags, report)
  if (flags.destination === undefined) return flags
  return { ...flags, destination: await knownDestination(context, store, flags, flags.destination, report) }
}

async function checkEventNames(
  { file }: Context,
  store: Store,
  { type, source }: Flags,
  report: Report,
): Promise<void> {
  if (type === undefined && source === undefined) return
  const received = await store.types()
  const types = received.map((one) => one.type)
  // The configuration has patterns for types, but no list of them.
  if (type !== undefined && !types.includes(type)) report(HISTORY, 'type', type, types)
  const sources = [...namesOf('source', file()), ...received.map((one) => one.source)]
  if (source !== undefined && ![...sources, NOTICE_SOURCE].includes(source))
    report(BOTH, 'source', source, sources)
}

async function checkReceiver(
  { file }: Context,
  store: Store,
  { receiver }: Flags,
  report: Report,
): Promise<void> {
  if (receiver === undefined) return
  const receivers = namesOf('receiver', file())
  if (receivers.includes(receiver)) return
  const { items } = await store.deliveries({ receiver }, { limit: 1 })
  if (items.length === 0) report(BOTH, 'receiver', receiver, receivers)
}

async function knownDestination(
  context: Context,
  store: Store,
  { channel }: Flags,
  given: DestinationName,
  report: Report,
): Promise<DestinationName> {
  const used = (await store.destinations()).map(({ destination }) => destination)
  const wanted = given.channel ?? channel
  const places = [...used, ...(await configured(context))].filter(
    (place) => (wanted ?? place.channel) === place.channel,
  )
  const targets = places.map(({ target }) => target)
  const target = wholeName(given.target, targets)
  if (!targets.includes(target)) report(BOTH, 'destination', target, targets)
  return { ...given, target }
}

/** None if the configuration has mistakes. */
async function configured({ terminal, file }: Context): Promise<readonly Destination[]> {
  // A list only needs the store's URL from the configuration.
  const { loadConfig } = await import('../../config/load.ts')
  const loaded = loadConfig(file(), terminal.env)
  return loaded.ok ? [...loaded.compiled.destinations.values()].flat() : []
}

/** Adds Slack's mark of a channel or a person if only that name exists: in a shell, # starts a comment. */
function wholeName(given: string, targets: readonly string[]): string {
  const forms = [given, `#${given}`, `@${given}`]
  return forms.find((form) => targets.includes(form)) ?? given
}
