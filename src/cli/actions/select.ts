/** Selects the deliveries for `resend` and `dismiss`: by ids or by filters. */
import type { Command } from 'commander'
import { type Delivery, type State, unresolvedStates } from '../../core/delivery/delivery.ts'
import type { DeliveryFilter, Store } from '../../store/store.ts'
import {
  type DeliveryFlags,
  deliveryFilter,
  type EventFlags,
  fits,
  hasDeliveryFilter,
  hasEventFilter,
  pages,
  withDeliveryFilters,
  withEventFilters,
} from '../history/filters.ts'
import { type FoundRecord, findOne, withWholeSubject } from '../history/find.ts'
import { progressCount } from '../terminal/progress.ts'
import { CommandError, type Terminal } from '../terminal/terminal.ts'

export interface SelectFlags extends EventFlags, DeliveryFlags {
  readonly dryRun?: boolean
  readonly yes?: boolean
  readonly json?: boolean
}

/**
 * Adds the arguments and options that select deliveries, and the options of every command that changes several. `ids`: what the ids
 * may identify.
 */
export function selects(command: Command, ids: string): Command {
  return withEventFilters(
    withDeliveryFilters(command.argument('[ids...]', `${ids}; or use the filters below`)),
  )
    .option('--dry-run', 'print what would be done, and do nothing')
    .option('--yes', 'do not ask for confirmation')
    .option('--json', 'print JSON')
}

/** Fails if neither ids nor filters are given, or both. */
export function checkSelection(ids: readonly string[], flags: SelectFlags): void {
  if (ids.length === 0 && !hasEventFilter(flags) && !hasDeliveryFilter(flags))
    throw new CommandError(
      'nothing is selected: pass ids, or filters such as --state and --receiver (--help lists them)',
      2,
    )
  if (ids.length > 0 && hasEventFilter(flags))
    throw new CommandError('give either ids, or --type, --source, --subject, --since and --until', 2)
}

/** The records of all ids. Fails if any id has none, naming each of those. */
export async function findAll(store: Store, ids: readonly string[]): Promise<readonly FoundRecord[]> {
  const targets: FoundRecord[] = []
  const failures: string[] = []
  for (const id of ids) {
    try {
      targets.push(await findOne(store, id))
    } catch (error) {
      if (!(error instanceof CommandError)) throw error
      failures.push(error.message)
    }
  }
  if (failures.length > 0) throw new CommandError(failures.join('\n'))
  return targets
}

/**
 * The deliveries, a few at a time. A delivery named by its id is selected in any state, unless --state is given; of an
 * event or a filter, only those that need a person are.
 */
export async function* selectDeliveries(
  terminal: Terminal,
  store: Store,
  ids: readonly string[],
  flags: SelectFlags,
): AsyncGenerator<readonly Delivery[]> {
  const filter = deliveryFilter(await withWholeSubject(store, flags))
  const states: readonly State[] = filter.states ?? unresolvedStates
  if (ids.length > 0) {
    yield ofTargets(await findAll(store, ids), filter, states)
    return
  }
  const progress = progressCount(terminal, 'deliveries found')
  let found = 0
  for await (const page of pages((request) => store.deliveries({ ...filter, states }, request))) {
    if (found > 0) progress(found)
    found += page.length
    yield page
  }
  progress(null)
}

function ofTargets(
  targets: readonly FoundRecord[],
  filter: DeliveryFilter,
  states: readonly State[],
): readonly Delivery[] {
  const chosen = targets.flatMap(({ event, delivery }): readonly Delivery[] =>
    delivery === null
      ? event.plans.flatMap(({ deliveries }) => deliveries.filter((one) => fits(one, { ...filter, states })))
      : [delivery].filter((one) => fits(one, filter)),
  )
  return [...new Map(chosen.map((delivery) => [delivery.id, delivery])).values()]
}
