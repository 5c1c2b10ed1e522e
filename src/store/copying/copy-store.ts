/**
 * Copies everything from one store to another of either kind, and compares them at the end. Rows are copied in the order of their keys,
 * in batches that are one transaction each, so an interrupted copy continues after the greatest key. Nothing is written to the source.
 */
import { isPostgres } from '../../postgres-url/url.ts'
import { pathOf } from '../open.ts'
import { StoreRefused } from '../store.ts'
import { type Compared, compareTable, isEqual } from './compare.ts'
import type { Side, Target } from './side.ts'
import { identityOf, openSqliteSource, openSqliteTarget } from './sqlite-side.ts'
import { lastOf, tables } from './tables.ts'

export interface Progress {
  readonly phase: 'copy' | 'compare'
  readonly table: string
  /** The number of rows in all tables, including those that an earlier run copied. */
  readonly done: number
  readonly total: number
}

export interface CopyOptions {
  readonly progress: (progress: Progress) => void
  /** Called between batches: true ends the copy. */
  readonly stopped: () => boolean
}

export type Copied =
  | { readonly kind: 'done' | 'different'; readonly tables: readonly Compared[] }
  | { readonly kind: 'stopped' }

export interface Counted {
  readonly table: string
  readonly rows: number
}

export class StoreCopy {
  readonly #from: Side
  readonly #to: Target

  /** Throws StoreRefused if either store cannot be used, and StoreUnavailable. */
  static async open(from: string, to: string): Promise<StoreCopy> {
    const source = await openSource(from)
    let target: Target | undefined
    try {
      // The same lock could not be taken twice.
      if (!isPostgres(to) && source.identity === identityOf(pathOf(to))) throw sameStore()
      target = await openTarget(to)
      if (target.identity === source.identity) throw sameStore()
      await refuseOther(source, target)
      return new StoreCopy(source, target)
    } catch (error) {
      await target?.close()
      await source.close()
      throw error
    }
  }

  private constructor(from: Side, to: Target) {
    this.#from = from
    this.#to = to
  }

  async run(options: CopyOptions): Promise<Copied> {
    const total = (await count(this.#from)).reduce((sum, { rows }) => sum + rows, 0)
    if ((await this.#to.unfinished()) === null) await this.#to.begin(await this.#from.state())
    let done = 0
    for (const table of tables) {
      done += await this.#to.count(table)
      for (let after = await this.#to.lastKey(table); ; ) {
        options.progress({ phase: 'copy', table: table.name, done, total })
        if (options.stopped()) return { kind: 'stopped' }
        const rows = await this.#from.rows(table, after)
        if (rows.length === 0) break
        await this.#to.insert(table, rows)
        done += rows.length
        after = lastOf(table, rows)
      }
    }
    return this.#compare(total, options)
  }

  async close(): Promise<void> {
    await this.#to.close()
    await this.#from.close()
  }

  async #compare(total: number, { progress, stopped }: CopyOptions): Promise<Copied> {
    const compared: Compared[] = []
    let done = 0
    for (const table of tables) {
      const result = await compareTable(this.#from, this.#to, table, (rows) => {
        progress({ phase: 'compare', table: table.name, done: done + rows, total })
        return stopped()
      })
      if (result === null) return { kind: 'stopped' }
      compared.push(result)
      done += result.rows
    }
    if (!compared.every(isEqual)) return { kind: 'different', tables: compared }
    await this.#to.finish(await this.#from.seenAt())
    return { kind: 'done', tables: compared }
  }
}

/** What a copy would move; nothing is written. */
export async function countRows(url: string): Promise<readonly Counted[]> {
  const side = await openSource(url)
  try {
    return await count(side)
  } finally {
    await side.close()
  }
}

async function openSource(url: string): Promise<Side> {
  if (!isPostgres(url)) return openSqliteSource(pathOf(url))
  const { openPostgresSource } = await import('./postgres-side.ts')
  return openPostgresSource(url)
}

async function openTarget(url: string): Promise<Target> {
  if (!isPostgres(url)) return openSqliteTarget(pathOf(url))
  const { openPostgresTarget } = await import('./postgres-side.ts')
  return openPostgresTarget(url)
}

function sameStore(): StoreRefused {
  return new StoreRefused('in_use', '<from> and <to> are the same store; name another one as <to>')
}

async function refuseOther(from: Side, to: Target): Promise<void> {
  const state = await from.state()
  const unfinished = await to.unfinished()
  if (unfinished === state) return
  if (unfinished !== null) {
    const message = `${to.name} holds an unfinished copy of another store, or of ${from.name} before a service ran on it again; begin again with an empty one`
    throw new StoreRefused('exists', message)
  }
  const [found] = (await count(to)).filter(({ rows }) => rows > 0)
  if (found === undefined) return
  throw new StoreRefused('exists', `${to.name} is not empty (${found.table}); name one that has no events`)
}

async function count(side: Side): Promise<Counted[]> {
  const counts: Counted[] = []
  for (const table of tables) counts.push({ table: table.name, rows: await side.count(table) })
  return counts
}
