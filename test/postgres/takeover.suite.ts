/** An instance that is cut off, and comes back. */
import t from 'tap'
import { ADVISORY } from '../../src/store/postgres/connection/advisory.ts'
import { openPostgres } from '../../src/store/postgres.ts'
import { notDurable, openDatabase, startPostgres } from '../support/postgres.ts'
import { until } from '../support/until.ts'

t.test('one that comes back while it is taken over is an instance again', async (t) => {
  const postgres = await startPostgres(t, { settings: notDurable })
  const url = postgres.createDatabase()
  const store = await openPostgres({ url, role: 'service' })
  t.teardown(() => store.close())
  const [number = ''] = postgres.query('SELECT number FROM hookbridge.instances', url)
  const holder = `SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted
    AND classid = ${ADVISORY.instance} AND objid = ${number}`
  const waits = `SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
    AND classid = ${ADVISORY.instance} AND objid = ${number}`
  const over = Promise.withResolvers<void>()
  const other = openDatabase(t, url)
  t.teardown(over.resolve)
  const [pid = ''] = postgres.query(holder, url)
  const locked = Promise.withResolvers<void>()
  // As another instance does, which has found it gone.
  const takingOver = other.write(async (session) => {
    await session.query('SELECT pg_advisory_xact_lock($1::integer, $2::integer)', [
      ADVISORY.instance,
      Number(number),
    ])
    locked.resolve()
    await over.promise
    await session.query('DELETE FROM instances WHERE number = $1', [Number(number)])
  })
  await until(() => postgres.query(waits, url).length > 0, 'the other one to wait for its end')
  postgres.query(`SELECT pg_terminate_backend(${pid})`, url)
  await locked.promise
  await until(() => postgres.query(waits, url).length > 0, 'it to come back')
  over.resolve()
  await takingOver
  await until(() => postgres.query(holder, url).length > 0, 'it to have its lock')
  await until(
    () => postgres.query('SELECT number FROM hookbridge.instances', url).includes(number),
    'it to be listed, for others to see when it is gone',
  )
})
