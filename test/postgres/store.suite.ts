/** The PostgreSQL store keeps what every store does. */
import t from 'tap'
import { openPostgres } from '../../src/store/postgres.ts'
import { storeContract } from '../store/contract.ts'
import { openedStore } from '../support/opened-store.ts'
import { notDurable, startPostgres } from '../support/postgres.ts'

t.test('the contract', async (t) => {
  const postgres = await startPostgres(t, { settings: notDurable })
  // Databases are copied from one that has the schema: that is much faster than making it for each test.
  const template = postgres.createDatabase()
  await (await openPostgres({ url: template, role: 'service' })).close()
  storeContract(t, (t) => {
    const url = postgres.createDatabase(template)
    return { service: () => openedStore(t, url), operator: () => openedStore(t, url, 'operator') }
  })
})
