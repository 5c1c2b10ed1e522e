/** How a connection is made: TLS, limits of time and number, and poolers. */
import { writeFileSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { openPostgres } from '../../src/store/postgres.ts'
import { deliveryId, entry, event, everything, limited, planned, START } from '../store/contract/sample.ts'
import { makeAuthority, makeCertificate } from '../support/certificates.ts'
import { openedStore } from '../support/opened-store.ts'
import { startPgbouncer } from '../support/pgbouncer.ts'
import { notDurable, openDatabase, startPostgres } from '../support/postgres.ts'
import { environment, newEvent, post, startService } from '../support/service.ts'
import { until } from '../support/until.ts'

const unavailable = { name: 'StoreUnavailable' }

/** Fails unless it opens and takes an event. */
async function works(url: string, number: number): Promise<void> {
  const store = await openPostgres({ url, role: 'service' })
  try {
    const appended = await store.append(entry(event(number)))
    if (appended.kind !== 'stored') throw new Error(`it was ${appended.kind}`)
  } finally {
    await store.close()
  }
}

/** Does with each connection what it is told. Its port. */
async function fakeServer(t: Test, serve: (socket: Socket) => void): Promise<number> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket.on('error', () => {}))
    serve(socket)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const address = server.address()
  return typeof address === 'object' && address !== null ? address.port : 0
}

const ours = "FROM pg_stat_activity WHERE application_name = 'hookbridge'"

t.test('TLS', async (t) => {
  const root = makeAuthority('Hookbridge Test Root CA')
  const tls = makeCertificate({ subject: 'db', hosts: ['localhost'], issuer: root })
  const postgres = await startPostgres(t, { settings: notDurable, tls })
  const folder = t.testdir({
    'root.crt': root.cert,
    'other.crt': makeAuthority('Another Root CA').cert,
    'half.crt': root.cert.slice(0, root.cert.length / 2),
  })
  const database = postgres.createDatabase()
  const url = (host: string, parameters: string) =>
    `${database.replace('@127.0.0.1:', `@${host}:`)}?${parameters}`
  const ca = `sslrootcert=${join(folder, 'root.crt')}`

  const store = await openedStore(t, url('localhost', `sslmode=verify-full&${ca}`))
  await store.append(entry(event(1), [planned()]))
  t.same(
    postgres.query(`SELECT DISTINCT ssl FROM pg_stat_ssl WHERE pid IN (SELECT pid ${ours})`),
    ['t'],
    'every connection is encrypted',
  )

  const refused: readonly [string, string, string, RegExp][] = [
    [
      'a name that the certificate has not',
      '127.0.0.1',
      `sslmode=verify-full&${ca}`,
      /is for another host; write/,
    ],
    [
      'another authority',
      'localhost',
      `sslmode=verify-full&sslrootcert=${join(folder, 'other.crt')}`,
      /does not trust .* sslrootcert=FILE/,
    ],
    [
      'another authority, by verify-ca',
      'localhost',
      `sslmode=verify-ca&sslrootcert=${join(folder, 'other.crt')}`,
      /does not trust/,
    ],
    [
      'an authority that the system has not',
      'localhost',
      'sslmode=verify-full',
      /does not trust .* in the system's store/,
    ],
    [
      'a file that is not there',
      'localhost',
      `sslmode=verify-full&sslrootcert=${join(folder, 'none.crt')}`,
      /none\.crt/,
    ],
    [
      'a file that is half written',
      'localhost',
      `sslmode=verify-full&${ca}&sslcert=${join(folder, 'half.crt')}&sslkey=${join(folder, 'half.crt')}`,
      /PEM/i,
    ],
    ['no encryption', 'localhost', 'sslmode=disable', /pg_hba\.conf.* no encryption/],
  ]
  for (const [what, host, parameters, message] of refused)
    await t.rejects(works(url(host, parameters), 2), { ...unavailable, message }, what)
  await works(url('127.0.0.1', `sslmode=verify-ca&${ca}`), 3)
  await works(url('127.0.0.1', 'sslmode=require'), 4)

  await t.test('an authority of the system', async (t) => {
    const config = join(folder, 'config.yaml')
    writeFileSync(
      config,
      `
server: { port: 0 }
store: { url: "${url('localhost', 'sslmode=verify-full')}" }
sources: { cuuro: { svix: { secrets: ["\${WEBHOOK_SECRET}"] } } }
receivers: { nobody: {} }
routes: [{ receivers: [nobody] }]
`,
    )
    // Where OpenSSL, and Node with it, look for the system's authorities.
    const service = await startService(config, { ...environment, SSL_CERT_FILE: join(folder, 'root.crt') })
    t.teardown(() => service.end('SIGKILL'))
    t.equal((await post(service.url, newEvent())).status, 202)
    t.equal((await service.end('SIGTERM')).code, 0)
  })
})

t.test('a client with a certificate of its own', async (t) => {
  const root = makeAuthority('Hookbridge Test Root CA')
  const tls = makeCertificate({ subject: 'db', hosts: ['localhost'], issuer: root })
  const client = makeCertificate({ subject: 'hookbridge', issuer: root })
  const postgres = await startPostgres(t, { settings: notDurable, tls: { ...tls, clients: root.cert } })
  const folder = t.testdir({ 'root.crt': root.cert, 'client.crt': client.cert, 'client.key': client.key })
  const database = postgres.createDatabase().replace('@127.0.0.1:', '@localhost:')
  const url = `${database}?sslmode=verify-full&sslrootcert=${join(folder, 'root.crt')}`
  await t.rejects(works(url, 1), { ...unavailable, message: /certificate/ })
  await works(`${url}&sslcert=${join(folder, 'client.crt')}&sslkey=${join(folder, 'client.key')}`, 2)
})

t.test('limits', async (t) => {
  const postgres = await startPostgres(t, { settings: notDurable })

  t.test('a few connections are enough', async (t) => {
    const url = postgres.createDatabase()
    const store = await openedStore(t, `${url}?pool_max_conns=2&connect_timeout=60`)
    const numbers = Array.from({ length: 300 }, (_, index) => index + 1)
    const appended = numbers.map((number) => store.append(entry(event(number), [planned()])))
    const pages = numbers.slice(0, 20).map(() => store.deliveries({}, { limit: 20 }))
    const claims = numbers.slice(0, 20).map(() => store.claim(everything(START + 1_000)))
    await Promise.all([...appended, ...pages, ...claims])
    t.equal((await store.deliveries({}, { limit: 1 })).items.length, 1)
    const pool = Number(
      postgres.query(`SELECT count(*) ${ours} AND datname = '${new URL(url).pathname.slice(1)}'`)[0],
    )
    t.ok(pool <= 3, `${pool} connections, with that of the instance`)
  })

  t.test('a pool that is too small', async (t) => {
    const url = `${postgres.createDatabase()}?pool_max_conns=2&connect_timeout=2`
    const store = await openedStore(t, url)
    const busy = openDatabase(t, url)
    const over = Promise.withResolvers<void>()
    t.teardown(over.resolve)
    const locked = Promise.withResolvers<void>()
    const locking = busy.write(async (session) => {
      await session.run('LOCK TABLE rates, destinations IN ACCESS EXCLUSIVE MODE')
      locked.resolve()
      await over.promise
    })
    await locked.promise
    const waiting = [store.destinations(), store.destinations()]
    await t.rejects(store.types(), {
      ...unavailable,
      message: /all 2 connections are in use; raise pool_max_conns/,
    })
    over.resolve()
    await Promise.all([locking, ...waiting])
  })

  t.test('a server that takes connections, and says nothing', async (t) => {
    const port = await fakeServer(t, () => {})
    const [first, both] = [`127.0.0.1:${port}`, `127.0.0.1:${port},127.0.0.1:${postgres.port}`]
    const url = postgres.createDatabase()
    const through = (hosts: string) => `${url.replace(`127.0.0.1:${postgres.port}`, hosts)}?connect_timeout=5`
    await t.rejects(works(through(first), 1), unavailable)
    await works(through(both), 1)
  })

  t.test('a server that cannot be reached, in ways that may pass', async (t) => {
    const port = await fakeServer(t, (socket) => void socket.once('data', () => socket.end('E')))
    const noEncryptionNow = `postgres://u:p@127.0.0.1:${port}/d?sslmode=require`
    await t.rejects(works(noEncryptionNow, 1), { ...unavailable, message: /establishing an SSL connection/ })
    await t.rejects(works('postgres://u:p@db.invalid/d', 1), { ...unavailable, message: /db\.invalid/ })
  })

  t.test('no password', async (t) => {
    const url = postgres.createDatabase().replace(/:[^:/@]*@/, '@')
    await t.rejects(works(url, 1), { ...unavailable, message: /the server asks for a password; put it into/ })
  })

  t.test('a server without encryption', async (t) => {
    const url = `${postgres.createDatabase()}?sslmode=verify-full`
    await t.rejects(works(url, 1), { ...unavailable, message: /does not support SSL/ })
  })
})

t.test('PgBouncer', async (t) => {
  const postgres = await startPostgres(t, { settings: notDurable })

  t.test('in session mode', async (t) => {
    const through = await startPgbouncer(t, postgres, 'session')
    const url = through(postgres.createDatabase())
    await works(url, 1)
    const [one, other] = [await openedStore(t, `${url}?statement_timeout=60s`), await openedStore(t, url)]
    let woken = 0
    other.onDue(() => {
      woken += 1
    })
    const numbers = [2, 3, 4, 5, 6]
    await Promise.all(numbers.map((number) => one.append(entry(event(number), [planned()]))))
    const now = START + 1_000
    const none = limited({ slack: { free: 0 } })
    t.equal((await one.claim(everything(now, { channels: none }))).leased.length, 0)
    await until(() => woken > 0, 'the other instance to be notified')
    const { leased } = await other.claim(everything(now))
    t.equal(leased.length, numbers.length)
    const attempt = { number: 1, startedAt: now, durationMs: 1, notes: [] }
    const ended = numbers.map((number) =>
      other.complete(
        { ...attempt, deliveryId: deliveryId(number, 1), outcome: { kind: 'sent', reference: {} } },
        { state: 'delivered', dueAt: null, reason: null },
        true,
      ),
    )
    t.match(
      await Promise.all(ended),
      numbers.map(() => ({ state: 'delivered' })),
    )
    t.match(await one.delivery(deliveryId(2, 1)), { state: 'delivered' })
  })

  t.test('in transaction mode, which takes locks and prepared statements away', async (t) => {
    const through = await startPgbouncer(t, postgres, 'transaction')
    const url = through(postgres.createDatabase())
    const refused = { message: /pooler in transaction mode.*pool_mode = session/ }
    await t.rejects(works(url, 1), { name: 'StoreRefused', ...refused })
  })
})
