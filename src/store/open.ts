import { openSqlite } from './sqlite.ts'
import type { Store } from './store.ts'

/** `service`: the one process that delivers. `operator`: a command, which may run beside it. */
export type Role = 'service' | 'operator'

/** Opens the store that `store.url` names: `sqlite:PATH`. */
export async function openStore(url: string, role: Role): Promise<Store> {
  return openSqlite({ path: pathOf(url), role })
}

/** The file that a store's URL names. */
export function pathOf(url: string): string {
  return url.replace(/^sqlite:/, '')
}
