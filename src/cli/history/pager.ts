/** A page of a list, and the remark about what it does not show. */
import type { Page, PageRequest } from '../../store/store.ts'
import { CommandError, print, type Terminal } from '../terminal.ts'

export interface PageFlags {
  readonly limit: number
  readonly cursor?: string
}

/**
 * A full page, if there are as many: the store ends a page early when its filter skips very many rows.
 */
export async function fillPage<Item>(
  read: (page: PageRequest) => Promise<Page<Item>>,
  { limit, cursor }: PageFlags,
): Promise<Page<Item>> {
  const items: Item[] = []
  let next: string | null | undefined = cursor
  try {
    while (next !== null && items.length < limit) {
      const page = await read({ limit: limit - items.length, ...(next !== undefined && { cursor: next }) })
      items.push(...page.items)
      next = page.next
    }
  } catch (error) {
    if (error instanceof RangeError) throw new CommandError(error.message, 2)
    throw error
  }
  return { items, next: next ?? null }
}

// Counting a million takes seconds, and no one pages through so many.
const MOST_COUNTED = 1_000

/** Prints the total, or that it is not worth counting; nothing if all are shown. */
export async function printMore<Item>(
  terminal: Terminal,
  page: Page<Item>,
  read: (page: PageRequest) => Promise<Page<Item>>,
  plural: string,
): Promise<void> {
  const { items, next } = page
  if (next === null) return
  const rest = await read({ limit: MOST_COUNTED, cursor: next })
  const all = items.length + rest.items.length
  const of = rest.next === null ? `the ${all}` : `more than ${all}`
  print(terminal, `\n${items.length} of ${of} ${plural}; --limit ${items.length * 4} shows more,`)
  print(terminal, `--cursor ${next} the next`)
}
