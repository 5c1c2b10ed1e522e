/** `hookbridge explain --since`: what a configuration would change for the events that are stored. */

import { type Simulation, simulate } from '../../config/checks/simulate.ts'
import type { CompiledConfig } from '../../config/compiled.ts'
import type { Destination } from '../../core/destination.ts'
import type { EventRecord, Store } from '../../store/store.ts'
import { storedEvent } from '../event-input.ts'
import { CommandError, colour, print, printable, printJson, printTable, type Terminal } from '../terminal.ts'

type Kind = 'newly routed' | 'no longer routed' | 'moved' | 'template fails'

/** Events that change in the same way. */
interface Change {
  readonly kind: Kind
  readonly type: string
  /** The targets as they were, and as they would be; what fails, where a template does. */
  readonly from: string
  readonly to: string
  readonly events: string[]
}

const PAGE = 500

/** Nothing is sent or stored. Fails, after it told all, where a template would fail. */
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
    for (const change of changesOf(record, simulate(compiled, storedEvent(record)))) {
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
  const failures = found.filter(({ kind }) => kind === 'template fails')
  if (failures.length > 0) throw new CommandError(json ? '' : 'templates would fail')
}

/** Newest first, in pages; those that never became events are left out. */
async function* storedEvents(store: Store, since: number): AsyncGenerator<EventRecord> {
  let until = Number.MAX_SAFE_INTEGER
  let limit = PAGE
  let seen = new Set<string>()
  for (;;) {
    const page = await store.events({ since, until, limit })
    const fresh = page.filter(({ id }) => !seen.has(id))
    yield* fresh.filter(({ type }) => type !== null)
    const last = page.at(-1)
    if (last === undefined || page.length < limit) return
    // More were received in one millisecond than a page holds.
    limit = fresh.length === 0 ? limit * 2 : PAGE
    until = last.receivedAt
    seen = new Set(page.map(({ id }) => id))
  }
}

function changesOf(record: EventRecord, simulation: Simulation): Omit<Change, 'events'>[] {
  const type = record.type ?? ''
  const before = targets(
    record.deliveries
      .filter(({ createdAt }) => createdAt === record.receivedAt)
      .map(({ destination }) => destination),
  )
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
    { title: 'TYPE', value: ({ type }) => printable(type), shrinks: true },
    { title: 'FROM', value: ({ from }) => printable(from) || '–', shrinks: true },
    { title: 'TO', value: ({ to }) => printable(to) || '–', shrinks: true },
    { title: 'FOR EXAMPLE', value: (change) => change.events[0] ?? '' },
  ])
}

const BAR = 30

/** Draws how much is done, of 1, where a person watches; null takes the bar away. */
function progressBar({ err }: Terminal): (done: number | null) => void {
  let drawn = -1
  return (done) => {
    if (err.isTTY !== true) return
    const filled = done === null ? -1 : Math.floor(Math.min(Math.max(done, 0), 1) * BAR)
    if (filled === drawn) return
    drawn = filled
    err.write(filled === -1 ? '\r\u001b[K' : `\r${'█'.repeat(filled)}${'░'.repeat(BAR - filled)}`)
  }
}
