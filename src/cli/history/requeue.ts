import type { CompiledConfig } from '../../config/compiled.ts'
import { eventOf } from '../../core/event.ts'
import { plan, skippedBecause } from '../../core/plan.ts'
import type { DeliveryFilter, EventRecord, Store } from '../../store/store.ts'
import { duration, load, type Register, sinceNow, withStore } from '../context.ts'
import { CommandError, print, printJson, type Terminal } from '../terminal.ts'
import { state } from './history.ts'

const MOST_AT_ONCE = 100_000

export const registerRequeue: Register = (hookbridge, context) => {
  const { terminal } = context
  hookbridge
    .command('resend [ids...]')
    .description('attempt finished deliveries again')
    .option('--state <state...>', 'all in this state', state)
    .option('--receiver <name>', 'all for this receiver')
    .option('--channel <name>', 'all by this channel')
    .option('--since <duration>', 'created in the last … (30m, 7d)', duration)
    .option('--json', 'print JSON')
    .action((ids: string[], { json, state, ...filter }) =>
      withStore(context, (store) =>
        resend(terminal, store, ids, { ...sinceNow(filter), ...(state && { states: state }) }, json === true),
      ),
    )
  hookbridge
    .command('replay <ids...>')
    .description('route stored events again, as the configuration says now')
    .option('--json', 'print JSON')
    .action((ids: string[], options: { json?: boolean }) => {
      const compiled = load(context)
      return withStore(context, (store) => replay(terminal, store, compiled, ids, options.json === true))
    })
}

/** `hookbridge resend`: attempts finished deliveries again, by id or by what they have in common. */
async function resend(
  terminal: Terminal,
  store: Store,
  ids: readonly string[],
  filter: Omit<DeliveryFilter, 'ids' | 'limit'>,
  json: boolean,
): Promise<void> {
  const filtered =
    filter.states !== undefined || filter.receiver !== undefined || filter.channel !== undefined
  if (ids.length === 0 && !filtered) {
    throw new CommandError(
      'say which: ids of deliveries, or --state, --receiver, --channel (hookbridge deliveries lists them)',
      2,
    )
  }
  const wanted = await store.deliveries({ ...filter, ...(ids.length > 0 && { ids }), limit: MOST_AT_ONCE })
  const unknown = ids.filter((id) => !wanted.some((delivery) => delivery.id === id))
  const changed = await store.resend(
    wanted.map(({ id }) => id),
    Date.now(),
  )
  const untouched = wanted.filter(({ id }) => !changed.includes(id))
  if (json) printJson(terminal, { resent: changed, unknown, untouched: untouched.map(({ id }) => id) })
  else {
    print(
      terminal,
      `${count(changed.length, 'delivery', 'deliveries')} due now; a running service attempts them within a second`,
    )
    for (const id of unknown) print(terminal, `no delivery ${id}`)
    for (const { id, state } of untouched) print(terminal, `${id} is ${state}: left alone`)
  }
  if (unknown.length > 0) throw new CommandError(`${unknown.length} of the ids are unknown`)
}

/** `hookbridge replay`: routes stored events again, as the configuration says now, and owes what comes out of it. */
async function replay(
  terminal: Terminal,
  store: Store,
  compiled: CompiledConfig,
  ids: readonly string[],
  json: boolean,
): Promise<void> {
  const results: { readonly event: string; readonly deliveries: number }[] = []
  const failures: string[] = []
  for (const id of ids) {
    const [event] = await store.events({ id, limit: 1 })
    if (event === undefined) {
      failures.push(`no event ${id}`)
      continue
    }
    const deliveries = await replayOne(store, compiled, event)
    if (typeof deliveries === 'string') failures.push(`${event.id}: ${deliveries}`)
    else results.push({ event: event.id, deliveries })
  }
  if (json) printJson(terminal, { replayed: results, failed: failures })
  else
    for (const { event, deliveries } of results)
      print(terminal, `${event}: ${count(deliveries, 'delivery', 'deliveries')} owed`)
  if (failures.length > 0) throw new CommandError(failures.join('\n'))
}

async function replayOne(
  store: Store,
  compiled: CompiledConfig,
  record: EventRecord,
): Promise<number | string> {
  const event = eventOf(record)
  // A request quarantined for a wrong event_type stays there: its sender can send it again.
  if (event === null)
    return 'it is quarantined and never became an event; fix the source and let the sender resend it'
  const { deliveries } = plan(compiled, event)
  const appended = await store.append({ kind: 'replay', eventId: event.id, now: Date.now(), deliveries })
  return appended.kind === 'unknown'
    ? 'it is gone'
    : deliveries.filter((delivery) => skippedBecause(delivery) === null).length
}

function count(number: number, one: string, many: string): string {
  return `${number} ${number === 1 ? one : many}`
}
