import { type Delivery, type State, unresolvedStates } from '../../core/delivery/delivery.ts'
import type { Store } from '../../store/store.ts'
import type { Define } from '../context.ts'
import { withKnownNames } from '../history/known-names.ts'
import { deliveries } from '../history/words.ts'
import { inBatches } from '../terminal/progress.ts'
import { CommandError, print, printJson, type Terminal } from '../terminal/terminal.ts'
import { withStore } from '../with-store.ts'
import { checkSelection, type SelectFlags, selectDeliveries, selects } from './select.ts'

interface DismissFlags extends SelectFlags {
  readonly reason: string
}

export const defineDismiss: Define = (command, context) => {
  selects(command, 'ids of deliveries, or of events (for their parked and dead deliveries)')
    .requiredOption('--reason <text>', 'why; kept in the history')
    .action(async (ids: string[], flags: DismissFlags) => {
      checkSelection(ids, flags)
      if (flags.reason.trim() === '') throw new CommandError('--reason must not be empty: say why', 2)
      await withStore(context, async (store) =>
        dismissCommand(context.terminal, store, ids, await withKnownNames(context, store, flags)),
      )
    })
}

const dismissible: readonly State[] = unresolvedStates

async function dismissCommand(
  terminal: Terminal,
  store: Store,
  ids: readonly string[],
  flags: DismissFlags,
): Promise<void> {
  const wanted: string[] = []
  const others: Pick<Delivery, 'id' | 'state'>[] = []
  for await (const batch of selectDeliveries(terminal, store, ids, flags)) {
    for (const { id, state } of batch) {
      if (dismissible.includes(state)) wanted.push(id)
      else others.push({ id, state })
    }
  }
  const dismissed = new Set(
    flags.dryRun
      ? wanted
      : await inBatches(terminal, wanted, (batch) => store.dismiss(batch, flags.reason, store.now())),
  )
  const changedMeanwhile = wanted.filter((id) => !dismissed.has(id))
  if (flags.json) {
    const untouched = [...others.map(({ id }) => id), ...changedMeanwhile]
    return printJson(terminal, { dry_run: flags.dryRun === true, dismissed: [...dismissed], untouched })
  }
  const none = wanted.length + others.length === 0 ? ': none of them is parked or dead' : ''
  print(terminal, `${deliveries(dismissed.size)} ${flags.dryRun ? 'would be dismissed' : 'dismissed'}${none}`)
  for (const [state, all] of Map.groupBy(others, (one) => one.state))
    print(terminal, `${deliveries(all.length)} left alone: ${state}, as ${all[0]?.id}`)
  if (changedMeanwhile.length > 0)
    print(terminal, `${deliveries(changedMeanwhile.length)} left alone: neither parked nor dead any more`)
}
