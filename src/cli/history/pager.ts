/** A page of a list, and the remark about items that it does not show. */
import type { Page, PageRequest } from '../../store/store.ts'
import { CommandError, print, type Terminal } from '../terminal/terminal.ts'

export interface PageFlags {
  /** 50 if it is left out. */
  readonly limit?: number
  readonly cursor?: string
}

type Read<Item> = (page: PageRequest) => Promise<Page<Item>>

/** How many there are in total; if `exact` is false, at least this many. */
export interface Total {
  readonly count: number
  readonly exact: boolean
}

export interface CountedPage<Item> extends Page<Item> {
  readonly total: Total
}

const LIMIT = 50
// No one pages through more, and counting a million takes seconds.
const MOST_COUNTED = 10_000
// The store ends a page early if its filter skips very many rows; this many such pages take a fraction of a second.
const MOST_READS = 40

/** A full page, if there are that many, and how many there are in total. */
export async function countedPage<Item>(
  read: Read<Item>,
  { limit = LIMIT, cursor }: PageFlags,
): Promise<CountedPage<Item>> {
  try {
    const page = await fill(read, limit, cursor, Number.POSITIVE_INFINITY)
    if (cursor === undefined && page.next === null)
      return { ...page, total: { count: page.items.length, exact: true } }
    const all = await fill(read, Math.max(MOST_COUNTED, limit), undefined, MOST_READS)
    const total = { count: all.items.length, exact: all.next === null }
    // After the last matching row there may be many that do not match.
    const isLast = cursor === undefined && total.exact && total.count === page.items.length
    return { items: page.items, next: isLast ? null : page.next, total }
  } catch (error) {
    if (error instanceof RangeError) throw new CommandError(error.message, 2)
    throw error
  }
}

async function fill<Item>(
  read: Read<Item>,
  limit: number,
  cursor: string | undefined,
  mostReads: number,
): Promise<Page<Item>> {
  const items: Item[] = []
  let next: string | null | undefined = cursor
  for (let reads = 0; next !== null && items.length < limit && reads < mostReads; reads += 1) {
    const page = await read({ limit: limit - items.length, ...(next !== undefined && { cursor: next }) })
    items.push(...page.items)
    next = page.next
  }
  return { items, next: next ?? null }
}

/** The total for --json, in addition to the items. */
export function totalJson({ items, next, total }: CountedPage<unknown>): object {
  return { shown: items.length, total: total.count, total_is_exact: total.exact, next }
}

/** Prints how many there are, and how to see the others; nothing if all are shown. */
export function printMore(
  terminal: Terminal,
  { items, next, total }: CountedPage<unknown>,
  plural: string,
): void {
  if (total.exact && total.count === items.length) return
  const count = total.count.toLocaleString('en')
  print(terminal, `\n${items.length} of ${total.exact ? count : `more than ${count}`} ${plural}`)
  if (next === null) return
  print(terminal, `--limit ${items.length * 4} shows more, --cursor ${next} the next`)
}
