import { eventOfFound, type LookUp, lookUp } from '../../store/lookup.ts'
import type { DeliveryRecord, EventRecord, Found, Store } from '../../store/store.ts'
import { CommandError, printable } from '../terminal/terminal.ts'

/** The event that an id names, and the delivery, if the id is a delivery's. */
export interface FoundRecord {
  readonly found: Found
  readonly event: EventRecord
  readonly delivery: DeliveryRecord | null
}

/** Fails if nothing has the id, or several things do. */
export async function findOne(store: Store, text: string): Promise<FoundRecord> {
  return recordOf(store, oneOf(text, await lookUp(store, text)))
}

export function oneOf(text: string, looked: LookUp): Found {
  if (looked.kind === 'one') return looked.found
  throw new CommandError(notOne(text, looked))
}

/** Why an id does not name exactly one thing, with the candidates. */
function notOne(text: string, looked: Exclude<LookUp, { kind: 'one' }>): string {
  if (looked.kind === 'none') {
    return `no event or delivery has the id ${printable(text)}; pass the sender's message id, the id of an event or a delivery, a subject, or the beginning of one of these ("hookbridge events" lists them)`
  }
  const width = Math.max(...looked.candidates.map(({ id }) => id.length))
  const lines = looked.candidates.map(
    ({ kind, id, by, text: whole }) =>
      `  ${kind.padEnd('delivery'.length)}  ${id.padEnd(width)}  ${by === 'id' ? '' : `${words[by]} ${printable(whole)}`}`,
  )
  const count = `${looked.more ? 'more than ' : ''}${looked.candidates.length}`
  const isSubject = looked.candidates.every(({ by, text: whole }) => by === 'subject' && whole === text)
  const next = isSubject
    ? `"hookbridge events --subject ${printable(text)}" lists its events`
    : 'type more of the id you mean'
  return [`${printable(text)} fits ${count} records; ${next}:`, ...lines.map((line) => line.trimEnd())].join(
    '\n',
  )
}

const words = { message_id: 'message', subject: 'subject' } as const satisfies Record<
  Exclude<Found['by'], 'id'>,
  string
>

export async function recordOf(store: Store, found: Found): Promise<FoundRecord> {
  const event = await eventOfFound(store, found)
  // A purge may have removed it between the two reads.
  if (event === null) throw new CommandError(`${found.id} has just been removed`)
  const made = event.plans.flatMap(({ deliveries }) => deliveries)
  return { found, event, delivery: made.find(({ id }) => id === found.id) ?? null }
}

const MOST_OF_SUBJECT = 1_000

/** The filters with the whole subject if only its beginning is given. Fails if several subjects begin with it. */
export async function withWholeSubject<Flags extends { readonly subject?: string }>(
  store: Pick<Store, 'find'>,
  flags: Flags,
): Promise<Flags> {
  const { subject } = flags
  if (subject === undefined) return flags
  const found = (await store.find(subject, MOST_OF_SUBJECT)).filter(({ by }) => by === 'subject')
  const [whole = subject, ...others] = new Set(found.map(({ text }) => text))
  if (others.length === 0) return { ...flags, subject: whole }
  const names = [whole, ...others].slice(0, MOST_NAMED).map((one) => `  ${printable(one)}`)
  const count = others.length >= MOST_NAMED ? `more than ${MOST_NAMED}` : `${others.length + 1}`
  throw new CommandError(
    [`${printable(subject)} fits ${count} subjects; type more of the one you mean:`, ...names].join('\n'),
    2,
  )
}

const MOST_NAMED = 10

/** How it was found; null if the output shows that anyway. */
export function foundBy({ found: { by, id, text } }: FoundRecord, asked: string): string | null {
  if (by !== 'id') return `found by its ${words[by]} ${printable(text)}`
  return id === asked ? null : `found by the beginning of ${id}`
}
