/** Slack through proxies and with certificates of a firm's own: what arrives, and what is said where it does not. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { createServer as createTlsServer } from 'node:https'
import { createServer as createTcpServer } from 'node:net'
import { join } from 'node:path'
import { TLSSocket } from 'node:tls'
import t, { type Test } from 'tap'
import type { SlackMessage } from '../../src/channels/slack/message.ts'
import { slack } from '../../src/channels/slack/slack.ts'
import type { Outcome } from '../../src/core/delivery/outcome.ts'
import { noProxies, type Proxies, readProxies } from '../../src/network/proxies.ts'
import { checkTraces } from '../../src/telemetry/doctor.ts'
import { tryExport } from '../../src/telemetry/sdk.ts'
import { readTraceSettings } from '../../src/telemetry/settings.ts'
import { alone } from '../support/addressed.ts'
import { type CertificateOptions, makeAuthority, makeCertificate } from '../support/certificates.ts'
import { channelEnvironment, IN_TIME_MS } from '../support/channel-environment.ts'
import { holdPort } from '../support/ports.ts'
import { type ProxyAnswer, startProxy, type TestProxy, type TestProxyOptions } from '../support/proxy.ts'
import { temporaryFolder } from '../support/service.ts'
import { type SlackServer, startSlackServer } from '../support/slack/server.ts'

const TOKEN = 'xoxb-the-token-of-this-test'
const LOGIN = { user: 'FIRM\\jane', pass: 'p@ss:word/geheim' }
const WITH_LOGIN = 'FIRM%5Cjane:p%40ss%3Aword%2Fgeheim@'
const message: SlackMessage = { text: 'hello', blocks: [] }

const root = makeAuthority('Example Firm Root CA')
const issuing = makeAuthority('Example Firm Issuing CA', { issuer: root })
const slackTest = makeCertificate({ subject: 'slack.test', hosts: ['slack.test'], issuer: issuing })

// The system's store, as OpenSSL finds it, with the company's CA in it. It is read once in a process.
const store = temporaryFolder(t)
mkdirSync(join(store, 'certs'))
writeFileSync(join(store, 'ca-certificates.crt'), root.cert)
process.env.SSL_CERT_FILE = join(store, 'ca-certificates.crt')
process.env.SSL_CERT_DIR = join(store, 'certs')

async function startSlack(
  t: Test,
  certificate: { cert: string; key: string } = chained(),
): Promise<SlackServer> {
  const server = await startSlackServer({ token: TOKEN, tls: certificate })
  t.teardown(() => server.close())
  return server
}

function chained(leaf = slackTest) {
  return { cert: leaf.cert + issuing.cert, key: leaf.key }
}

async function proxyTo(
  t: Test,
  server: SlackServer,
  more: Partial<TestProxyOptions> = {},
): Promise<TestProxy> {
  const proxy = await startProxy({ hosts: { 'slack.test': Number(new URL(server.url).port) }, ...more })
  t.teardown(() => proxy.close())
  return proxy
}

function through(port: number, login = '', scheme = 'http'): Proxies {
  return readProxies({ HTTPS_PROXY: `${scheme}://${login}127.0.0.1:${port}` }).proxies
}

async function send(
  proxies: Proxies,
  { url = 'https://slack.test/api/', timeout = IN_TIME_MS, count = 1 } = {},
): Promise<Outcome> {
  const receivers = new Map([
    ['hook', slack.receiver.parse({ webhook_url: url.replace('api/', 'services/x') })],
  ])
  const settings = slack.settings.parse({ token: TOKEN, api_url: url })
  const open = slack.open(settings, receivers, channelEnvironment(timeout, { proxies }))
  try {
    let outcome = await open.send(message, {
      id: 'evt_1-1',
      receiver: 'deal-flow',
      target: '#deal-flow',
      ...alone,
    })
    for (let sent = 1; sent < count; sent += 1)
      outcome = await open.send(message, {
        id: 'evt_1-1',
        receiver: 'deal-flow',
        target: '#deal-flow',
        ...alone,
      })
    if (outcome.kind !== 'sent') {
      const hook = await open.send(message, {
        id: 'evt_1-2',
        receiver: 'hook',
        target: 'webhook:hook',
        ...alone,
      })
      t.strictSame(hook, outcome, 'an incoming webhook has the same outcome')
    }
    return outcome
  } finally {
    await open.close()
  }
}

t.test('messages go through the proxy, over a connection that is kept', async (t) => {
  const server = await startSlack(t)
  const proxy = await proxyTo(t, server, { login: LOGIN })
  t.match(await send(through(proxy.port, WITH_LOGIN), { count: 9 }), { kind: 'sent' })
  t.equal(server.messages.length, 9)
  t.strictSame(new Set(proxy.asked), new Set(['slack.test:443']))
  t.ok(server.connections <= 4, 'connections are used again')
})

t.test('a proxy that is spoken to over TLS', async (t) => {
  const server = await startSlack(t)
  const tls = makeCertificate({ subject: 'proxy', hosts: ['127.0.0.1'], issuer: root })
  const proxy = await proxyTo(t, server, { tls })
  t.match(
    await send(through(proxy.port, '', 'https')),
    { kind: 'sent' },
    'its certificate is trusted likewise',
  )
  t.match(await send(through(proxy.port)), {
    kind: 'retry',
    reason: `the proxy 127.0.0.1:${proxy.port} closed the connection without an answer`,
  })
  const selfSigned = await proxyTo(t, server, {
    tls: makeCertificate({ subject: 'self-signed', hosts: ['127.0.0.1'] }),
  })
  t.match(await send(through(selfSigned.port, '', 'https')), {
    kind: 'park',
    reason: /^the certificate of the proxy 127\.0\.0\.1:\d+ is self-signed/,
  })
  const plain = await proxyTo(t, server)
  t.match(await send(through(plain.port, '', 'https')), {
    kind: 'park',
    reason: /^the proxy 127\.0\.0\.1:\d+ does not speak TLS \(.*\): write http:\/\/ in HTTPS_PROXY/,
  })
})

t.test('NO_PROXY, and loopback addresses', async (t) => {
  const server = await startSlack(t, makeCertificate({ subject: 'x', hosts: ['127.0.0.1'], issuer: root }))
  const proxy = await proxyTo(t, server)
  t.match(await send(through(proxy.port), { url: server.url }), { kind: 'sent' })
  t.strictSame(proxy.asked, [])
})

t.test('what a proxy answers is reported as the proxy’s', async (t) => {
  const server = await startSlack(t)
  const proxy = await proxyTo(t, server)
  const basic = { 'proxy-authenticate': 'Basic realm="squid"' }
  const windows = { 'proxy-authenticate': 'NTLM' }
  const cases: readonly (readonly [answer: ProxyAnswer, kind: string, reason: RegExp, login?: string])[] = [
    [
      { status: 407, words: 'Proxy Authentication Required', headers: basic },
      'park',
      /asks for a login \(407 Proxy Authentication Required\): put user and password into HTTPS_PROXY/,
    ],
    [{ status: 407 }, 'park', /asks for a login \(407\)/],
    [
      { status: 407, headers: basic },
      'park',
      /does not accept the login \(407\): correct user and password in HTTPS_PROXY/,
      WITH_LOGIN,
    ],
    [
      { status: 407, headers: windows },
      'park',
      /asks for a login by NTLM \(407\): only Basic is supported.*cntlm/,
      WITH_LOGIN,
    ],
    [
      { status: 403, words: 'Forbidden' },
      'park',
      /does not allow connections to slack\.test:443 \(403 Forbidden\): ask the administrator of the proxy to allow CONNECT to slack\.test:443/,
    ],
    [{ status: 403, words: 'Filtered' }, 'park', /\(403 Filtered\)/],
    [{ status: 401 }, 'park', /does not accept the login \(401\)/, WITH_LOGIN],
    [{ status: 451 }, 'park', /does not allow/],
    [
      { status: 405, words: 'Method Not Allowed' },
      'park',
      /does not open tunnels \(405 Method Not Allowed\): it may be a web server/,
    ],
    [{ status: 400 }, 'park', /does not open tunnels \(400\)/],
    [{ status: 404 }, 'park', /does not open tunnels/],
    [{ status: 501 }, 'park', /does not open tunnels/],
    [
      { status: 302, headers: { location: 'http://login.example/' } },
      'park',
      /does not open tunnels \(302\).*login in a browser/,
    ],
    [
      { raw: 'SSH-2.0-OpenSSH_9.2\r\n' },
      'park',
      /is not an HTTP proxy: correct host and port in HTTPS_PROXY/,
    ],
    [
      { status: 500, words: 'Unable to connect' },
      'retry',
      /cannot connect to slack\.test:443 \(500 Unable to connect\)$/,
    ],
    [{ status: 502 }, 'retry', /cannot connect to slack\.test:443 \(502\)$/],
    [{ status: 503, words: 'Service Unavailable' }, 'retry', /\(503 Service Unavailable\)$/],
    [{ status: 504 }, 'retry', /\(504\)$/],
    [{ status: 429 }, 'retry', /\(429\)$/],
    ['close', 'retry', /closed the connection without an answer$/],
    // A proxy that repeats what it was given, and one that fakes a line of the log.
    [
      { status: 407, words: `no ${Buffer.from(`${LOGIN.user}:${LOGIN.pass}`).toString('base64')}` },
      'park',
      /\(407 no \S+\)/,
      WITH_LOGIN,
    ],
    [{ raw: 'HTTP/1.1 503 a\tb\u0085c\r\n\r\n' }, 'retry', /\(503 a b c\)$/],
  ]
  for (const [answer, kind, reason, login] of cases) {
    proxy.behave = () => answer
    const outcome = await send(through(proxy.port, login))
    const label = JSON.stringify(answer)
    t.match(outcome, { kind, reason }, label)
    const text = JSON.stringify(outcome)
    t.match(text, `127.0.0.1:${proxy.port}`, 'it names the proxy')
    t.notMatch(text, /Slack|geheim|Z2VoZWlt/, 'and neither blames Slack nor shows the login')
  }
  t.equal(server.calls, 0, 'nothing was sent')
})

t.test('a proxy that is not there, hangs, or breaks TLS', async (t) => {
  const server = await startSlack(t)
  const proxy = await proxyTo(t, server)
  t.match(await send(through(holdPort(t).port)), {
    kind: 'retry',
    reason: /^the proxy 127\.0\.0\.1:\d+ refuses the connection: nothing listens there$/,
  })
  const named = readProxies({ HTTPS_PROXY: 'http://proxy.invalid:3128' }).proxies
  t.match(await send(named), {
    kind: 'retry',
    reason: /^the proxy proxy\.invalid:3128 cannot be found \(E\w+\)$/,
  })
  proxy.behave = () => 'hang'
  t.match(await send(through(proxy.port), { timeout: 400 }), {
    kind: 'retry',
    reason: `the proxy 127.0.0.1:${proxy.port} does not answer within 100 ms`,
  })
  const deaf = createTcpServer((socket) => socket.once('data', () => socket.destroy()))
  await new Promise<void>((resolve) => deaf.listen(0, '127.0.0.1', resolve))
  t.teardown(() => deaf.close())
  const address = deaf.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const cutting = await proxyTo(t, server, { hosts: { 'slack.test': port } })
  t.match(await send(through(cutting.port)), {
    kind: 'retry',
    reason: /^no TLS connection to slack\.test:443 through the proxy 127\.0\.0\.1:\d+: /,
  })
  t.equal(server.calls, 0)
})

t.test('a certificate that does not verify is described, with what to do', async (t) => {
  const DAY = 86_400_000
  const other = makeAuthority('Inspection CA\nof another firm')
  const signed = (more: Partial<CertificateOptions>) =>
    makeCertificate({ subject: 'slack.test', hosts: ['slack.test'], issuer: root, ...more })
  const ofOther = signed({ issuer: other })
  const old = makeAuthority('Old CA', { issuer: root, to: new Date(Date.now() - 2 * DAY) })
  const ofOld = signed({ issuer: old })
  const cases: readonly (readonly [
    what: string,
    { cert: string; key: string },
    kind: string,
    reason: RegExp,
  ])[] = [
    [
      'an issuer that is not trusted',
      signed({ issuer: other }),
      'park',
      /^the certificate of slack\.test:443 comes from an issuer that this machine does not trust \(\w+\); subject "CN=slack\.test", issuer "CN=Inspection CA.*of another firm": .*copy the PEM file of "CN=Inspection CA.*" to \/usr\/local\/share\/ca-certificates\/NAME\.crt, run update-ca-certificates \(in a container: mount the file, and name it in NODE_EXTRA_CA_CERTS\), and restart hookbridge; if it is from a public CA, slack\.test:443 does not send/,
    ],
    [
      'a whole chain that is not trusted',
      { key: ofOther.key, cert: ofOther.cert + other.cert },
      'park',
      /\(SELF_SIGNED_CERT_IN_CHAIN\); .*copy the PEM file of "CN=Inspection CA.*of another firm" to \S+, run update-ca-certificates \(in a container: mount the file, and name it in NODE_EXTRA_CA_CERTS\), and restart hookbridge$/,
    ],
    [
      'an intermediate that is left out',
      slackTest,
      'park',
      /issuer "CN=Example Firm Issuing CA".*does not send its intermediate certificate/,
    ],
    [
      'self-signed',
      makeCertificate({ subject: 'slack.test', hosts: ['slack.test'] }),
      'park',
      /is self-signed .*subject "CN=slack\.test".*update-ca-certificates/,
    ],
    [
      'for others',
      signed({ hosts: ['a.example', 'b.example', '10.0.0.1'] }),
      'park',
      /is for a\.example, b\.example, 10\.0\.0\.1, not for slack\.test; .*: write a name of the certificate in channels\.slack\.api_url or webhook_url/,
    ],
    [
      'expired',
      signed({ to: new Date(Date.now() - 3 * DAY - 5_000) }),
      'retry',
      /^the certificate of slack\.test:443 expired on \d{4}-\d\d-\d\d, 3 days ago; subject/,
    ],
    [
      'with an issuer that expired',
      { key: ofOld.key, cert: ofOld.cert + old.cert },
      'retry',
      /^an issuer of the certificate of slack\.test:443, "CN=Old CA", expired on \S+, 2 days ago/,
    ],
    [
      'not valid yet',
      signed({ from: new Date(Date.now() + DAY) }),
      'retry',
      /is valid only from \d{4}-\d\d-\d\d; subject/,
    ],
  ]
  for (const [what, certificate, kind, reason] of cases) {
    const server = await startSlack(t, certificate)
    const proxy = await proxyTo(t, server)
    const outcome = await send(through(proxy.port))
    t.match(outcome, { kind, reason }, what)
    t.notMatch(JSON.stringify(outcome), /\\n|reject|insecure|verification off/i)
    t.equal(server.calls, 0, 'nothing was sent')
  }
})

t.test('and likewise without a proxy', async (t) => {
  const good = await startSlack(t, makeCertificate({ subject: 'x', hosts: ['127.0.0.1'], issuer: root }))
  t.match(await send(noProxies, { url: good.url }), { kind: 'sent' })
  const bad = await startSlack(t, makeCertificate({ subject: 'x', hosts: ['127.0.0.1'] }))
  t.match(await send(noProxies, { url: bad.url }), {
    kind: 'park',
    reason: /^the certificate of 127\.0\.0\.1:\d+ is self-signed/,
  })
})

t.test('traces go through the proxy', async (t) => {
  const proxy = await startProxy({ hosts: {} })
  t.teardown(() => proxy.close())
  const env = {
    OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector.test:4318',
    HTTP_PROXY: `http://${WITH_LOGIN}127.0.0.1:${proxy.port}`,
  }
  const { settings } = readTraceSettings(env)
  if (settings === null) throw new Error('no traces')
  // The exporter reads its endpoint from the process.
  process.env.OTEL_EXPORTER_OTLP_ENDPOINT = env.OTEL_EXPORTER_OTLP_ENDPOINT
  t.equal(await tryExport(settings, 60_000), null)
  t.strictSame(proxy.asked, ['http://collector.test:4318/v1/traces'])
  t.equal(proxy.logins[0], `Basic ${Buffer.from(`${LOGIN.user}:${LOGIN.pass}`).toString('base64')}`)
})

t.test('so do traces to a collector with a certificate of its own authority', async (t) => {
  const { cert, key } = makeCertificate({ subject: 'c', hosts: ['collector.test'], issuer: root })
  const client = makeCertificate({ subject: 'hookbridge', hosts: ['hookbridge.test'], issuer: root })
  const clients: boolean[] = []
  const tls = { cert, key, ca: root.cert, requestCert: true, rejectUnauthorized: false }
  const collector = createTlsServer(tls, (request, response) => {
    clients.push(request.socket instanceof TLSSocket && request.socket.authorized)
    request.resume().once('end', () => response.end())
  })
  await new Promise<void>((resolve) => collector.listen(0, '127.0.0.1', resolve))
  t.teardown(() => collector.close())
  const address = collector.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  const proxy = await startProxy({ hosts: { 'collector.test': address.port } })
  t.teardown(() => proxy.close())
  const folder = temporaryFolder(t)
  const file = (name: string, text: string) => {
    writeFileSync(join(folder, name), text)
    return join(folder, name)
  }
  const env = {
    OTEL_EXPORTER_OTLP_ENDPOINT: 'https://collector.test:4318',
    OTEL_EXPORTER_OTLP_CERTIFICATE: file('ca.pem', root.cert),
    OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE: file('client.pem', client.cert),
    OTEL_EXPORTER_OTLP_CLIENT_KEY: file('client.key', client.key),
    HTTPS_PROXY: `http://127.0.0.1:${proxy.port}`,
  }
  // The exporter reads its endpoint from the process.
  process.env.OTEL_EXPORTER_OTLP_ENDPOINT = env.OTEL_EXPORTER_OTLP_ENDPOINT
  const check = (more: Record<string, string>) => checkTraces({ ...env, ...more }, 60_000)
  const through = `through the proxy 127.0.0.1:${proxy.port}`
  const fine = {
    level: 'fine',
    summary: `the collector accepts traces, ${through}, 100 % of the traces are kept`,
  }
  t.match(await check({}), [fine])
  t.strictSame(clients, [true], 'it sees the certificate of the client')
  const missing = { OTEL_EXPORTER_OTLP_CERTIFICATE: join(folder, 'none.pem') }
  t.match(await check(missing), [
    {
      level: 'warning',
      summary: /^traces cannot be exported, through the proxy 127\.0\.0\.1:\d+: .*certificate/,
      hint: /PEM file of the authority .*OTEL_EXPORTER_OTLP_CERTIFICATE/,
    },
  ])
  const ofTraces = { OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE: env.OTEL_EXPORTER_OTLP_CERTIFICATE }
  t.match(await check({ ...missing, ...ofTraces }), [fine])
})
