/** What `check` says where no one would be notified, and where notices would fail with what they are about. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { checkConfig } from '../../../src/app/check.ts'
import { starterConfig } from '../../../src/config/starter.ts'
import { environment, temporaryFolder } from '../../support/service.ts'

const env = {
  ...environment,
  SMTP_URL: 'smtp://127.0.0.1:2525',
  HOOK: 'https://hooks.slack.com/services/T0/B0/x',
}

interface Case {
  readonly routes: string
  readonly notices?: string
  readonly extra?: string
}

async function warningsOf(t: Test, { routes, notices, extra = '' }: Case): Promise<readonly string[]> {
  const file = join(temporaryFolder(t), 'config.yaml')
  writeFileSync(
    file,
    `sources: { cuuro: { svix: { secrets: ["\${WEBHOOK_SECRET}"] } } }
channels:
  slack: { token: "\${SLACK_BOT_TOKEN}" }
  email: { smtp: "\${SMTP_URL}", from: alerts@acme-ventures.com }
receivers:
  deals: { slack: { channel: "#deals" } }
  ops: { slack: { channel: "#ops" } }
  hook: { slack: { webhook_url: "\${HOOK}" } }
  mail: { email: { to: [partners@acme-ventures.com] } }
  desk: { email: { to: [desk@acme-ventures.com] } }
  log: { console: {} }
  nobody: {}
${extra}links: {}
routes: [{ receivers: [${routes}] }]
${notices === undefined ? '' : `notices: ${notices}\n`}`,
  )
  const { problems } = await checkConfig(file, env)
  t.same(
    problems.filter(({ severity }) => severity === 'error'),
    [],
  )
  return problems
    .filter(({ message }) => message.includes('notice'))
    .map(({ line, column, message, hint }) => `${line}:${column} ${message} (${hint})`)
}

t.test(
  'without notices it says what to write, with a receiver that works when the messages fail',
  async (t) => {
    const missing = '1:1 notices is missing: no one is notified when messages cannot be delivered'
    const write = (name: string) => `${missing} (write notices: { receivers: [${name}] })`
    t.same(await warningsOf(t, { routes: 'deals' }), [write('desk')])
    t.same(await warningsOf(t, { routes: 'mail, desk' }), [write('hook')])
    t.same(await warningsOf(t, { routes: 'log' }), [], 'nothing can fail')
  },
)

const alone = (channel: string) =>
  new RegExp(`^15:1 notices are sent only through ${channel}, like all other messages`)
const noOne = (why: RegExp, hint: RegExp) =>
  new RegExp(
    `^15:1 ${why.source}: no one is notified when messages cannot be delivered \\(${hint.source}\\)$`,
  )
const cases: readonly (readonly [string, Case, RegExp | null])[] = [
  ['the same channel', { routes: 'deals', notices: '{ receivers: [deals] }' }, alone('slack')],
  [
    'another channel with the same token',
    { routes: 'deals', notices: '{ receivers: [ops] }' },
    alone('slack'),
  ],
  [
    'another address at the same server',
    { routes: 'mail', notices: '{ receivers: [desk] }' },
    alone('email'),
  ],
  ['the only webhook', { routes: 'hook', notices: '{ receivers: [hook] }' }, alone('slack')],
  [
    'a route of its own for what fails',
    {
      routes: 'deals',
      notices: '{ routes: [{ match: { type: "destination.*" }, receivers: [ops] }, { receivers: [mail] }] }',
    },
    alone('slack'),
  ],
  ['mail beside Slack', { routes: 'deals', notices: '{ receivers: [mail] }' }, null],
  ['both', { routes: 'deals', notices: '{ receivers: [ops, mail] }' }, null],
  ['a webhook, which needs no token', { routes: 'deals', notices: '{ receivers: [hook] }' }, null],
  ['the other one of two channels', { routes: 'deals, mail', notices: '{ receivers: [ops] }' }, null],
  ['a fallback in another channel', { routes: 'deals', notices: '{ receivers: [safe] }' }, null],
  [
    'a mute',
    { routes: 'deals', notices: '{ receivers: [nobody] }' },
    noOne(/notices go to "nobody", which has no channel/, /write notices: { receivers: \[desk\] }/),
  ],
  [
    'a mute for what fails',
    {
      routes: 'deals',
      notices:
        '{ routes: [{ match: { type: "destination.*" }, receivers: [nobody] }, { receivers: [mail] }] }',
    },
    noOne(/notices go to "nobody", which has no channel/, /write notices: { receivers: \[desk\] }/),
  ],
  [
    'no route for what fails',
    { routes: 'deals', notices: '{ routes: [{ match: { type: delivery.dead }, receivers: [mail] }] }' },
    noOne(
      /no route of notices takes destination\.failing/,
      /add a last route without match: { receivers: \[desk\] }/,
    ),
  ],
  ['the log, which cannot fail', { routes: 'deals', notices: '{ receivers: [log] }' }, null],
  ['a mute beside mail', { routes: 'deals', notices: '{ receivers: [nobody, mail] }' }, null],
  ['a mute where nothing can fail', { routes: 'log', notices: '{ receivers: [nobody] }' }, null],
  ['nothing that can fail', { routes: 'log', notices: '{ receivers: [log] }' }, null],
]
for (const [name, given, expected] of cases) {
  t.test(`notices and messages: ${name}`, async (t) => {
    const extra = given.notices?.includes('safe')
      ? '  safe: { slack: { channel: "#safe" }, fallback: mail }\n'
      : ''
    const found = await warningsOf(t, { ...given, extra })
    if (expected === null) t.same(found, [])
    else t.match(found, [expected])
    t.equal(found.length, expected === null ? 0 : 1)
  })
}

t.test('what init writes has nothing of this', async (t) => {
  const file = join(temporaryFolder(t), 'config.yaml')
  writeFileSync(file, starterConfig().replace('templates: templates', ''))
  const { problems } = await checkConfig(file, { ...env, CUURO_WEBHOOK_SECRET: environment.WEBHOOK_SECRET })
  t.same(
    problems.filter(({ message }) => message.includes('notice')),
    [],
  )
})
