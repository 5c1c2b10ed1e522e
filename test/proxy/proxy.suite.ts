/** Slack through Debian's tinyproxy and squid, with an authority that update-ca-certificates installed. Needs root. */
import { execFileSync, spawn } from 'node:child_process'
import { appendFileSync, chmodSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { slack } from '../../src/channels/slack/slack.ts'
import type { Outcome } from '../../src/core/delivery/outcome.ts'
import { readProxies } from '../../src/network/proxies.ts'
import { alone } from '../support/addressed.ts'
import { makeAuthority, makeCertificate } from '../support/certificates.ts'
import { channelEnvironment } from '../support/channel-environment.ts'
import { installPackages } from '../support/debian.ts'
import { freePort } from '../support/ports.ts'
import { killAfter } from '../support/processes.ts'
import { temporaryFolder } from '../support/service.ts'
import { startSlackServer } from '../support/slack/server.ts'
import { until } from '../support/until.ts'

const TOKEN = 'xoxb-the-token-of-this-test'
const INSTALLED = '/usr/local/share/ca-certificates/hookbridge-test.crt'
const HOSTS = '/etc/hosts'

installPackages('tinyproxy, squid and update-ca-certificates', 'tinyproxy-bin', 'squid', 'ca-certificates')
const root = makeAuthority('Hookbridge Test Root CA')
const before = readFileSync(HOSTS, 'utf8')
appendFileSync(HOSTS, '\n127.0.0.1 slack.test denied.test\n')
writeFileSync(INSTALLED, root.cert)
execFileSync('update-ca-certificates', { stdio: 'ignore' })
delete process.env.SSL_CERT_FILE
delete process.env.SSL_CERT_DIR
t.teardown(() => {
  writeFileSync(HOSTS, before)
  rmSync(INSTALLED)
  execFileSync('update-ca-certificates', ['--fresh'], { stdio: 'ignore' })
})

const hosts = ['slack.test', 'denied.test']
const server = await startSlackServer({
  token: TOKEN,
  tls: makeCertificate({ subject: 'slack.test', hosts, issuer: root }),
})
t.teardown(() => server.close())
const { port: slackPort } = new URL(server.url)

/** Runs it in the foreground, until the test ends. */
async function start(t: Test, program: string, args: readonly string[], port: number): Promise<void> {
  const running = spawn(program, args, { stdio: 'ignore' })
  killAfter(t, running)
  await until(
    () =>
      new Promise<boolean>((resolve) => {
        const socket = connect(port, '127.0.0.1', () => {
          socket.destroy()
          resolve(true)
        })
        socket.once('error', () => resolve(false))
      }),
    `${program} listens`,
  )
}

async function send(proxy: string, host = 'slack.test'): Promise<Outcome> {
  const { proxies } = readProxies({ HTTPS_PROXY: proxy })
  const settings = slack.settings.parse({ token: TOKEN, api_url: `https://${host}:${slackPort}/api/` })
  const open = slack.open(settings, new Map(), channelEnvironment(10_000, { proxies }))
  try {
    return await open.send(
      { text: 'hello', blocks: [] },
      { id: 'dlv_1', receiver: 'r', target: '#deal-flow', ...alone },
    )
  } finally {
    await open.close()
  }
}

t.test('tinyproxy, with a login and a filter', async (t) => {
  const folder = temporaryFolder(t)
  const port = freePort()
  writeFileSync(join(folder, 'filter'), '^denied\\.test$\n')
  writeFileSync(
    join(folder, 'tinyproxy.conf'),
    `Port ${port}\nListen 127.0.0.1\nTimeout 60\nMaxClients 20\nBasicAuth jane geheim\nFilter "${join(folder, 'filter')}"\nLogFile "${join(folder, 'log')}"\n`,
  )
  await start(t, 'tinyproxy', ['-d', '-c', join(folder, 'tinyproxy.conf')], port)
  t.match(await send(`http://jane:geheim@127.0.0.1:${port}`), { kind: 'sent' })
  t.match(await send(`http://127.0.0.1:${port}`), { kind: 'park', reason: /asks for a login \(407 / })
  t.match(await send(`http://jane:falsch@127.0.0.1:${port}`), {
    kind: 'park',
    reason: /does not accept the login/,
  })
  t.match(await send(`http://jane:geheim@127.0.0.1:${port}`, 'denied.test'), {
    kind: 'park',
    reason: /does not allow connections to denied\.test:\d+ \(403 Filtered\)/,
  })
  t.match(await send(`http://jane:geheim@127.0.0.1:${port}`, 'unknown.invalid'), {
    kind: 'retry',
    reason: /^the proxy 127\.0\.0\.1:\d+ cannot connect to unknown\.invalid:\d+ \(5\d\d /,
  })
})

t.test('squid, with a rule that denies', async (t) => {
  const folder = temporaryFolder(t)
  chmodSync(folder, 0o777)
  const port = freePort()
  const lines = [
    `http_port 127.0.0.1:${port}`,
    'acl denied dstdomain denied.test',
    'http_access deny denied',
    'http_access allow localhost',
    'http_access deny all',
    'cache deny all',
    'access_log none',
    'cache_log /dev/null',
    `pid_filename ${join(folder, 'squid.pid')}`,
    'shutdown_lifetime 0 seconds',
  ]
  writeFileSync(join(folder, 'squid.conf'), `${lines.join('\n')}\n`)
  await start(t, 'squid', ['-N', '-f', join(folder, 'squid.conf')], port)
  t.match(await send(`http://127.0.0.1:${port}`), { kind: 'sent' })
  t.match(await send(`http://127.0.0.1:${port}`, 'denied.test'), {
    kind: 'park',
    reason: /does not allow connections to denied\.test:\d+ \(403 Forbidden\)/,
  })
  t.match(await send(`http://127.0.0.1:${port}`, 'unknown.invalid'), {
    kind: 'retry',
    reason: /cannot connect to unknown\.invalid:\d+ \(5\d\d /,
  })
})
