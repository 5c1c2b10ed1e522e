import { availableAt, type DestinationStatus, statusOf } from '../../core/delivery/destination.ts'
import type { DestinationRecord, Store } from '../../store/store.ts'
import type { Define } from '../context.ts'
import { printTable } from '../terminal/table.ts'
import { print, printable, printJson, type Style, type Terminal } from '../terminal/terminal.ts'
import { withStore } from '../with-store.ts'
import { isoOrNull, nameOf, shortly } from './words.ts'

export const defineDestinations: Define = (command, context) => {
  command
    .option('--json', 'print JSON')
    .action(({ json }: { json?: boolean }) =>
      withStore(context, (store) => listDestinations(context.terminal, store, json === true)),
    )
}

interface Row {
  readonly record: DestinationRecord
  readonly status: DestinationStatus | 'new'
  readonly since: number | null
  readonly reason: string | null
  readonly nextAttemptAt: number | null
}

async function listDestinations(terminal: Terminal, store: Store, json: boolean): Promise<void> {
  const now = store.now()
  const rows = (await store.destinations()).map((record) => toRow(record, now))
  if (json) return printJson(terminal, { destinations: rows.map(toJson) })
  if (rows.length === 0) return print(terminal, 'no destinations yet: there has been no message to send')
  printTable(terminal, rows, [
    { title: 'DESTINATION', value: ({ record }) => nameOf(record.destination), shrinks: 'wrap', least: 20 },
    { title: 'STATUS', value: ({ status }) => status, style: ({ status }) => styles[status] },
    { title: 'WAITING', value: ({ record }) => String(record.waiting + record.sending) },
    { title: 'PARKED', value: ({ record }) => String(record.parked) },
    { title: 'DEAD', value: ({ record }) => String(record.dead) },
    { title: 'NEXT ATTEMPT', value: nextAttempt(now) },
    { title: 'WHY', value: why, shrinks: 'below' },
  ])
  const left = rows.reduce((sum, { record }) => sum + record.parked + record.dead, 0)
  if (left > 0) print(terminal, `\n"${terminal.command} deliveries --state parked,dead" says why`)
}

const styles = {
  new: 'dim',
  working: 'green',
  failing: 'yellow',
  paused: 'yellow',
  broken: 'red',
} as const satisfies Record<Row['status'], Style>

// Only pauses matter here: the rate limit is in the configuration, which may be broken.
const unlimited = { rate: Number.POSITIVE_INFINITY, burst: Number.POSITIVE_INFINITY }

function toRow(record: DestinationRecord, now: number): Row {
  const { state, waiting, firstDueAt } = record
  if (state === null) {
    return { record, status: 'new', since: null, reason: null, nextAttemptAt: firstDueAt }
  }
  const status = statusOf(state, now)
  const since = status === 'paused' ? (state.retryAfter?.from ?? null) : state.failingSince
  const reason = status === 'paused' ? (state.reason ?? 'it asked for a pause (Retry-After)') : state.reason
  const nextAttemptAt = waiting === 0 ? null : Math.max(firstDueAt ?? now, availableAt(state, unlimited, now))
  return { record, status, since, reason, nextAttemptAt }
}

function nextAttempt(now: number): (row: Row) => string {
  return ({ nextAttemptAt }) =>
    nextAttemptAt === null ? '' : nextAttemptAt <= now ? 'now' : shortly(nextAttemptAt)
}

function why({ since, reason }: Row): string {
  if (reason === null) return ''
  return since === null ? printable(reason) : `since ${shortly(since)}: ${printable(reason)}`
}

function toJson({ record, status, since, reason, nextAttemptAt }: Row): object {
  const { destination, state, waiting, sending, parked, dead } = record
  return {
    channel: destination.channel,
    target: destination.target,
    status,
    since: isoOrNull(since),
    reason,
    failures: state?.failures ?? 0,
    last_success_at: isoOrNull(state?.lastSuccessAt ?? null),
    waiting,
    sending,
    parked,
    dead,
    next_attempt_at: isoOrNull(nextAttemptAt),
  }
}
