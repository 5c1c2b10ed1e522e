import { isPostgres } from '../postgres-url/url.ts'
import { openSqlite } from './sqlite.ts'
import type { Store } from './store.ts'

/**
 * `service`: a process that delivers, only one of which can use a SQLite store. `operator`: a command, which may run at the same
 * time.
 */
export type Role = 'service' | 'operator'

/** Opens the store that `store.url` names: `sqlite:PATH`, or `postgres://…`, whose driver is loaded only if needed. */
export async function openStore(url: string, role: Role): Promise<Store> {
  if (!isPostgres(url)) return openSqlite({ path: pathOf(url), role })
  const { openPostgres } = await import('./postgres.ts')
  return openPostgres({ url, role })
}

/** The file that the URL of a SQLite store names. */
export function pathOf(url: string): string {
  return url.replace(/^sqlite:/, '')
}
