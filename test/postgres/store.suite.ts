/** The PostgreSQL store keeps what every store does. */
import t, { type Test } from 'tap'
import { openPostgres, type PostgresOptions } from '../../src/store/postgres.ts'
import type { Store } from '../../src/store/store.ts'
import { storeContract } from '../store/contract.ts'
import { notDurable, startPostgres } from '../support/postgres.ts'

async function opened(t: Test, url: string, role: PostgresOptions['role']): Promise<Store> {
  const store = await openPostgres({ url, role })
  t.teardown(() => store.close())
  return store
}

t.test('the contract', async (t) => {
  const postgres = await startPostgres(t, { settings: notDurable })
  // Databases are copied from one that has the schema: that is much faster than making it for each test.
  const template = postgres.createDatabase()
  await (await openPostgres({ url: template, role: 'service' })).close()
  storeContract(t, (t) => {
    const url = postgres.createDatabase(template)
    return { service: () => opened(t, url, 'service'), operator: () => opened(t, url, 'operator') }
  })
})
