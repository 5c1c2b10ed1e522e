import { chmodSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import { type AddressInfo, createServer as createTcpServer } from 'node:net'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import t, { type Test } from 'tap'
import { runCheck } from '../../../src/cli/doctor/cheap-checks.ts'
import type { Finding } from '../../../src/core/finding.ts'
import { Secret } from '../../../src/core/secret.ts'
import { openStore } from '../../../src/store/open.ts'
import { startTestApp } from '../../support/app.ts'
import { whileClosed } from '../../support/closed.ts'
import { withGrowingLimit } from '../../support/growing-limit.ts'
import { hookbridge } from '../../support/hookbridge.ts'
import { type MailServerOptions, startMailServer } from '../../support/mail-server.ts'
import { startOAuthMailServer } from '../../support/oauth/mail-server.ts'
import { entra, serviceAccountKey, unsignedJwt } from '../../support/oauth/providers.ts'
import { startTokenServer } from '../../support/oauth/token-server.ts'
import { holdPort } from '../../support/ports.ts'
import { environment, newEvent, post, startService, temporaryFolder } from '../../support/service.ts'
import { startSlackServer } from '../../support/slack/server.ts'
import type { SlackServerOptions } from '../../support/slack/workspace.ts'
import { until } from '../../support/until.ts'

const password = 'correct-horse/battery'
const webhookSecret = 'only-the-doctor-tests-know'
const webhookUrl = `https://hooks.slack.com/services/T0/B0/${webhookSecret}`

/** What answers has time for it, on a machine however busy. */
const PATIENT_MS = 60_000

/** Everything that any doctor of this file said. */
let said = ''

interface Report {
  readonly ok: boolean
  readonly wrong: number
  readonly findings: readonly (Finding & { readonly group: string })[]
}

interface World {
  readonly server?: string
  readonly slackUrl?: string
  readonly smtp?: string
  readonly mail?: string
  readonly receivers?: Readonly<Record<string, string>>
}

function configuration({ server = '', slackUrl, smtp, mail = '', receivers = {} }: World): string {
  const slack = slackUrl ? `  slack: { token: "\${SLACK_BOT_TOKEN}", api_url: "${slackUrl}" }\n` : ''
  const email = smtp ? `  email: { smtp: "\${SMTP_URL}", from: alerts@example.com${mail} }\n` : ''
  const entries = { log: 'console: {}', ...receivers }
  return `
${server === '' ? '' : `server: { ${server} }`}
sources:
  cuuro: { svix: { secrets: ["\${WEBHOOK_SECRET}"] } }
links: {}
channels:
  console: {}
${slack}${email}receivers:
${Object.entries(entries)
  .map(([name, value]) => `  ${name}: { ${value} }`)
  .join('\n')}
routes:
  - receivers: [${Object.keys(entries).join(', ')}]
`
}

function channel(name: string): string {
  return `slack: { channel: "${name}" }`
}

/** Runs the doctor on a configuration in `folder`, and reads what it says. */
async function doctor(t: Test, world: World, folder = temporaryFolder(t), timeoutMs = PATIENT_MS) {
  const file = join(folder, 'config.yaml')
  writeFileSync(file, configuration(world))
  const env = { HOOK_URL: webhookUrl, SMTP_URL: world.smtp ?? '' }
  const ran = await hookbridge(['doctor', '--config', file, '--timeout', `${timeoutMs}ms`, '--json'], { env })
  said += ran.out + ran.err
  const report: Report = JSON.parse(ran.out)
  for (const { code } of report.findings) t.match(code, /^[a-z]+(_[a-z]+)*$/)
  t.equal(ran.code, report.wrong > 0 ? 1 : 0, 'the exit code is 1 when something is wrong')
  return { ...report, in: (group: string) => report.findings.filter((finding) => finding.group === group) }
}

async function slackServer(t: Test, options: SlackServerOptions = {}) {
  const server = await startSlackServer({ token: environment.SLACK_BOT_TOKEN, ...options })
  t.teardown(() => server.close())
  return server
}

async function mailServer(t: Test, options: MailServerOptions = {}) {
  const server = await startMailServer(options)
  t.teardown(() => server.close())
  return server
}

async function httpServer(t: Test, listener: RequestListener): Promise<string> {
  const server = createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}

t.test('nothing is wrong where all is well', async (t) => {
  const slack = await slackServer(t, { channels: ['#deal-flow'], scopes: ['chat:write', 'channels:read'] })
  const mail = await mailServer(t, { auth: { user: 'alerts', pass: password } })
  const app = await startTestApp(t, configuration({}))
  // The clocks are compared by the median, so that one request that was on its way for seconds changes nothing.
  for (let count = 0; count < 5; count++) await post(app.url, newEvent())
  const world: World = {
    server: `public_url: "${app.url}/"`,
    slackUrl: slack.url,
    smtp: mail.url,
    receivers: { deals: channel('#deal-flow'), partners: 'email: { to: [partners@example.com] }' },
  }
  const file = join(app.folder, 'doctor.yaml')
  writeFileSync(file, `store: { url: "sqlite:${join(app.folder, 'store.db')}" }${configuration(world)}`)
  const env = { SMTP_URL: mail.url }
  const patient = ['doctor', '--config', file, '--timeout', '60s']
  const { code, out, err } = await hookbridge(patient, { env })
  said += out
  t.equal(code, 0, out)
  t.equal(err, '')
  for (const expected of [
    /^configuration\n {2}✓ \S*doctor\.yaml: fine$/m,
    /✓ cuuro: its signing secret is well-formed and long enough/,
    /✓ .*store\.db opens, and its schema is current/,
    /✓ only its owner can read it/,
    /a write is on the disk after \d+\.\d ms/,
    /✓ the clock agrees with that of cuuro \(last request: 20\d\d-\d\d-\d\d \d\d:\d\d\n? *UTC\)/,
    new RegExp(`✓ ${app.url}/webhooks/cuuro reaches this service`),
    /✓ the token is accepted: hookbridge in Stand-in/,
    /✓ its scopes: chat:write, channels:read/,
    /✓ #deal-flow \(deals\): the app is in the channel/,
    /✓ 127\.0\.0\.1:\d+ answers, not encrypted, the login is accepted/,
    /nothing is wrong.*\n$/,
  ])
    t.match(out, expected)
  for (const line of out.split('\n')) {
    // A longer word stays whole, so that it can be copied.
    t.ok(line.length <= 80 || !line.slice(6).includes(' '), line)
  }
  t.strictSame(slack.messages, [], 'nothing was posted')
  t.strictSame(mail.messages, [], 'nothing was mailed')
  t.notOk(
    readdirSync(app.folder).some((name) => name.includes('doctor-')),
    'nothing is left behind',
  )

  const shown = await hookbridge(patient, { columns: 80, env })
  t.match(shown.out, /\u001b\[32m✓\u001b\[39m/, 'coloured on a terminal')
  const plain = await hookbridge(patient, {
    columns: 80,
    env: { ...env, NO_COLOR: '1' },
  })
  t.notMatch(plain.out, /\u001b/)
})

t.test('a configuration with mistakes is reported as check does', async (t) => {
  const file = join(temporaryFolder(t), 'config.yaml')
  writeFileSync(file, configuration({}).replace('receivers: [log]', 'recievers: [log]'))
  const { code, out } = await hookbridge(['doctor', '--config', file])
  t.equal(code, 1)
  t.match(
    out.replaceAll(/\s+/g, ' '),
    /✗ \S*config\.yaml:\d+:5: unknown key "recievers" \(did you mean "receivers"\?\)/,
  )
  t.match(out, /fix the configuration first/)
  const json = await hookbridge(['doctor', '--config', file, '--json'])
  t.match([json.code, JSON.parse(json.out)], [1, { ok: false, findings: [{ group: 'configuration' }] }])
})

t.test('mail with access tokens: the step that fails', async (t) => {
  const tokens = await startTokenServer()
  let reply: string | boolean = true
  const smtp = await startOAuthMailServer({ accepts: () => reply })
  t.teardown(async () => {
    await smtp.close()
    await tokens.close()
  })
  const blocks = {
    microsoft: { ...entra, authority: tokens.url },
    google: { service_account: serviceAccountKey(tokens) },
  }
  const findings = async (provider: keyof typeof blocks, more: object = {}) => {
    const block = { [provider]: { ...blocks[provider], mailbox: 'alerts@example.org', ...more } }
    const mail = `, oauth2: ${JSON.stringify(block)}`
    const receivers = { partners: 'email: { to: [partners@example.com] }' }
    return (await doctor(t, { smtp: smtp.url, mail, receivers })).in('email')
  }
  for (const provider of ['microsoft', 'google'] as const) {
    t.match(await findings(provider), [
      {
        level: 'fine',
        code: 'oauth_token',
        summary: /^127\.0\.0\.1:\d+ issues access tokens, valid for 60 min$/,
      },
      { level: 'fine', code: 'smtp_ok', summary: /the access token is accepted for alerts@example\.org$/ },
    ])
  }
  t.match(await findings('microsoft', { client_secret: 'wrong' }), [
    {
      level: 'wrong',
      code: 'oauth_client',
      meaning: /^The token server said: 401 invalid_client: AADSTS7000215/,
      hint: /microsoft\.client_secret/,
    },
  ])
  t.match(await findings('google', { mailbox: 'nobody@example.org' }), [
    { code: 'oauth_mailbox', summary: /nobody@example\.org/, hint: /google\.mailbox/ },
  ])
  t.match(await findings('microsoft', { scope: 'https://graph.microsoft.com/.default' }), [
    { level: 'fine' },
    { level: 'fine' },
  ])
  reply = '535 5.7.3 Authentication unsuccessful'
  const refused = [
    [{}, 'oauth_mailbox', /Add-MailboxPermission -Identity alerts@example\.org/],
    [{ scope: 'https://graph.microsoft.com/.default' }, 'oauth_scope', /microsoft\.scope/],
  ] as const
  for (const [more, code, hint] of refused) {
    t.match(await findings('microsoft', more), [
      { level: 'fine', code: 'oauth_token' },
      { level: 'wrong', code, meaning: /^The server said: 535 5\.7\.3/, hint },
    ])
  }
  tokens.behave = () => ({
    status: 200,
    body: {
      token_type: 'Bearer',
      access_token: unsignedJwt({ aud: 'https://outlook.office365.com', roles: [] }),
    },
  })
  t.match(await findings('microsoft'), [
    { level: 'fine' },
    { level: 'wrong', code: 'oauth_permission', hint: /SMTP\.SendAsApp/ },
  ])
  tokens.behave = () => ({ status: 503, body: '' })
  t.match(await findings('microsoft'), [{ level: 'wrong', code: 'oauth_unreachable' }])
  t.strictSame(smtp.messages, [], 'nothing was mailed')
  for (const secret of [entra.client_secret, ...tokens.tokens.keys()]) t.notMatch(said, secret)
})

t.test('Slack: each channel', async (t) => {
  const slack = await slackServer(t, {
    channels: Array.from({ length: 2_500 }, (_, index) => `#channel-${index}`),
    archived: ['#old', 'C0000ARCHIVED'],
    notJoined: ['#foreign', 'C00000FOREIGN', '#secret'],
    unknown: ['#missing', 'C00000MISSING'],
    privateChannels: ['#board', '#secret'],
  })
  const names = ['#channel-2400', '#old', '#foreign', '#missing', '#board', '#secret']
  const ids = ['C000000JOINED', 'C0000ARCHIVED', 'C00000FOREIGN', 'C00000MISSING', 'D000000PERSON']
  const receivers = Object.fromEntries([...names, ...ids].map((name, index) => [`r${index}`, channel(name)]))
  const report = await doctor(t, {
    slackUrl: slack.url,
    receivers: { ...receivers, again: channel('#old') },
  })
  const of = (name: string) => report.in('slack').find(({ summary }) => summary.startsWith(`${name} `))
  t.match(of('#channel-2400'), { level: 'fine', summary: '#channel-2400 (r0): the app is in the channel' })
  t.match(of('#board'), { level: 'fine' }, 'a private channel that the app is in')
  t.match(of('#old'), {
    code: 'is_archived',
    level: 'wrong',
    summary: '#old (r1, again) is archived',
    hint: /unarchive #old/,
  })
  t.match(of('#foreign'), {
    code: 'not_in_channel',
    level: 'wrong',
    meaning: /are parked until/,
    hint: /write \/invite and its name there; or add the scope chat:write\.public/,
  })
  t.match(of('#missing'), { level: 'wrong', code: 'channel_not_found', hint: /correct the channel/ })
  t.match(of('#secret'), {
    code: 'channel_not_found',
    level: 'wrong',
    hint: /invite the app if #secret is private/,
  })
  t.match(of('C000000JOINED'), { level: 'fine' })
  t.match(of('C0000ARCHIVED'), { level: 'wrong', code: 'is_archived' })
  t.match(of('C00000FOREIGN'), { level: 'wrong', code: 'not_in_channel' })
  t.match(of('C00000MISSING'), { level: 'wrong', code: 'channel_not_found' })
  t.match(of('D000000PERSON'), { level: 'unknown', summary: /a conversation with a person/ })
  t.equal(report.wrong, 7)
  t.strictSame(slack.messages, [])
})

t.test('Slack: with chat:write.public a public channel needs no member', async (t) => {
  const slack = await slackServer(t, {
    notJoined: ['#foreign'],
    scopes: ['chat:write', 'chat:write.public', 'channels:read'],
  })
  const report = await doctor(t, { slackUrl: slack.url, receivers: { a: channel('#foreign') } })
  t.match(report.in('slack')[2], { level: 'fine', summary: /may post without being in the channel/ })
})

t.test('Slack: what the scopes do not let it see is said, and is not wrong', async (t) => {
  const receivers = { a: channel('#general'), b: channel('#x'), c: channel('C0123456789') }
  const few = await slackServer(t, { scopes: ['chat:write'] })
  const report = await doctor(t, { slackUrl: few.url, receivers })
  t.equal(report.ok, true)
  t.match(report.in('slack').slice(2), [
    {
      level: 'unknown',
      summary: '#general, #x, C0123456789 could not be checked: the app lacks the scope channels:read',
      meaning: /Only the first message shows/,
      hint: /add channels:read .*posting needs neither/,
    },
  ])
  const some = await slackServer(t, { scopes: ['chat:write', 'channels:read'] })
  t.match((await doctor(t, { slackUrl: some.url, receivers })).in('slack').slice(2), [
    { level: 'fine', summary: /^#general/ },
    { level: 'fine', summary: /^C0123456789/ },
    {
      level: 'unknown',
      summary: /^#x could not be checked: no public channel has this name/,
      hint: /groups:read/,
    },
  ])
  const none = await slackServer(t, { scopes: ['channels:read'] })
  t.match((await doctor(t, { slackUrl: none.url, receivers })).in('slack')[1], {
    level: 'wrong',
    summary: 'the app lacks the scope chat:write (it has: channels:read)',
    hint: 'give the app the scope chat:write (OAuth & Permissions), and reinstall it',
  })
})

t.test('Slack: whether a message can be looked up is said, and is not wrong', async (t) => {
  const slack = (scopes: readonly string[]) =>
    slackServer(t, {
      scopes: ['chat:write', 'channels:read', 'groups:read', ...scopes],
      privateChannels: ['#board'],
    })
  const receivers = { a: channel('#general'), b: channel('#board') }
  const without = await slack([])
  const report = await doctor(t, { slackUrl: without.url, receivers })
  t.equal(report.ok, true)
  t.match(report.in('slack').at(-1), {
    level: 'unknown',
    summary:
      'whether a message arrived cannot be looked up: the app lacks the scope channels:history and groups:history',
    meaning: 'A message whose attempt ended without an answer may arrive twice.',
    hint: /^add channels:history and groups:history to the app and reinstall it, or ignore this/,
  })
  const half = await slack(['channels:history'])
  t.match((await doctor(t, { slackUrl: half.url, receivers })).in('slack').at(-1), {
    level: 'unknown',
    summary: /lacks the scope groups:history$/,
  })
  const both = await slack(['channels:history', 'groups:history'])
  t.match((await doctor(t, { slackUrl: both.url, receivers })).in('slack').at(-1), {
    level: 'fine',
    summary: 'whether a message arrived is looked up before it is sent again',
  })
  const person = await doctor(t, { slackUrl: both.url, receivers: { c: channel('U0123456789') } })
  t.match(person.in('slack').at(-1), { level: 'unknown', summary: /lacks the scope im:history$/ })
})

t.test('Slack: a token that is refused, and a Slack that cannot be reached', async (t) => {
  const receivers = { deals: channel('#deal-flow'), hook: 'slack: { webhook_url: "${HOOK_URL}" }' }
  const other = await slackServer(t, { token: 'xoxb-another' })
  const refused = await doctor(t, { slackUrl: other.url, receivers })
  t.match(refused.in('slack'), [
    {
      level: 'wrong',
      summary: 'Slack does not accept the token: invalid_auth',
      meaning: /messages are parked/,
      hint: /^put the app's bot token into channels\.slack\.token; if it is there/,
    },
    { level: 'unknown', summary: 'webhook:hook could not be checked', meaning: /without posting/ },
  ])
  t.equal(refused.in('slack').length, 2)

  const gone = await doctor(t, { slackUrl: `http://127.0.0.1:${holdPort(t).port}/api/`, receivers })
  t.match(gone.in('slack')[0], {
    level: 'wrong',
    summary: 'Slack cannot be reached: cannot connect: ECONNREFUSED',
    hint: /check that this machine reaches http:\/\/127/,
  })

  const misbehaving = await slackServer(t)
  misbehaving.behave = () => 'hang'
  const limited = (to: Readonly<Record<string, string>>, reached: () => boolean) =>
    withGrowingLimit(
      200,
      (limitMs) => doctor(t, { slackUrl: misbehaving.url, receivers: to }, undefined, limitMs),
      reached,
    )
  const hung = await limited(receivers, () => misbehaving.calls > 0)
  t.match(hung.found.in('slack')[0], {
    level: 'wrong',
    summary: `Slack cannot be reached: no answer within ${hung.limitMs} ms`,
  })

  misbehaving.behave = ({ method }) => (method === 'auth.test' ? undefined : 'hang')
  const ids = { a: channel('C0000000001'), b: channel('C0000000002'), c: channel('#general') }
  // The token, the list of channels, and the first id; after that Slack is known to be silent.
  const requests = 3
  let before = misbehaving.calls
  const later = await limited(ids, () => {
    const made = misbehaving.calls - before
    before += made
    return made === requests
  })
  const without = new RegExp(`C0000000001, C0000000002.*no answer within ${later.limitMs} ms`)
  t.match(later.found.in('slack').slice(2), [{ level: 'unknown', summary: without, hint: /again later/ }])

  const token = environment.SLACK_BOT_TOKEN
  for (const body of [
    `bad token ${token}`,
    JSON.stringify({ ok: false, error: token, detail: webhookUrl }),
  ]) {
    for (const status of [200, 500]) {
      misbehaving.behave = () => ({ status, body })
      t.match((await doctor(t, { slackUrl: misbehaving.url, receivers })).in('slack')[0], { level: 'wrong' })
    }
  }
  misbehaving.behave = () => ({
    status: 200,
    body: JSON.stringify({ ok: true, user: token, team: webhookUrl }),
  })
  t.match((await doctor(t, { slackUrl: misbehaving.url, receivers })).in('slack')[0], {
    summary: /\*\*\* in \*\*\*/,
  })
})

t.test('Slack: an answer is never the fault of the network', async (t) => {
  const slack = await slackServer(t)
  const receivers = { deals: channel('#deal-flow') }
  const json = (error: string) => JSON.stringify({ ok: false, error })
  const page = '<html><title>Who are you?</title></html>'
  const later = /^run this again later; https:\/\/slack-status\.com/
  const cases = [
    // What is answered to auth.test; the code, the summary and the hint of the finding.
    [200, json('not_allowed_token_type'), 'token_refused', /: not_allowed_token_type$/, /bot token into/],
    [200, json('accesslimited'), 'token_refused', /: accesslimited$/, /allow this network/],
    [200, json('error_of_tomorrow'), 'token_refused', /: error_of_tomorrow$/, /this version does not know/],
    [200, json('internal_error'), 'slack_failing', /with a temporary error: internal_error$/, later],
    [429, json('ratelimited'), 'slack_failing', /with a temporary error: ratelimited$/, later],
    [500, '', 'slack_failing', /with a temporary error: HTTP 500$/, later],
    [503, page, 'slack_failing', /HTTP 503 \(a page: Who are you\?\)$/, later],
    [200, page, 'slack_wrong_answer', /answers, but not as Slack does: HTTP 200 .*Who are you/, /proxy/],
    [302, '', 'slack_wrong_answer', /HTTP 302, a redirect to https:\/\/login\.example\/$/, /api_url/],
    [403, page, 'slack_wrong_answer', /HTTP 403 \(a page: Who are you\?\)$/, /check the proxy/],
    [
      404,
      page,
      'slack_wrong_answer',
      /HTTP 404/,
      /^nothing at this address accepts messages: correct .*api_url$/,
    ],
    [407, '', 'slack_wrong_answer', /HTTP 407$/, /the proxy asks for a login/],
  ] as const
  for (const [status, body, code, summary, hint] of cases) {
    slack.behave = () => ({ status, body, headers: { location: 'https://login.example/' } })
    const [finding] = (await doctor(t, { slackUrl: slack.url, receivers })).in('slack')
    t.match(finding, { level: 'wrong', code, summary, hint }, `${status} ${body}`)
    t.notMatch(finding, { hint: /network, proxy, DNS/ })
  }

  const channels = { a: channel('C0000000001'), b: channel('C0000000002') }
  for (const [error, hint] of [
    ['enterprise_is_restricted', /^install the app in a workspace/],
    ['service_unavailable', /^run this again later$/],
  ] as const) {
    slack.behave = ({ method }) => (method === 'auth.test' ? undefined : { status: 200, body: json(error) })
    const found = (await doctor(t, { slackUrl: slack.url, receivers: channels })).in('slack')
    t.match(found.slice(2), [{ level: 'unknown', summary: /^C0000000001, C0000000002/, hint }], error)
  }
  const needed = JSON.stringify({ ok: false, error: 'missing_scope', needed: 'groups:read' })
  slack.behave = ({ method }) => (method === 'auth.test' ? undefined : { status: 200, body: needed })
  const found = (await doctor(t, { slackUrl: slack.url, receivers: channels })).in('slack')
  t.match(found.slice(2), [
    { summary: /lacks the scope groups:read/, hint: /^add groups:read to the app and/ },
  ])
})

t.test('mail', async (t) => {
  const auth = { user: 'alerts', pass: password }
  const partners = { partners: 'email: { to: [partners@example.com] }' }
  const mailOf = async (smtp: string, mail = '', timeoutMs = PATIENT_MS) => {
    const report = await doctor(t, { smtp, mail, receivers: partners }, undefined, timeoutMs)
    t.equal(report.in('email').length, 1)
    return report.in('email')[0]
  }

  const guarded = await mailServer(t, { auth })
  t.match(await mailOf(guarded.url.replace('correct', 'wrong')), {
    level: 'wrong',
    summary: /^the mail server does not accept the login \(127\.0\.0\.1:\d+\)$/,
    meaning: /The server said: 535 /,
    hint: 'correct user and password in channels.email.smtp',
  })
  guarded.behave = (step) =>
    step === 'auth' ? { code: 535, message: `no, not with ${password}` } : undefined
  t.match(await mailOf(guarded.url), { level: 'wrong', meaning: /no, not with \*\*\*/ })
  guarded.behave = (step) => (step === 'connect' ? { code: 554, message: 'you are on a list' } : undefined)
  t.match(await mailOf(guarded.url), {
    code: 'smtp_client_refused',
    level: 'wrong',
    meaning: /you are on a list/,
    hint: /address of this machine/,
  })
  guarded.behave = (step) => (step === 'connect' ? { code: 421, message: 'not now' } : undefined)
  t.match(await mailOf(guarded.url), {
    code: 'smtp_refused_now',
    level: 'wrong',
    hint: /ask the administrator/,
  })
  guarded.behave = (step) => (step === 'connect' ? 'stall' : undefined)
  const silent = await withGrowingLimit(
    300,
    (limitMs) => mailOf(guarded.url, '', limitMs),
    (finding) => finding?.code !== 'smtp_timeout',
  )
  t.match(silent.found, {
    code: 'smtp_silent',
    level: 'wrong',
    hint: /--timeout 60s.*smtps:/,
  })

  const plain = await mailServer(t)
  t.match(await mailOf(plain.url), { level: 'fine', summary: /not encrypted, without a login/ })
  t.match(await mailOf(plain.url, ', tls: required'), {
    code: 'smtp_no_starttls',
    level: 'wrong',
    hint: /smtps:/,
  })
  t.match(await mailOf(plain.url.replace('//', '//u:some-password@')), {
    level: 'wrong',
    summary: /offers no login/,
  })
  const tls = await mailServer(t, { tls: true })
  t.match(await mailOf(tls.url, ', tls: opportunistic'), { level: 'fine', summary: /answers, encrypted/ })
  t.match(await mailOf(tls.url, ', tls: required'), {
    level: 'wrong',
    summary: /the certificate of .* expired/,
  })

  t.match(await mailOf(`smtp://127.0.0.1:${holdPort(t).port}`), {
    code: 'smtp_not_listening',
    level: 'wrong',
    hint: /correct host and port/,
  })
})

t.test('a mail server that cannot be reached, or does not speak', async (t) => {
  const partners = { partners: 'email: { to: [partners@example.com] }' }
  const mailOf = async (smtp: string, timeoutMs = PATIENT_MS) =>
    (await doctor(t, { smtp, receivers: partners }, undefined, timeoutMs)).in('email')[0]
  const server = await mailServer(t, { auth: { user: 'alerts', pass: password } })
  for (const [step, behaviour, expected] of [
    ['auth', 'drop', { code: 'smtp_closed', summary: /closes the connection/ }],
    ['connect', 'drop', { code: 'smtp_closed', hint: /allow the address of this machine/ }],
    ['hello', 'drop', { code: 'smtp_closed', summary: /closes the connection/ }],
  ] as const) {
    server.behave = (name) => (name === step ? behaviour : undefined)
    t.match(await mailOf(server.url), { level: 'wrong', ...expected }, `${step}: ${behaviour}`)
  }
  let hellos = 0
  server.behave = (step) => {
    if (step !== 'hello') return undefined
    hellos++
    return 'stall'
  }
  const silent = await withGrowingLimit(
    500,
    (limitMs) => mailOf(server.url, limitMs),
    () => hellos > 0,
  )
  t.match(silent.found, { level: 'wrong', code: 'smtp_silent', summary: /does not answer in time/ })
  t.match(await mailOf('smtp://mail.invalid'), {
    level: 'wrong',
    code: /^smtp_(?:no_host|dns_down|timeout)$/,
    hint: /DNS/,
  })

  let resets = 0
  const greeting = createTcpServer((socket) => {
    socket.on('error', () => {})
    socket.write('220 mail.example.com ESMTP\r\n')
    socket.on('data', (line) => {
      if (String(line).startsWith('EHLO')) socket.write('250 mail.example.com\r\n')
      else resets++
    })
  })
  await new Promise<void>((resolve) => greeting.listen(0, '127.0.0.1', resolve))
  t.teardown(() => greeting.close())
  const { port } = greeting.address() as AddressInfo
  const greeted = await withGrowingLimit(
    500,
    (limitMs) => mailOf(`smtp://127.0.0.1:${port}`, limitMs),
    () => resets > 0,
  )
  t.match(greeted.found, {
    level: 'wrong',
    code: 'smtp_silent',
    summary: /sends its greeting, but then does not answer/,
  })
})

t.test('the public URL', async (t) => {
  const probe = async (publicUrl: string, timeoutMs = PATIENT_MS) => {
    const report = await doctor(t, { server: `public_url: "${publicUrl}"` }, undefined, timeoutMs)
    return report.in('public URL')[0]
  }
  t.match((await doctor(t, {})).in('public URL'), [
    { level: 'unknown', meaning: /https:\/\/YOUR-HOST\/webhooks\/cuuro/, hint: /set server\.public_url/ },
  ])

  const json = (error: string) => JSON.stringify({ error, message: '' })
  let answer = { status: 200, body: 'hello' }
  const requests: string[] = []
  const host = await httpServer(t, (request, response) => {
    requests.push(`${request.method} ${request.url}`)
    response.writeHead(answer.status).end(answer.body)
  })
  for (const [status, body, level, code] of [
    [401, json('missing_signature'), 'fine', 'public_url_ok'],
    [403, json('address_not_allowed'), 'fine', 'public_url_ok'],
    [404, json('unknown_source'), 'wrong', 'public_url_unknown_source'],
    [404, json('not_found'), 'wrong', 'public_url_wrong_path'],
    [503, json('store_unavailable'), 'warning', 'public_url_busy'],
    [401, 'log in', 'wrong', 'public_url_login'],
    [301, '', 'wrong', 'public_url_redirected'],
    [404, '<html>', 'wrong', 'public_url_not_found'],
    [405, '', 'wrong', 'public_url_not_found'],
    [502, 'Bad Gateway', 'wrong', 'public_url_bad_gateway'],
    [200, '{"ok":true}', 'wrong', 'public_url_other'],
    [500, 'x'.repeat(100_000), 'wrong', 'public_url_other'],
  ] as const) {
    answer = { status, body }
    const finding = await probe(`http://${host}/hooks/`)
    t.match(finding, { level, code }, `${status} ${body.slice(0, 40)}`)
    if (level === 'wrong') t.match(finding?.hint, /\w/)
  }
  t.strictSame([...new Set(requests)], ['POST /hooks/webhooks/cuuro'])

  t.match(await probe(`https://${host}`), { level: 'wrong', summary: /does not speak TLS/, hint: /proxy/ })
  t.match(await probe(`http://127.0.0.1:${holdPort(t).port}`), {
    level: 'wrong',
    summary: /nothing listens/,
  })
  const silent = createTcpServer(() => {})
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
  t.teardown(() => silent.close())
  const { port } = silent.address() as AddressInfo
  t.match(await probe(`http://127.0.0.1:${port}`, 200), {
    level: 'wrong',
    summary: /does not answer within 0\.2 s/,
    hint: /firewall/,
  })
})

t.test('the host of the heartbeat, without a request, which would count as one', async (t) => {
  const requests: string[] = []
  const host = await httpServer(t, (request, response) => {
    requests.push(`${request.method} ${request.url}`)
    response.end('OK')
  })
  const probe = async (url: string) =>
    (await doctor(t, { server: `heartbeat_url: "${url}"` })).in('heartbeat')
  t.match(await probe(`http://${host}/${webhookSecret}`), [
    { level: 'fine', code: 'heartbeat_ok', summary: `${host} of server.heartbeat_url can be reached` },
  ])
  t.same(requests, [])
  t.match(await probe(`http://127.0.0.1:${holdPort(t).port}/${webhookSecret}`), [
    { level: 'wrong', code: 'heartbeat_unreachable', summary: /ECONNREFUSED/, hint: /firewall/ },
  ])
  t.match(await probe(`https://${host}/${webhookSecret}`), [{ level: 'wrong', hint: /\w/ }])
  t.same((await doctor(t, {})).in('heartbeat'), [])
})

t.test('a store that this user may not read', async (t) => {
  const folder = temporaryFolder(t)
  // The configuration is written again.
  chmodSync(folder, 0o777)
  const path = join(folder, 'data/hookbridge.db')
  await doctor(t, {}, folder)
  chmodSync(join(folder, 'config.yaml'), 0o666)
  await (await openStore(`sqlite:${path}`, 'service')).close()
  const found = await whileClosed(join(folder, 'data'), () => doctor(t, {}, folder))
  t.match(found.in('store'), [
    {
      code: 'store_unreadable',
      level: 'wrong',
      summary: /this user \(uid \d+\) may not read .*hookbridge\.db; run this as root/,
    },
    { summary: /GiB free/ },
    { code: 'store_not_writable', level: 'wrong' },
  ])
})

t.test('the store and the clock', async (t) => {
  const folder = temporaryFolder(t)
  const path = join(folder, 'data/hookbridge.db')
  const before = await doctor(t, {}, folder)
  t.match(before.in('store'), [
    { level: 'unknown', summary: /there is no store at .* yet/, hint: /hookbridge serve/ },
    { summary: /GiB free/ },
    { level: 'unknown', summary: /no folder .*\/data yet/ },
  ])
  t.match(before.in('clock'), [{ level: 'unknown' }])

  const store = await openStore(`sqlite:${path}`, 'service')
  const skewed = async (seconds: number, count: number) => {
    for (let at = 0; at < count; at++) {
      const id = `${seconds}-${at}`
      const receivedAt = Date.now()
      const sentAt = receivedAt - seconds * 1000
      const request = { id, messageId: id, source: 'cuuro', receivedAt, sentAt, secretIndex: 0 }
      await store.append({
        kind: 'quarantine',
        request: { ...request, body: Buffer.from('{}'), problem: 'none' },
        dedupeFor: 0,
      })
    }
  }
  const clock = async () => (await doctor(t, {}, folder)).in('clock')[0]
  t.match(await clock(), { level: 'unknown', summary: /cannot be compared/, meaning: /five minutes/ })
  await skewed(1, 10)
  t.match(await clock(), { level: 'fine', summary: /agrees with that of cuuro/ })
  await skewed(90, 50)
  t.match(await clock(), { level: 'warning', summary: /89\.5 s ahead of that of cuuro/, hint: /NTP/ })
  await skewed(-280, 50)
  t.match(await clock(), { level: 'wrong', summary: /280\.5 s behind/, meaning: /refused/ })
  const refused = (receivedAt: number, sentAt: number) => store.noteClock('cuuro', { receivedAt, sentAt })
  const later = Date.now() + 3_600_000
  await refused(later, later - 432_000)
  t.match(await clock(), {
    level: 'wrong',
    code: 'clock_refused',
    summary: /last request that cuuro signed was refused .* signed 432 s before the time of this machine/s,
    meaning: /clock of this machine is ahead/,
    hint: /set-ntp/,
  })
  await refused(later, later + 600_000)
  t.match(await clock(), { summary: /600 s after/, meaning: /clock of this machine is behind/ })
  await refused(0, 600_000)
  t.match(await clock(), { summary: /280\.5 s behind/ }, 'what came later counts')
  await store.close()

  chmodSync(path, 0o644)
  t.match((await doctor(t, {}, folder)).in('store'), [
    { level: 'fine', summary: /opens, and its schema is current/ },
    { level: 'fine', summary: /no damage/ },
    { summary: /GiB free/ },
    { level: 'warning', summary: /other users of this machine.*644/, hint: `chmod 600 ${path}*` },
    { summary: /a write is on the disk after/ },
  ])

  const database = new DatabaseSync(path)
  database.exec('PRAGMA user_version = 99')
  database.close()
  t.match((await doctor(t, {}, folder)).in('store')[0], { level: 'wrong', summary: /upgrade hookbridge/ })
  writeFileSync(path, 'this is no database, however long one looks at it'.repeat(100))
  t.match((await doctor(t, {}, folder)).in('store')[0], { level: 'wrong', summary: /not a SQLite database/ })

  const blocked = temporaryFolder(t)
  writeFileSync(join(blocked, 'data'), 'a file where the folder should be')
  const isolated = await doctor(t, {}, blocked)
  t.match(isolated.in('store').at(-1), { level: 'wrong', summary: /cannot be written: ENOTDIR/ })
})

t.test('a check that fails or hangs is a finding', async (t) => {
  const secrets = [new Secret(password)]
  const failing = { group: 'moon', run: () => Promise.reject(new Error(`no ${password} there`)) }
  t.match(await runCheck(failing, { secrets }, PATIENT_MS), [
    { level: 'wrong', summary: 'the check of moon failed: no *** there', hint: /\w/ },
  ])
  const hanging = { group: 'moon', run: () => new Promise<never>(() => {}) }
  t.match(await runCheck(hanging, { secrets }, 50), [{ level: 'wrong', summary: /not end within 0\.05 s/ }])
})

t.test('serve warns of what can be seen at no cost', async (t) => {
  const folder = temporaryFolder(t)
  const file = join(folder, 'config.yaml')
  mkdirSync(join(folder, 'data'))
  writeFileSync(join(folder, 'data/hookbridge.db'), '', { mode: 0o644 })
  writeFileSync(file, `${configuration({ server: 'port: 0' })}  - receivers: [log]\n`)
  const short = 'whsec_b25seSB0aGUgdGVzdHM='
  const service = await startService(file, { ...environment, WEBHOOK_SECRET: short })
  t.teardown(() => service.end('SIGKILL'))
  await until(() => service.output().includes('other users of this machine'), 'the warnings')
  t.match(service.output(), /"level":40.*cuuro: secrets\[0\] has fewer than 24 bytes/)
  t.match(service.output(), /"level":40.*config\.yaml:\d+:\d+: warning: no event reaches this route/)
  t.notOk(service.output().includes(short.slice(6)))
  t.equal((await service.end('SIGTERM')).code, 0)
})

t.test('no finding holds a secret', async (t) => {
  t.ok(said.length > 10_000)
  for (const secret of [
    environment.SLACK_BOT_TOKEN,
    environment.WEBHOOK_SECRET.slice('whsec_'.length),
    password,
    encodeURIComponent(password),
    Buffer.from(`\0alerts\0${password}`).toString('base64'),
    'some-password',
    webhookSecret,
  ])
    t.notOk(said.includes(secret), secret)
})
