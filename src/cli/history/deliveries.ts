import type { DeliverySummary, Page, PageRequest, Store } from '../../store/store.ts'
import { type Define, positive } from '../context.ts'
import { printTable } from '../terminal/table.ts'
import { colour, listWidth, print, printable, printJson, type Terminal } from '../terminal/terminal.ts'
import { withStore } from '../with-store.ts'
import { describeDelivery, hanging } from './describe.ts'
import {
  type DeliveryFlags,
  deliveryFilter,
  type EventFlags,
  withDeliveryFilters,
  withEventFilters,
} from './filters.ts'
import { findOne, foundBy, withWholeSubject } from './find.ts'
import { follow } from './follow.ts'
import { deliveryJson, deliverySummaryJson } from './json.ts'
import { withKnownNames } from './known-names.ts'
import { countedPage, type PageFlags, printMore, totalJson } from './pager.ts'
import { shortIds } from './short-ids.ts'
import { nameOf, reasonOf, shortly, stateStyles } from './words.ts'

interface ListFlags extends EventFlags, DeliveryFlags, PageFlags {
  readonly follow?: boolean
  readonly json?: boolean
}

export const defineDeliveries: Define = (command, context) => {
  const { terminal } = context
  withEventFilters(withDeliveryFilters(command))
    .option('--limit <number>', 'how many to list (default: 50; with --follow: 10)', positive)
    .option('--cursor <cursor>', 'continue a list: the cursor from its last line')
    .option('--follow', 'keep printing what is new or changed, until Ctrl-C')
    .option('--json', 'print JSON; with --follow, one object a line')
    .action((flags: ListFlags) =>
      withStore(context, async (store) =>
        listDeliveries(terminal, store, await withKnownNames(context, store, flags)),
      ),
    )
  command
    .command('show')
    .argument('<id>', 'the id of a delivery or of its event; a unique beginning is enough')
    .description('show one delivery with its attempts, or all deliveries of an event')
    .option('--json', 'print JSON')
    .action((id: string, _flags, self) =>
      withStore(context, (store) =>
        showDeliveries(terminal, store, id, self.optsWithGlobals().json === true),
      ),
    )
}

export async function listDeliveries(terminal: Terminal, store: Store, flags: ListFlags): Promise<void> {
  const filter = deliveryFilter(await withWholeSubject(store, flags))
  const read = (request: PageRequest) => store.deliveries(filter, request)
  if (flags.follow) return followDeliveries(terminal, read, flags)
  const page = await countedPage(read, flags)
  if (flags.json)
    return printJson(terminal, { deliveries: page.items.map(deliverySummaryJson), ...totalJson(page) })
  if (page.items.length === 0) return print(terminal, 'no deliveries')
  const shortId = await shortIds(
    store,
    Number.isFinite(listWidth(terminal)) ? page.items.map(({ id }) => id) : [],
  )
  printTable(terminal, page.items, [
    { title: 'CREATED UTC', value: ({ createdAt }) => shortly(createdAt) },
    { title: 'ID', value: ({ id }) => id, short: ({ id }) => shortId(id) },
    { title: 'DESTINATION', value: ({ destination }) => nameOf(destination), shrinks: 'wrap', least: 20 },
    { title: 'STATE', value: ({ state }) => state, style: ({ state }) => stateStyles[state] },
    { title: 'REASON', value: reasonOf, shrinks: 'below' },
  ])
  printMore(terminal, page, 'deliveries')
}

function followDeliveries(
  terminal: Terminal,
  read: (request: PageRequest) => Promise<Page<DeliverySummary>>,
  flags: ListFlags,
): Promise<void> {
  const show = (delivery: DeliverySummary) => {
    if (flags.json) return print(terminal, JSON.stringify(deliverySummaryJson(delivery)))
    const { createdAt, id, destination, state } = delivery
    const words = [shortly(createdAt), id, nameOf(destination), colour(terminal, stateStyles[state], state)]
    print(terminal, [...words, reasonOf(delivery)].join('  ').trimEnd())
  }
  const stateOf = ({ state, attempts }: DeliverySummary) =>
    state === 'sending' ? null : `${state} ${attempts}`
  return follow({ read, stateOf, show }, flags)
}

async function showDeliveries(terminal: Terminal, store: Store, id: string, json: boolean): Promise<void> {
  const target = await findOne(store, id)
  const all = target.event.plans.flatMap(({ deliveries }) => deliveries)
  const shown = target.delivery === null ? all : [target.delivery]
  if (json) return printJson(terminal, { deliveries: shown.map((one) => deliveryJson(one, all)) })
  const by = foundBy(target, id)
  if (by !== null) print(terminal, colour(terminal, 'dim', by))
  const { event } = target
  const type = printable(event.type ?? '(in quarantine)')
  const name = `event ${event.id}`
  const lines = hanging(terminal, '', `${name}  ${type}`, '  ')
  print(terminal, lines.join('\n').replace(name, colour(terminal, 'bold', name)))
  for (const delivery of shown) print(terminal, describeDelivery(terminal, delivery, all).join('\n'))
  if (shown.length === 0) print(terminal, '  it has no deliveries')
}
