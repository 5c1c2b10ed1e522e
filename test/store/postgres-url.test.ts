import { execFileSync } from 'node:child_process'
import t from 'tap'
import { passwordsOf, withoutPassword } from '../../src/postgres-url/password.ts'
import { parseUrl, type Target } from '../../src/postgres-url/url.ts'
import { tlsOf } from '../../src/store/postgres/connection/tls.ts'

function targetOf(url: string): Target {
  const parsed = parseUrl(url)
  if (!parsed.ok) throw new Error(parsed.problem)
  return parsed.target
}

t.test('hosts, user, password and database', async (t) => {
  const cases: readonly [string, Partial<Target>, string][] = [
    [
      'postgres://app:p%40ss:w@db.example.com/events',
      {
        user: 'app',
        password: 'p@ss:w',
        database: 'events',
        hosts: [{ host: 'db.example.com', port: 5432 }],
      },
      'postgres://app@db.example.com/events',
    ],
    [
      'postgresql://app@one:5433,[::1]:5434,two/events',
      {
        password: null,
        hosts: [
          { host: 'one', port: 5433 },
          { host: '::1', port: 5434 },
          { host: 'two', port: 5432 },
        ],
      },
      'postgresql://app@one:5433,[::1]:5434,two/events',
    ],
    [
      'postgres:///events?host=/run/pg&port=6000',
      { user: null, database: 'events', hosts: [{ host: '/run/pg', port: 6000 }] },
      'postgres:///events?host=/run/pg&port=6000',
    ],
    [
      'postgres://app@%2Frun%2Fpg',
      { database: null, hosts: [{ host: '/run/pg', port: 5432 }] },
      'postgres://app@%2Frun%2Fpg',
    ],
  ]
  for (const [url, target, name] of cases) {
    t.match(targetOf(url), target, url)
    t.equal(withoutPassword(url), name, 'in messages')
  }
})

t.test('the password of a URL is found as it is written and as it is', async (t) => {
  t.same(passwordsOf('postgres://a:p%40ss:w@one:1,two:2/d'), ['p%40ss:w', 'p@ss:w'])
  t.same(passwordsOf('postgres://a:50%@h/d'), ['50%'], 'also of a wrong one')
  t.same(passwordsOf('postgres://a@h/d'), [])
  t.same(passwordsOf('smtp://a:b@h'), [])
})

t.test('how many connections there are, and how long things may take', async (t) => {
  const cases: readonly [string, Partial<Target>][] = [
    ['', { poolSize: null, connectTimeoutMs: 5_000, statementTimeoutMs: 10_000 }],
    ['?pool_max_conns=2&connect_timeout=60', { poolSize: 2, connectTimeoutMs: 60_000 }],
    ['?statement_timeout=30s', { statementTimeoutMs: 30_000 }],
    ['?statement_timeout=1500', { statementTimeoutMs: 1_500 }],
    ['?statement_timeout=1500ms', { statementTimeoutMs: 1_500 }],
    ['?statement_timeout=10%20min', { statementTimeoutMs: 600_000 }],
  ]
  for (const [parameters, target] of cases)
    t.match(targetOf(`postgres://a@h/d${parameters}`), target, parameters)
})

t.test('what is wrong with a URL is reported', async (t) => {
  const cases: readonly [string, RegExp][] = [
    ['postgres:db', /must be postgres:\/\/USER@HOST\/DATABASE/],
    [
      'postgres://a@h/d?sslmode=prefer',
      /sslmode=prefer, which is not supported; use one of disable, require, verify-ca, verify-full/,
    ],
    ['postgres://a@h/d?sslmod=require', /unknown parameter sslmod/],
    ['postgres://a@h/d?target_session_attrs=any', /accepts writes/],
    ['postgres://a@h:70000/d', /port/],
    ['postgres://a@h/d?connect_timeout=0', /connect_timeout .* from 1 to 60/],
    ['postgres://a@h/d?connect_timeout=5s', /connect_timeout .* seconds/],
    ['postgres://a@h/d?statement_timeout=0', /statement_timeout .* from 1s to 10min/],
    ['postgres://a@h/d?statement_timeout=1h', /statement_timeout .*write 30s/],
    ['postgres://a@h/d?pool_max_conns=1', /pool_max_conns .* from 2 to 100/],
    ['postgres://a@h/d?pool_max_conns=few', /pool_max_conns/],
    ['postgres://a:50%@h/d', /%25/],
    ['postgres://a@h:1x/d', /port/],
    ['postgres://a:top@secret@h/d', /%40/],
    ['postgres://a:top/secret@h/d', /%2F/],
    ['postgres://a:12/secret@h/d', /%2F/],
    ['postgres://a:12?secret@h/d', /unknown parameter; known/],
    ['postgres://a:12#secret@h/d', /must be/],
    ['postgres://h:12/d?password=secret', /unknown parameter password/],
  ]
  for (const [url, problem] of cases) {
    const parsed = parseUrl(url)
    const text = parsed.ok ? '' : parsed.problem
    t.match(text, problem, url)
    t.notMatch(text, /secret|top/, 'without what may be a password')
    if (!url.includes('password=')) t.notMatch(withoutPassword(url), /secret|top/)
  }
  t.equal(withoutPassword('postgres://a:top/secret@h/d'), 'postgres://a@h/d')
  t.equal(withoutPassword('postgres://h:12/d?application_name=a@b'), 'postgres://h:12/d?application_name=a@b')
})

t.test('other machines have to prove who they are', async (t) => {
  const tls = (parameters: string, host: string) => tlsOf(targetOf(`postgres://a@h/d${parameters}`), host)
  for (const host of ['localhost', '127.0.0.1', '::1', '/run/pg']) t.equal(tls('', host), false, host)
  t.match(tls('', 'db.example.com'), { rejectUnauthorized: true, servername: 'db.example.com' })
  t.match(tls('', '192.0.2.1'), { rejectUnauthorized: true })
  t.match(tls('?sslmode=verify-full', '127.0.0.1'), { rejectUnauthorized: true })
  t.match(tls('?sslmode=require', 'db.example.com'), { rejectUnauthorized: false })
  t.equal(tls('?sslmode=disable', 'db.example.com'), false)
})

t.test('the driver is loaded only where the store is a PostgreSQL database', async (t) => {
  const open = new URL('../../src/store/open.ts', import.meta.url)
  const folder = t.testdir()
  const loaded = (url: string) => {
    const program = `
      import { createRequire } from 'node:module'
      import { openStore } from '${open}'
      const opened = await openStore('${url}', 'service').catch(() => null)
      await opened?.close()
      const files = Object.keys(createRequire(import.meta.url).cache)
      console.log(files.some((file) => file.includes('/node_modules/pg/')))`
    return execFileSync(process.execPath, ['--input-type=module', '--eval', program], { encoding: 'utf8' })
  }
  t.equal(loaded(`sqlite:${folder}/store.db`), 'false\n')
  t.equal(loaded('postgres://127.0.0.1:1/none'), 'true\n')
})
