import { Option } from 'commander'
import { type State, states, unresolvedStates } from '../../core/delivery/delivery.ts'
import { NOTICE_SOURCE } from '../../core/notice/notice.ts'
import { codeOf } from '../../core/receiving/quarantine.ts'
import type { EventFilter, EventSummary, Page, PageRequest, Store } from '../../store/store.ts'
import { type Define, positive } from '../context.ts'
import { printTable } from '../terminal/table.ts'
import {
  colour,
  listWidth,
  print,
  printable,
  printJson,
  type Style,
  type Terminal,
} from '../terminal/terminal.ts'
import { withStore } from '../with-store.ts'
import { describeEvent } from './describe.ts'
import { type EventFlags, eventFilter, withEventFilters } from './filters.ts'
import { findOne, foundBy, withWholeSubject } from './find.ts'
import { follow } from './follow.ts'
import { eventJson, eventSummaryJson } from './json.ts'
import { withKnownNames } from './known-names.ts'
import { countedPage, type PageFlags, printMore, totalJson } from './pager.ts'
import { shortIds, shortSubjects } from './short-ids.ts'
import { shortly } from './words.ts'

interface ListFlags extends EventFlags, PageFlags {
  readonly kind?: EventFilter['kind']
  readonly follow?: boolean
  readonly json?: boolean
}

export const defineEvents: Define = (command, context) => {
  const { terminal } = context
  withEventFilters(command)
    .addOption(
      new Option(
        '--kind <kind>',
        'only events that a route took, events that no route took, or requests in quarantine',
      ).choices(['routed', 'unrouted', 'quarantined']),
    )
    .option('--limit <number>', 'how many to list (default: 50; with --follow: 10)', positive)
    .option('--cursor <cursor>', 'continue a list: the cursor from its last line')
    .option('--follow', 'keep printing what is new or changed, until Ctrl-C')
    .option('--json', 'print JSON; with --follow, one object a line')
    .action((flags: ListFlags) =>
      withStore(context, async (store) =>
        listEvents(terminal, store, await withKnownNames(context, store, flags)),
      ),
    )
  command
    .command('show')
    .argument(
      '<id>',
      'the id of an event, of its message, of its subject or of a delivery; a unique beginning is enough',
    )
    .description('show one event with everything that happened to it')
    .option('--json', 'print JSON')
    .action((id: string, _flags, self) =>
      withStore(context, (store) => showEvent(terminal, store, id, self.optsWithGlobals().json === true)),
    )
}

export async function listEvents(terminal: Terminal, store: Store, flags: ListFlags): Promise<void> {
  const whole = await withWholeSubject(store, flags)
  const filter = { ...eventFilter(whole), ...(flags.kind !== undefined && { kind: flags.kind }) }
  const read = (request: PageRequest) => store.events(filter, request)
  if (flags.follow) return followEvents(terminal, read, flags)
  const page = await countedPage(read, flags)
  const events = page.items
  if (flags.json) return printJson(terminal, { events: events.map(eventSummaryJson), ...totalJson(page) })
  if (events.length === 0) return print(terminal, 'no events')
  const isNarrow = Number.isFinite(listWidth(terminal))
  // If there is little room, the types of notices show where they come from.
  const named = events.filter(({ source }) => !isNarrow || source !== NOTICE_SOURCE)
  const isOneSource = named.every(({ source }) => source === named[0]?.source)
  const shortId = await shortIds(store, isNarrow ? events.map(({ id }) => id) : [])
  const shortSubject = await shortSubjects(store, isNarrow ? events.map(({ subject }) => subject) : [])
  printTable(terminal, events, [
    { title: 'RECEIVED UTC', value: ({ receivedAt }) => shortly(receivedAt) },
    { title: 'ID', value: ({ id }) => id, short: ({ id }) => shortId(id) },
    ...(isOneSource
      ? []
      : [
          {
            title: 'SOURCE',
            value: ({ source }: EventSummary) => source,
            shrinks: 'wrap',
            least: 6,
          } as const,
        ]),
    { title: 'TYPE', value: typeOf, shrinks: 'wrap', least: 10 },
    {
      title: 'SUBJECT',
      value: ({ subject }) => printable(subject ?? ''),
      short: ({ subject }) => printable(shortSubject(subject)),
      shrinks: 'end',
      least: 12,
      fallsBelow: true,
    },
    { title: 'DELIVERIES', value: summary, style: summaryStyle, shrinks: 'wrap', least: 12 },
  ])
  printMore(terminal, page, 'events')
}

function followEvents(
  terminal: Terminal,
  read: (request: PageRequest) => Promise<Page<EventSummary>>,
  flags: ListFlags,
): Promise<void> {
  const show = (event: EventSummary) => {
    if (flags.json) return print(terminal, JSON.stringify(eventSummaryJson(event)))
    const deliveries = colour(terminal, summaryStyle(event), summary(event))
    const words = [
      shortly(event.receivedAt),
      event.id,
      typeOf(event),
      printable(event.subject ?? ''),
      deliveries,
    ]
    print(terminal, words.filter((word) => word !== '').join('  '))
  }
  const isUnderWay = ({ counts, enriching }: EventSummary) =>
    enriching || (counts.pending ?? counts.sending) !== undefined
  const stateOf = (event: EventSummary) => (isUnderWay(event) ? null : summary(event))
  return follow({ read, stateOf, show }, flags)
}

function typeOf({ type, problem }: EventSummary): string {
  return printable(type ?? `(${codeOf(problem ?? '')})`)
}

function summary({ problem, counts, unrouted, releasedAs, enriching }: EventSummary): string {
  if (problem !== null) return releasedAs === null ? 'quarantined' : 'released'
  const words = states.flatMap((state) => (counts[state] === undefined ? [] : [`${counts[state]} ${state}`]))
  if (words.length > 0) return words.join(', ')
  if (enriching) return 'enriching'
  return unrouted ? 'unrouted' : 'none'
}

const unresolved: readonly State[] = unresolvedStates
const finished: readonly State[] = ['delivered', 'skipped', 'merged', 'cancelled', 'dismissed']

function summaryStyle({ problem, releasedAs, counts }: EventSummary): Style {
  const found = states.filter((state) => counts[state] !== undefined)
  if (problem !== null) return releasedAs === null ? 'red' : 'dim'
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
