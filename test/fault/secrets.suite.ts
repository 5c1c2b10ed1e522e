/** Everything a full run logged, stored, answered and sent, searched for every secret. */
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { exportingTo, startCollector } from '../support/collector.ts'
import { startMailServer } from '../support/mail-server.ts'
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

const password = 'correct-horse-battery'
const adminToken = 'staple-of-an-administrator'
const collectorKey = 'key-of-the-collector'

t.test('no secret leaves the process', async (t) => {
  const folder = temporaryFolder(t)
  const slack = await startSlackServer()
  const mail = await startMailServer({ auth: { user: 'alerts', pass: password } })
  t.teardown(async () => {
    await slack.close()
    await mail.close()
  })
  const collector = await startCollector(t)
  const token = environment.SLACK_BOT_TOKEN
  const webhookPath = slack.webhookUrl.split('/').at(-1) ?? ''
  // The destinations repeat our own secrets in their errors, as some really do.
  let failures = 3
  slack.behave = () =>
    failures-- > 0 ? { status: 503, headers: {}, body: `bad token ${token} at ${webhookPath}` } : undefined
  const config = writeConfig({
    folder,
    slackUrl: slack.url,
    smtpUrl: '${SMTP_URL}',
    extra: `
  - match: { type: startup.created }
    receivers: [webhook]
unrouted: { receivers: [webhook] }
`,
  })
  const text = readFileSync(config, 'utf8')
    .replace('receivers:\n', 'receivers:\n  webhook: { slack: { webhook_url: "${SLACK_WEBHOOK_URL}" } }\n')
    .replace('port: 0', 'port: 0, admin_token: "${ADMIN_TOKEN}"')
  writeFileSync(config, text)
  const env = {
    ...environment,
    SMTP_URL: mail.url,
    SLACK_WEBHOOK_URL: slack.webhookUrl,
    ADMIN_TOKEN: adminToken,
    LOG_LEVEL: 'trace',
    ...exportingTo(collector),
    OTEL_EXPORTER_OTLP_HEADERS: `x-api-key=${collectorKey}`,
  }
  const service = await startService(config, env)
  t.teardown(() => service.end('SIGKILL'))

  const answers: string[] = []
  const keep = async (response: Promise<Response>) => {
    const { status, headers } = await response
    answers.push(`${status} ${JSON.stringify([...headers])} ${await (await response).text()}`)
    return status
  }
  // A collector that refuses some, and repeats what it was sent.
  collector.behave = 500
  for (const type of ['analysis.completed', 'startup.created', 'something.else']) {
    t.equal(await keep(post(service.url, newEvent(type))), 202)
  }
  await keep(
    fetch(`${service.url}/webhooks/cuuro`, {
      method: 'POST',
      body: '{}',
      headers: { 'content-type': 'application/json' },
    }),
  )
  await until(() => slack.messages.length >= 3 && mail.messages.length >= 1, 'all messages')
  await until(() => collector.requests.length > 0, 'an export that fails')
  collector.behave = 200
  t.equal(await keep(post(service.url, newEvent())), 202)
  await collector.span('receive')
  const reload = (token: string) =>
    keep(fetch(`${service.url}/-/reload`, { method: 'POST', headers: { authorization: `Bearer ${token}` } }))
  t.equal(await reload('wrong'), 401)
  t.equal(await reload(adminToken), 200)
  const misplaced = ['SLACK_BOT_TOKEN', 'SMTP_URL', 'SLACK_WEBHOOK_URL', 'WEBHOOK_SECRET', 'ADMIN_TOKEN']
  for (const name of misplaced) {
    writeFileSync(config, text.replace('burst: 1000', `burst: "\${${name}}"`))
    t.equal(await reload(adminToken), 422, `${name} where a number belongs`)
    await keep(fetch(`${service.url}/readyz`))
  }
  writeFileSync(config, text)
  t.equal(await reload(adminToken), 200)
  for (const path of ['/livez', '/readyz', '/metrics', '/']) await keep(fetch(service.url + path))
  const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url))
  const commands = [
    ['check'],
    ['reload', '--url', service.url],
    ['events', '--json'],
    ['deliveries', '--json'],
    ['destinations', '--json'],
    ['schema'],
    ['routes', '--json'],
    ['send', '--type', 'x', '--url', service.url],
  ]
  const printed = commands.map((command) => {
    const ran = spawnSync(process.execPath, [main, ...command, '--config', config], {
      env: { ...process.env, ...env },
      encoding: 'utf8',
    })
    t.equal(ran.status, 0, `${command[0]}: ${ran.stderr}`)
    return ran.stdout + ran.stderr
  })
  t.equal((await service.end('SIGTERM')).code, 0)

  const stored = readdirSync(folder)
    .filter((name) => name.startsWith('store.db'))
    .map((name) => readFileSync(join(folder, name), 'latin1'))
  const everything = {
    logged: service.output(),
    stored: stored.join('\n'),
    answered: answers.join('\n'),
    printed: printed.join('\n'),
    exported: collector.requests.map(({ body }) => body.toString('latin1')).join('\n'),
    // The token is how the message came, not a part of it.
    sent:
      JSON.stringify(slack.messages.map(({ token, ...message }) => message)) +
      mail.messages.map(({ raw }) => String(raw)).join('\n'),
  }
  const secrets = {
    token,
    password,
    webhookPath,
    adminToken,
    collectorKey,
    signing: environment.WEBHOOK_SECRET.slice('whsec_'.length),
  }
  for (const [where, content] of Object.entries(everything)) {
    t.ok(content.length > 200, `${where}: there is something to search`)
    for (const [name, value] of Object.entries(secrets))
      t.notOk(content.includes(value), `${where}: no ${name}`)
  }
  t.notMatch(everything.exported, '@example.com', 'no address of a person')
})
