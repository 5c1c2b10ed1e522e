/** The commands of docs/systemd.md and docs/container.md for a proxy and a company's certificate: the service sends with what they set up. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { parse } from 'yaml'
import { makeAuthority, makeCertificate } from '../support/certificates.ts'
import { startProxy } from '../support/proxy.ts'
import {
  environment,
  newEvent,
  post,
  startService,
  temporaryFolder,
  writeConfig,
} from '../support/service.ts'
import { startSlackServer } from '../support/slack/server.ts'
import { until } from '../support/until.ts'
import { fenced, readPage, section } from './pages.ts'

const PROXY = 'USER:PASSWORD@proxy.example.com:3128'
const authority = makeAuthority('Example Company Root CA')
const container = readPage('docs/container.md')

function script(page: string, replaced: Readonly<Record<string, string>>): string {
  let [text = ''] = fenced(section(page, 'proxy'), 'sh')
  for (const [written, instead] of Object.entries(replaced)) {
    if (!text.includes(written)) throw new Error(`${written} is not in the commands of the page`)
    text = text.replaceAll(written, instead)
  }
  return text
}

/** Runs the script in a folder, with these programs in place of the real ones. */
function runIn(folder: string, commands: string, programs: Readonly<Record<string, string>>): void {
  const path = join(folder, 'bin')
  mkdirSync(path)
  for (const [name, text] of Object.entries(programs))
    writeFileSync(join(path, name), `#!/bin/sh\n${text}\n`, { mode: 0o755 })
  const env = { ...process.env, PATH: `${path}:${process.env.PATH}` }
  execFileSync('sh', ['-e', '-c', commands], { cwd: folder, env })
}

/** As systemd's EnvironmentFile= and docker's --env-file read a file of plain lines. */
function readEnvironment(file: string): Record<string, string> {
  const lines = readFileSync(file, 'utf8').trim().split('\n')
  return Object.fromEntries(lines.map((line) => [line.replace(/=.*/, ''), line.replace(/^[^=]*=/, '')]))
}

/** Slack behind a proxy with a login, with a certificate of the company's authority. */
async function startCompany(t: Test) {
  const hosts = ['slack.test']
  const slack = await startSlackServer({
    token: environment.SLACK_BOT_TOKEN,
    tls: makeCertificate({ subject: 'slack.test', hosts, issuer: authority }),
  })
  const login = { user: 'jane', pass: 'p@ss' }
  const proxy = await startProxy({ hosts: { 'slack.test': Number(new URL(slack.url).port) }, login })
  t.teardown(() => Promise.all([slack.close(), proxy.close()]))
  return { slack, proxy, url: `jane:p%40ss@127.0.0.1:${proxy.port}` }
}

async function sendsThrough(
  t: Test,
  { slack, proxy }: Awaited<ReturnType<typeof startCompany>>,
  env: Readonly<Record<string, string>>,
): Promise<void> {
  const folder = temporaryFolder(t)
  // Its mail has nowhere to go, which is all the same here.
  const config = writeConfig({ folder, slackUrl: 'https://slack.test/api/', smtpUrl: 'smtp://127.0.0.1:9' })
  const service = await startService(config, { ...environment, ...env })
  t.teardown(() => service.end('SIGKILL'))
  t.equal((await post(service.url, newEvent())).status, 202)
  await until(() => slack.messages.length === 1, 'the message to arrive')
  t.strictSame(new Set(proxy.asked), new Set(['slack.test:443']))
  t.notMatch(service.output(), /p@ss|p%40ss/)
}

t.test('docs/systemd.md', async (t) => {
  const folder = temporaryFolder(t)
  for (const name of ['etc', 'ca']) mkdirSync(join(folder, name))
  writeFileSync(join(folder, 'company-ca.pem'), authority.cert)
  writeFileSync(join(folder, 'etc/environment'), 'TEAM=deals\n', { mode: 0o644 })
  const company = await startCompany(t)
  const commands = script(readPage('docs/systemd.md'), {
    '/etc/hookbridge': join(folder, 'etc'),
    '/usr/local/share/ca-certificates': join(folder, 'ca'),
    [PROXY]: company.url,
  })
  runIn(folder, commands, {
    'update-ca-certificates': 'cat ca/*.crt > bundle.crt',
    systemctl: 'echo "$@" > systemctl.txt',
  })
  t.equal(readFileSync(join(folder, 'systemctl.txt'), 'utf8'), 'restart hookbridge\n')
  t.equal(statSync(join(folder, 'etc/environment')).mode & 0o777, 0o600)
  const unit = readFileSync(new URL('../../packaging/hookbridge.service', import.meta.url), 'utf8')
  t.match(unit, /^EnvironmentFile=-%E\/hookbridge\/environment$/m, 'the unit reads the file')
  const env = readEnvironment(join(folder, 'etc/environment'))
  t.match(env, { TEAM: 'deals', NO_PROXY: 'localhost,.example.com' })
  // The system's store, as OpenSSL finds it.
  await sendsThrough(t, company, { ...env, SSL_CERT_FILE: join(folder, 'bundle.crt') })
})

t.test('docs/container.md', async (t) => {
  const folder = temporaryFolder(t)
  const certificates = join(folder, 'certs')
  mkdirSync(certificates)
  writeFileSync(join(certificates, 'ca-certificates.crt'), authority.cert)
  const company = await startCompany(t)
  const commands = script(container, { [PROXY]: company.url, '/etc/ssl/certs:/': `${certificates}:/` })
  runIn(folder, commands, { docker: 'printf "%s\\n" "$@" > docker.txt' })
  const options = readFileSync(join(folder, 'docker.txt'), 'utf8').trim().split('\n')
  const given = (name: string) =>
    options.flatMap((option, at) => (option === name ? [options[at + 1] ?? ''] : []))
  const [file = ''] = given('--env-file')
  t.equal(statSync(join(folder, file)).mode & 0o777, 0o600)
  const [variable = ''] = given('--env')
  const [host = '', inside = ''] = given('--volume')[0]?.split(':') ?? []
  t.ok(variable.startsWith(`SSL_CERT_FILE=${inside}/`), 'the file is in the folder that is mounted')
  await sendsThrough(t, company, {
    ...readEnvironment(join(folder, file)),
    SSL_CERT_FILE: variable.replace(`SSL_CERT_FILE=${inside}`, host),
  })
  const [compose = ''] = fenced(section(container, 'compose'), 'yaml')
  const { hookbridge } = parse(compose).services
  t.strictSame(hookbridge, {
    env_file: [file],
    environment: { SSL_CERT_FILE: variable.replace('SSL_CERT_FILE=', '') },
    volumes: [`${inside}:${inside}:ro`],
  })
})
