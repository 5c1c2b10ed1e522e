/** Resolves an id that a person typed: the sender's, ours, a delivery's, a subject, or a prefix of one. */
import type { EventRecord, Found, Store } from './store.ts'

export type LookUp =
  | { readonly kind: 'one'; readonly found: Found }
  | { readonly kind: 'none' }
  /** `more`: whether there are others. */
  | { readonly kind: 'several'; readonly candidates: readonly Found[]; readonly more: boolean }

const MOST_CANDIDATES = 10

/** An exact match takes precedence over prefixes. */
export async function lookUp(store: Pick<Store, 'find' | 'event'>, text: string): Promise<LookUp> {
  const found = text === '' ? [] : await store.find(text, MOST_CANDIDATES + 1)
  const whole = found.filter((one) => one.text === text)
  const fitting = unique(whole.length > 0 ? whole : found)
  const candidates = fitting.length > 1 ? await withoutReleased(store, fitting) : fitting
  const [first] = candidates
  if (first === undefined) return { kind: 'none' }
  if (candidates.length === 1) return { kind: 'one', found: first }
  const more = candidates.length > MOST_CANDIDATES
  return { kind: 'several', candidates: candidates.slice(0, MOST_CANDIDATES), more }
}

/** The event that was found, or that of the delivery that was found; null if it was purged in the meantime. */
export async function eventOfFound(
  store: Pick<Store, 'event' | 'delivery'>,
  { kind, id }: Found,
): Promise<EventRecord | null> {
  const eventId = kind === 'event' ? id : (await store.delivery(id))?.eventId
  return eventId === undefined ? null : store.event(eventId)
}

/** One event may be found by several of its ids. */
function unique(found: readonly Found[]): readonly Found[] {
  return found.filter(
    ({ kind, id }, index) => found.findIndex((other) => other.kind === kind && other.id === id) === index,
  )
}

/** A quarantined request has the message id of the event that was made from it: then the event is meant. */
async function withoutReleased(
  store: Pick<Store, 'event'>,
  candidates: readonly Found[],
): Promise<readonly Found[]> {
  const ids = new Set(candidates.map(({ id }) => id))
  const left: Found[] = []
  for (const candidate of candidates) {
    const record = candidate.by === 'message_id' ? await store.event(candidate.id) : null
    const releasedAs = record?.releasedAs ?? null
    if (releasedAs === null || !ids.has(releasedAs)) left.push(candidate)
  }
  return left
}
