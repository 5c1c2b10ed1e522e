import { Option } from 'commander'
import { type State, states, unresolvedStates } from '../../core/delivery.ts'
import type { EventFilter, EventSummary, PageRequest, Store } from '../../store/store.ts'
import { positive, type Register, withStore } from '../context.ts'
import { printTable } from '../table.ts'
import { colour, print, printable, printJson, type Style, type Terminal } from '../terminal.ts'
import { describeEvent } from './describe.ts'
import { type EventFlags, eventFilter, withEventFilters } from './filters.ts'
import { findOne, foundBy } from './find.ts'
import { eventJson, eventSummaryJson } from './json.ts'
import { fillPage, type PageFlags, printMore } from './pager.ts'
import { shortly } from './words.ts'

interface ListFlags extends EventFlags, PageFlags {
  readonly kind?: EventFilter['kind']
  readonly json?: boolean
}

export const registerEvents: Register = (hookbridge, context) => {
  const { terminal } = context
  const events = withEventFilters(
    hookbridge.command('events').description('list what was received, newest first'),
  )
  events
    .addOption(new Option('--kind <kind>', 'only these').choices(['routed', 'unrouted', 'quarantined']))
    .option('--limit <number>', 'at most so many', positive, 50)
    .option('--cursor <cursor>', 'go on where a list ended')
    .option('--json', 'print JSON')
    .action((flags: ListFlags) => withStore(context, (store) => listEvents(terminal, store, flags)))
  events
    .command('show <id>')
    .description('one event with everything that happened to it')
    .option('--json', 'print JSON')
    .action((id: string, _flags, self) =>
      withStore(context, (store) => showEvent(terminal, store, id, self.optsWithGlobals().json === true)),
    )
}

export async function listEvents(terminal: Terminal, store: Store, flags: ListFlags): Promise<void> {
  const filter = { ...eventFilter(flags), ...(flags.kind !== undefined && { kind: flags.kind }) }
  const read = (request: PageRequest) => store.events(filter, request)
  const page = await fillPage(read, flags)
  const events = page.items
  if (flags.json) return printJson(terminal, { events: events.map(eventSummaryJson), next: page.next })
  if (events.length === 0) return print(terminal, 'no events')
  const isOneSource = events.every(({ source }) => source === events[0]?.source)
  const shortId = shortestIds(events.map(({ id }) => id))
  printTable(terminal, events, [
    { title: 'RECEIVED UTC', value: ({ receivedAt }) => shortly(receivedAt) },
    { title: 'ID', value: ({ id }) => id, short: ({ id }) => shortId(id) },
    ...(isOneSource ? [] : [{ title: 'SOURCE', value: ({ source }: EventSummary) => source }]),
    { title: 'TYPE', value: typeOf, shrinks: 'end', least: 12 },
    {
      title: 'SUBJECT',
      value: ({ subject }) => printable(subject ?? ''),
      shrinks: 'middle',
      least: 12,
    },
    { title: 'DELIVERIES', value: summary, style: summaryStyle, shrinks: 'wrap', least: 12 },
  ])
  await printMore(terminal, page, read, 'events')
}

const SHORTEST_ID = 16

/** The shortest unique prefix of each id: all commands accept it, and it fits a narrow terminal. */
function shortestIds(ids: readonly string[]): (id: string) => string {
  const distinct = new Set(ids).size
  let length = SHORTEST_ID
  while (new Set(ids.map((id) => id.slice(0, length))).size < distinct) length += 1
  return (id) => id.slice(0, length)
}

function typeOf({ type, problem }: EventSummary): string {
  return printable(type ?? `(${problem?.split(':')[0]})`)
}

function summary({ problem, counts, unrouted, takenUpBy }: EventSummary): string {
  if (problem !== null) return takenUpBy === null ? 'quarantined' : 'taken up'
  const words = states.flatMap((state) => (counts[state] === undefined ? [] : [`${counts[state]} ${state}`]))
  if (words.length > 0) return words.join(', ')
  return unrouted ? 'unrouted' : 'none'
}

const unresolved: readonly State[] = unresolvedStates
const finished: readonly State[] = ['delivered', 'skipped', 'merged', 'cancelled', 'dismissed']

function summaryStyle({ problem, takenUpBy, counts }: EventSummary): Style {
  const found = states.filter((state) => counts[state] !== undefined)
  if (problem !== null) return takenUpBy === null ? 'red' : 'dim'
  if (found.some((state) => unresolved.includes(state))) return 'red'
  return found.length > 0 && found.every((state) => finished.includes(state)) ? 'green' : 'yellow'
}

async function showEvent(terminal: Terminal, store: Store, id: string, json: boolean): Promise<void> {
  const target = await findOne(store, id)
  if (json) return printJson(terminal, eventJson(target.event))
  const by = foundBy(target, id)
  if (by !== null) print(terminal, colour(terminal, 'dim', by))
  print(terminal, describeEvent(terminal, target.event).join('\n'))
}
