/** `--follow`: a list whose new and changed items are printed as they appear, until Ctrl-C. */
import { setTimeout } from 'node:timers/promises'
import type { Page, PageRequest } from '../../store/store.ts'
import { CommandError } from '../terminal/terminal.ts'
import type { PageFlags } from './pager.ts'

interface Followed<Item extends { readonly id: string }> {
  read(page: PageRequest): Promise<Page<Item>>
  /** A key that changes when the item has to be printed again; null while it is between two states. */
  stateOf(item: Item): string | null
  show(item: Item): void
}

const SHOWN_AT_FIRST = 10
const POLL_MS = 250
// The newest items are read again each time. Older ones are finished, or rarely change.
const WATCHED = 200
const MOST_REMEMBERED = 10_000

/** Prints the newest items, oldest first, and then further ones. */
export async function follow<Item extends { readonly id: string }>(
  followed: Followed<Item>,
  { limit = SHOWN_AT_FIRST, cursor }: PageFlags,
): Promise<void> {
  if (cursor !== undefined)
    throw new CommandError(
      '--follow starts with the newest entries, so it cannot be combined with --cursor',
      2,
    )
  const stop = stopSignal()
  const states = new Map<string, string | null>()
  const first = await newest(followed, states, limit)
  for (const item of first) states.set(item.id, followed.stateOf(item))
  for (const item of first.slice(0, limit).reverse()) followed.show(item)
  while (!stop.aborted) {
    await setTimeout(POLL_MS, undefined, { signal: stop }).catch(() => {})
    for (const item of (await newest(followed, states, null)).reverse()) {
      const state = followed.stateOf(item)
      const before = states.get(item.id)
      if (before !== undefined && (state === null || state === before)) continue
      states.delete(item.id)
      states.set(item.id, state)
      followed.show(item)
    }
    for (const id of states.keys()) if (states.size > MOST_REMEMBERED) states.delete(id)
  }
}

/** At least this many; with null, all that are new, and those that are watched. */
async function newest<Item extends { readonly id: string }>(
  { read }: Followed<Item>,
  known: ReadonlyMap<string, unknown>,
  least: number | null,
): Promise<Item[]> {
  const items: Item[] = []
  let cursor: string | null | undefined
  while (cursor !== null && items.length < MOST_REMEMBERED) {
    const page: Page<Item> = await read({ limit: WATCHED, ...(cursor !== undefined && { cursor }) })
    items.push(...page.items)
    cursor = page.next
    const isEnough = least === null ? page.items.some(({ id }) => known.has(id)) : items.length >= least
    if (isEnough) break
  }
  return items
}

/** Aborted by Ctrl-C, or by anything else that ends the process. */
function stopSignal(): AbortSignal {
  const controller = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => controller.abort())
  return controller.signal
}
