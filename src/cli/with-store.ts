import { loadStoreUrl } from '../config/part.ts'
import { formatProblem } from '../config/problem.ts'
import { openStore } from '../store/open.ts'
import type { Store } from '../store/store.ts'
import type { Context } from './context.ts'
import { CommandError } from './terminal/terminal.ts'

/** Opens the store. Needs only `store.url`, so that the history can be read while the rest of the configuration is broken. */
export async function withStore<T>(
  { terminal, file }: Context,
  use: (store: Store) => Promise<T>,
): Promise<T> {
  const url = loadStoreUrl(file(), terminal.env)
  if (!url.ok) throw new CommandError(url.problems.map(formatProblem).join('\n'))
  const store = await openStore(url.url, 'operator')
  try {
    return await use(store)
  } finally {
    await store.close()
  }
}
