import { readFileSync } from 'node:fs'
import t from 'tap'
import { parse } from 'yaml'
import { z } from 'zod'
import { rate, secret } from '../../../src/channels/settings.ts'
import { newAppUrl, slackManifest } from '../../../src/channels/slack/manifest.ts'
import { slack } from '../../../src/channels/slack/slack.ts'
import { startSlackServer } from '../../support/slack/server.ts'
import { channelContract } from '../contract.ts'

const TOKEN = 'xoxb-the-token-of-this-test'

t.test('the contract, with a token', (t) => {
  channelContract(t, {
    channel: slack,
    folder: 'slack',
    address: '#test',
    async start() {
      const server = await startSlackServer({ token: TOKEN })
      return {
        settings: { token: TOKEN, api_url: server.url },
        receiver: { channel: '#deal-flow' },
        connections: () => server.connections,
        close: () => server.close(),
      }
    },
    unreachable: (port) => ({
      settings: { token: TOKEN, api_url: `http://127.0.0.1:${port}/api/` },
      receiver: { channel: '#deal-flow' },
    }),
    secrets: [TOKEN],
  })
  t.end()
})

t.test('the contract, with a webhook', (t) => {
  const path = '/services/T00000000/B00000000/standInWebhookSecret'
  channelContract(t, {
    channel: slack,
    folder: 'slack',
    address: '#test',
    async start() {
      const server = await startSlackServer()
      return {
        settings: {},
        receiver: { webhook_url: server.webhookUrl },
        connections: () => server.connections,
        close: () => server.close(),
      }
    },
    unreachable: (port) => ({
      settings: {},
      receiver: { webhook_url: `http://127.0.0.1:${port}${path}` },
    }),
    secrets: [path, 'standInWebhookSecret'],
  })
  t.end()
})

t.test('settings have the documented defaults', async (t) => {
  t.strictSame(slack.settings.parse({}), {
    rate: 1,
    burst: 3,
    concurrency: 50,
    api_url: 'https://slack.com/api/',
  })
  const settings = slack.settings.parse({ api_url: 'http://127.0.0.1:1/api', rate: '30/m' })
  t.match(settings, { api_url: 'http://127.0.0.1:1/api/', rate: 0.5 })
  for (const api_url of [
    'http://slack.example/api/',
    'slack.com',
    'file:///etc/passwd',
    'http://127.0.0.1.example/',
  ]) {
    t.notOk(slack.settings.safeParse({ api_url }).success, `${api_url} is refused`)
  }
})

t.test('a receiver is a channel or a webhook, and not both', async (t) => {
  const webhook_url = 'https://hooks.slack.com/services/T1/B1/x'
  for (const good of [{ channel: '#deal-flow' }, { channel: 'C0123456789' }, { webhook_url }]) {
    t.ok(slack.receiver.safeParse(good).success, JSON.stringify(good))
  }
  for (const bad of [
    {},
    { channel: null },
    { channel: 'deal-flow' },
    { channel: '#' },
    { channel: '#deal flow' },
    { channel: 'webhook:x' },
    { channel: '#deal-flow', webhook_url },
    { webhook_url: 'http://hooks.slack.com/services/T1/B1/x' },
    { webhook_url: 'not a url' },
  ]) {
    t.notOk(slack.receiver.safeParse(bad).success, JSON.stringify(bad))
  }
  const bare = slack.receiver.safeParse({ channel: null })
  t.match(bare.error?.issues[0]?.message, /in quotes/, 'says what a bare # does')
})

t.test('only a channel needs a token', async (t) => {
  const webhook = slack.receiver.parse({ webhook_url: 'https://hooks.slack.com/services/T1/B1/x' })
  const channel = slack.receiver.parse({ channel: '#deal-flow' })
  t.equal(slack.missingSettings?.(undefined, webhook), null)
  t.match(slack.missingSettings?.(undefined, channel), /channels\.slack\.token/)
  t.match(slack.missingSettings?.(slack.settings.parse({}), channel), /channels\.slack\.token/)
  t.equal(slack.missingSettings?.(slack.settings.parse({ token: 'xoxb-1' }), channel), null)
  t.strictSame(slack.targets(webhook, 'partners'), [
    { target: 'webhook:partners', rateKey: 'slack:webhook:partners' },
  ])
  t.strictSame(slack.targets(channel, 'partners'), [{ target: '#deal-flow', rateKey: 'slack:#deal-flow' }])
})

t.test('secret() wraps text, and is text in the JSON schema', async (t) => {
  const schema = z.strictObject({ key: secret().optional().describe('A key.') })
  t.equal(schema.parse({ key: 'abc' }).key?.reveal(), 'abc')
  for (const key of ['', 1, null, {}]) t.notOk(schema.safeParse({ key }).success)
  t.match(z.toJSONSchema(schema, { io: 'input' }).properties, {
    key: { type: 'string', description: 'A key.' },
  })
})

t.test('rate() reads a number a second', async (t) => {
  for (const [text, expected] of [
    ['1/s', 1],
    ['0.5/s', 0.5],
    ['30/m', 0.5],
    ['3600/h', 1],
  ] as const) {
    t.equal(rate().parse(text), expected, text)
  }
  for (const text of ['', '1', '0/s', '0.0/s', '-1/s', '1/d', '1 / s', 'x/s', 1]) {
    t.notOk(rate().safeParse(text).success, JSON.stringify(text))
  }
})

t.test('a token that cannot be one is refused with what it is, and never repeated', async (t) => {
  const of = (token: string) => {
    const parsed = slack.settings.safeParse({ token })
    return parsed.success ? null : parsed.error.issues.map(({ message }) => message).join()
  }
  for (const [token, words] of [
    ['xoxb-1-secretpart\n', /line break/],
    ['"xoxb-1-secretpart"', /quotes around it/],
    ['“xoxb-1-secretpart”', /quotes around it/],
    ['Bearer xoxb-1-secretpart', /begins with "Bearer"/],
    ['xoxb-1 secretpart', /a space/],
    ['xapp-1-secretpart', /an app-level token .*Bot User OAuth Token/],
    ['xoxp-1-secretpart', /a user token/],
    ['xoxe-1-secretpart', /a refresh token/],
    ['xoxe.xoxp-1-secretpart', /a configuration token/],
    ['xoxc-1-secretpart', /a browser session/],
    ['https://hooks.slack.com/services/T0/B0/secretpart', /belongs in webhook_url/],
    ['8f742231b10e8888abcd99yyyzzz85a5'.replace('yyyzzz', 'abcdef'), /a signing secret/],
  ] as const) {
    t.match(of(token), words, token)
    t.notMatch(of(token), /secretpart/, token)
  }
  for (const token of ['xoxb-1-2-abc', 'xoxe.xoxb-1-abc', 'a-token-of-an-imitation']) t.equal(of(token), null)
})

t.test('a channel that cannot be one is refused with what to write', async (t) => {
  const of = (channel: string) => {
    const parsed = slack.receiver.safeParse({ channel })
    return parsed.success ? null : parsed.error.issues.map(({ message }) => message).join()
  }
  for (const [channel, words] of [
    ['#Deal-Flow', /no capitals: write "#deal-flow"/],
    ['#Über-uns', /no capitals: write "#über-uns"/],
    ['c0123456789', /in capitals: write C0123456789/],
    ['https://acme.slack.com/archives/C0123456789', /is a URL; write the id in it: C0123456789$/],
    ['https://acme.slack.com/archives/C0123456789/p1700000000000100', /the id in it: C0123456789$/],
    ['https://app.slack.com/client/T0123456789/C0123456789', /the id in it: C0123456789$/],
    ['https://hooks.slack.com/services/T0/B0/secret', /set it as webhook_url$/],
    ['deal-flow', /must be "#name"/],
  ] as const)
    t.match(of(channel), words, channel)
  for (const channel of ['#deal-flow', '#über-uns', 'C0123456789', '#日本']) t.equal(of(channel), null)
})

t.test('the manifest asks for the scopes that the receivers need', async (t) => {
  const scopes = (channels: string[], webhooks = false) =>
    parse(slackManifest({ channels, webhooks })).oauth_config.scopes.bot
  t.strictSame(scopes(['#deal-flow']), ['chat:write', 'chat:write.public', 'channels:read'])
  for (const person of ['U0123456789', 'W0123456789', 'D0123456789'])
    t.strictSame(scopes([person]), ['chat:write'], person)
  t.strictSame(scopes([], true), ['incoming-webhook'])
  t.strictSame(scopes(['U0123456789'], true), ['chat:write', 'incoming-webhook'])
  t.strictSame(scopes(['G0123456789', 'U0123456789'], true), [
    'chat:write',
    'chat:write.public',
    'channels:read',
    'incoming-webhook',
  ])
  const shipped = readFileSync(new URL('../../../packaging/slack-app-manifest.yaml', import.meta.url), 'utf8')
  const manifest = slackManifest({ channels: ['C0123456789'], webhooks: false })
  t.equal(manifest, shipped, 'the shipped one is that for channels')
  t.equal(new URL(newAppUrl(manifest)).searchParams.get('manifest_yaml'), manifest)
})
