/** `hookbridge explain --since`: what a configuration would change for the events that are stored. */

import { type Simulation, simulate } from '../../config/checks/tests/simulate.ts'
import type { CompiledConfig } from '../../config/compiled.ts'
import type { Delivery } from '../../core/delivery/delivery.ts'
import type { Destination } from '../../core/delivery/destination.ts'
import { describeThrown } from '../../core/text/thrown.ts'
import type { EventRecord, Store } from '../../store/store.ts'
import { storedEvent } from '../event-input.ts'
import { pages } from '../history/filters.ts'
import { progressBar } from '../terminal/progress.ts'
import { printTable } from '../terminal/table.ts'
import { CommandError, colour, print, printable, printJson, type Terminal } from '../terminal/terminal.ts'

type Kind = 'newly routed' | 'no longer routed' | 'moved' | 'template fails' | 'routing fails'

/** Events that change in the same way. */
interface Change {
  readonly kind: Kind
  readonly type: string
  /** The targets before and after the change, or what would fail. */
  readonly from: string
  readonly to: string
  readonly events: string[]
}

/** Nothing is sent or stored. Fails after reporting everything if a template or a route would fail. */
export async function explainHistory(
  terminal: Terminal,
  compiled: CompiledConfig,
  store: Store,
  since: number,
  json: boolean,
): Promise<void> {
  const changes = new Map<string, Change>()
  let events = 0
  const begun = Date.now()
  const bar = progressBar(terminal)
  for await (const record of storedEvents(store, begun - since)) {
    events += 1
    bar((begun - record.receivedAt) / since)
    for (const change of changesOf(compiled, record)) {
      const key = JSON.stringify([change.kind, change.type, change.from, change.to])
      const same = changes.get(key) ?? { ...change, events: [] }
      same.events.push(record.id)
      changes.set(key, same)
    }
  }
  bar(null)
  const found = [...changes.values()].sort((a, b) => b.events.length - a.events.length)
  if (json) printJson(terminal, { events, changes: found })
  else show(terminal, events, found)
  const failing = (wanted: Kind) => found.some(({ kind }) => kind === wanted)
  const what = [
    ...(failing('template fails') ? ['templates would fail'] : []),
    ...(failing('routing fails')
      ? ['events could not be routed: a bug in Hookbridge, please report it']
      : []),
  ]
  if (what.length > 0) throw new CommandError(json ? '' : what.join('; '))
}

/** Newest first; those that never became events are left out. */
async function* storedEvents(store: Store, since: number): AsyncGenerator<EventRecord> {
  for await (const page of pages((request) => store.events({ since }, request))) {
    for (const { id, problem } of page) {
      const record = problem === null ? await store.event(id) : null
      if (record !== null) yield record
    }
  }
}

function changesOf(compiled: CompiledConfig, record: EventRecord): Omit<Change, 'events'>[] {
  const type = record.type ?? ''
  const before = targets(presentDeliveries(record).map(({ destination }) => destination))
  let simulation: Simulation
  try {
    simulation = simulate(compiled, storedEvent(record))
  } catch (error) {
    return [{ kind: 'routing fails', type, from: before, to: describeThrown(error) }]
  }
  const after = targets(
    [...simulation.messages.map(({ delivery }) => delivery), ...simulation.skipped].map(
      ({ destination }) => destination,
    ),
  )
  const failures = simulation.messages
    .filter(({ rendered }) => rendered.failed.length > 0 || !rendered.ok)
    .map(({ delivery, rendered }) => ({
      kind: 'template fails' as const,
      type,
      from: nameOf(delivery.destination),
      to: rendered.notes.join('; '),
    }))
  if (before === after) return failures
  const kind = before === '' ? 'newly routed' : after === '' ? 'no longer routed' : 'moved'
  return [{ kind, type, from: before, to: after }, ...failures]
}

/**
 * The current deliveries of an event: for each receiver of its last plan, those of the last plan that has any for it,
 * because a replay may have been for one receiver alone.
 */
function presentDeliveries({ plans }: EventRecord): readonly Delivery[] {
  const present = plans.map(({ deliveries }) => deliveries.filter(({ state }) => state !== 'cancelled'))
  const receivers = [
    ...(plans.at(-1)?.routes.flatMap((route) => route.receivers) ?? []),
    ...(present.at(-1)?.map(({ receiver }) => receiver) ?? []),
  ]
  return [...new Set(receivers)].flatMap((receiver) => {
    const ofReceiver = present.map((deliveries) => deliveries.filter((one) => one.receiver === receiver))
    return ofReceiver.findLast((deliveries) => deliveries.length > 0) ?? []
  })
}

function targets(destinations: readonly Destination[]): string {
  return [...new Set(destinations.map(nameOf))].sort().join(', ')
}

function nameOf({ channel, target }: Destination): string {
  return `${channel} ${target}`
}

function show(terminal: Terminal, events: number, changes: readonly Change[]): void {
  const changed = new Set(changes.flatMap((change) => change.events)).size
  const of = `of ${events} stored ${events === 1 ? 'event' : 'events'}`
  if (changes.length === 0) {
    print(terminal, colour(terminal, 'green', `nothing changes for any ${of}`))
    return
  }
  print(terminal, `something changes for ${changed} ${of}\n`)
  printTable(terminal, changes, [
    {
      title: 'CHANGE',
      value: ({ kind }) => kind,
      style: ({ kind }) => (kind === 'moved' ? 'yellow' : kind === 'newly routed' ? 'green' : 'red'),
    },
    { title: 'EVENTS', value: (change) => String(change.events.length) },
    { title: 'TYPE', value: ({ type }) => printable(type), shrinks: 'end' },
    { title: 'FROM', value: ({ from }) => printable(from) || '–', shrinks: 'end' },
    { title: 'TO', value: ({ to }) => printable(to) || '–', shrinks: 'end' },
    { title: 'FOR EXAMPLE', value: (change) => change.events[0] ?? '' },
  ])
}
