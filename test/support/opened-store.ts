import type { Test } from 'tap'
import { openPostgres, type PostgresOptions } from '../../src/store/postgres.ts'
import type { Store } from '../../src/store/store.ts'

/** A store in this database of PostgreSQL; closed when the test ends. */
export async function openedStore(
  t: Pick<Test, 'teardown'>,
  url: string,
  role: PostgresOptions['role'] = 'service',
): Promise<Store> {
  const store = await openPostgres({ url, role })
  t.teardown(() => store.close())
  return store
}
