import type { lookup } from 'node:dns'
import { createServer } from 'node:http'
import t from 'tap'
import { guardAddresses, reachOf } from '../../src/network/address-guard.ts'
import { openHttp } from '../../src/network/http.ts'
import { noProxies } from '../../src/network/proxies.ts'

t.test('which addresses are on the internet', async (t) => {
  const wanted = {
    public: [
      '93.184.216.34',
      '172.32.0.1',
      '100.128.0.1',
      '2606:4700::1111',
      '::ffff:93.184.216.34',
      '64:ff9b::5db8:d822',
      '2002:5db8:d822::1',
    ],
    private: [
      '10.0.0.1',
      '172.16.0.1',
      '192.168.1.1',
      '100.64.0.1',
      '127.0.0.1',
      '::1',
      'fd00::1',
      '::ffff:10.0.0.1',
      '::ffff:7f00:1',
      '64:ff9b::a00:1',
      '2002:a00:1::',
    ],
    never: [
      '0.0.0.0',
      '169.254.169.254',
      '224.0.0.1',
      '255.255.255.255',
      '198.18.0.1',
      '192.0.2.1',
      '::',
      'fe80::1',
      'fe80::1%eth0',
      'ff02::1',
      '2001:db8::1',
      '2001:0:1::',
      '::ffff:169.254.169.254',
      '64:ff9b::a9fe:a9fe',
      'no address',
    ],
  }
  for (const [reach, addresses] of Object.entries(wanted))
    for (const address of addresses) t.equal(reachOf(address), reach, address)
})

/** Answers with the addresses of one call after the other, as a name server that changes its mind. */
function resolver(...answers: readonly (readonly string[])[]) {
  const asked: string[] = []
  const resolve = ((host: string, _options: unknown, callback: (...args: unknown[]) => void) => {
    const addresses = answers[asked.length] ?? []
    asked.push(host)
    callback(
      null,
      addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
    )
  }) as typeof lookup
  return { asked, resolve }
}

async function client(
  t: { teardown(action: () => unknown): unknown },
  allowPrivate: boolean,
  resolve: typeof lookup,
) {
  const server = createServer((_request, response) => {
    response.setHeader('connection', 'close')
    response.end('{}')
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  t.teardown(() => server.close())
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const guard = guardAddresses({ allowPrivate, setting: 'enrich[0]', resolve })
  const http = openHttp({
    proxies: noProxies,
    timeoutMs: 5_000,
    hostSetting: 'x',
    largestAnswerBytes: 1_000,
    guard,
  })
  t.teardown(() => http.close())
  return { http, port }
}

t.test('a name that turns private is refused, and looked up once a connection', async (t) => {
  const { asked, resolve } = resolver(['127.0.0.1'], ['169.254.169.254'], ['fd00::1', '10.0.0.1'])
  const { http, port } = await client(t, true, resolve)
  t.equal((await http.fetch(`http://api.internal:${port}/`)).status, 200)
  await t.rejects(http.fetch(`http://api.internal:${port}/`), {
    code: 'address_refused',
    message: 'api.internal has a link-local or reserved address: no request was sent',
    permanent: true,
  })
  t.same(asked, ['api.internal', 'api.internal'])
})

t.test('without allow_private a private address is refused, also beside a public one', async (t) => {
  const { resolve } = resolver(['127.0.0.1'], ['::1', '10.0.0.1'])
  const { http, port } = await client(t, false, resolve)
  for (const path of ['', 'x'])
    await t.rejects(http.fetch(`http://api.internal:${port}/${path}`), {
      message: 'api.internal has a private address: no request was sent',
      hint: 'if the host is in your own network, set allow_private: true in enrich[0]',
    })
  const guard = guardAddresses({
    allowPrivate: false,
    setting: 'enrich[0]',
    resolve: resolver(['10.0.0.1', '93.184.216.34']).resolve,
  })
  const found = await new Promise((done) =>
    guard.lookup('api.internal', { all: true }, (_, all) => done(all)),
  )
  t.same(found, [{ address: '93.184.216.34', family: 4 }], 'only the public one is connected to')
})

t.test('a host that is an address; loopback where it says so itself', async (t) => {
  const guard = guardAddresses({ allowPrivate: false, setting: 'enrich[0]' })
  for (const host of ['10.0.0.1', '[fd00::1]', '169.254.169.254', '[::ffff:10.0.0.1]'])
    t.match(guard.refusal(host), { code: 'address_refused' }, host)
  for (const host of ['127.0.0.1', '[::1]', '93.184.216.34', 'api.internal'])
    t.equal(guard.refusal(host), null, host)
  const allowing = guardAddresses({ allowPrivate: true, setting: 'enrich[0]' })
  t.equal(allowing.refusal('10.0.0.1'), null)
  t.match(allowing.refusal('169.254.169.254'), { code: 'address_refused' }, 'metadata of clouds, never')
})
