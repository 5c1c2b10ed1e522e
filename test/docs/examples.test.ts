/** What the pages show is what the product does. */
import { statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { runTests } from '../../src/config/checks/tests/tests.ts'
import { loadConfig } from '../../src/config/load.ts'
import { hookbridge } from '../support/hookbridge.ts'
import { environment, temporaryFolder } from '../support/service.ts'
import { fenced, readPage, root, section } from './pages.ts'

const README_MAX_LINES = 150
const PICTURE_MAX_BYTES = 150_000

/** What an example leaves out. */
const rest = {
  // Not Cuuro: the examples show fields that its events do not have.
  sources: '{ acme: { svix: { secrets: ["${WEBHOOK_SECRET}"] } } }',
  channels:
    '{ slack: { token: "${SLACK_BOT_TOKEN}" }, email: { smtp: "${SMTP_URL}", from: "Alerts <alerts@example.com>" } }',
  receivers:
    '{ deal-flow: { slack: { channel: "#deal-flow" } }, partners: { email: { to: [partners@example.com] } }, everything-else: { console: {} } }',
  enrich:
    '[{ name: analysis, get: "https://api.example.com/{{ data.id }}", pick: { score: /score, stage: /stage } }]',
  routes: '[{ match: { type: analysis.completed }, receivers: [deal-flow, partners] }]',
}

function missingKeys(block: string): string {
  return Object.entries(rest)
    .filter(([key]) => !new RegExp(`^${key}:`, 'm').test(block))
    .map(([key, value]) => `${key}: ${value}\n`)
    .join('')
}

t.test('the README is short, and its picture small', async (t) => {
  t.ok(statSync(new URL('docs/preview.png', root)).size < PICTURE_MAX_BYTES)
  t.ok(readPage('README.md').trimEnd().split('\n').length <= README_MAX_LINES)
})

for (const [page, count] of Object.entries({
  'README.md': 1,
  'docs/routing.md': 8,
  'docs/lifecycles.md': 1,
  'docs/notices.md': 3,
  'docs/senders.md': 1,
})) {
  t.test(`every YAML block of ${page} is part of a configuration, and its tests hold`, async (t) => {
    const blocks = fenced(readPage(page), 'yaml')
    t.equal(blocks.length, count)
    for (const block of blocks) {
      const file = join(temporaryFolder(t), 'config.yaml')
      writeFileSync(file, missingKeys(block) + block)
      const loaded = loadConfig(file, {
        ...environment,
        SMTP_URL: 'smtp://127.0.0.1:2525',
        HEARTBEAT_URL: 'https://hc-ping.com/1',
        POLAR_WEBHOOK_SECRET: `whsec_${Buffer.alloc(32, 'polar').toString('base64')}`,
        LOOPS_WEBHOOK_SECRET: `whsec_${Buffer.alloc(32, 'loops').toString('base64')}`,
      })
      const problems = loaded.ok ? loaded.warnings : loaded.problems
      // An example does not use all that it leaves out.
      t.same(
        problems.filter(({ code }) => code !== 'unused_receiver' && code !== 'example_value'),
        [],
        block,
      )
      if (loaded.ok)
        t.same(
          runTests(loaded.compiled, () => 'none'),
          [],
        )
    }
  })
}

const example = {
  config: fileURLToPath(new URL('config.example.yaml', root)),
  env: { CUURO_WEBHOOK_SECRET: environment.WEBHOOK_SECRET, SMTP_URL: 'smtp://127.0.0.1:2525' },
}

t.test('the flowchart of the routes is what the command draws of the example', async (t) => {
  const { code, out, err } = await hookbridge(['routes', '--mermaid', '--config', example.config], example)
  t.equal(code, 0, err)
  t.equal(fenced(section(readPage('docs/routing.md'), 'routes'), 'mermaid')[0], out)
})

t.test('the calendar is what the command says of the routes above it', async (t) => {
  const page = readPage('docs/routing.md')
  const block = fenced(page, 'yaml').find((one) => one.includes('time_intervals:')) ?? ''
  const shown = fenced(section(page, 'calendar'), '')[0] ?? ''
  const [, route = '', options = '', output] =
    /^\$ hookbridge calendar "(.*)" (.*)\n([\s\S]*)$/.exec(shown) ?? []
  const file = join(temporaryFolder(t), 'config.yaml')
  writeFileSync(file, missingKeys(block) + block)
  const { code, out, err } = await hookbridge(
    ['calendar', route, ...options.split(' '), '--config', file],
    example,
  )
  t.equal(code, 0, err)
  t.equal(output, out)
})

t.test('the explanation is what the command says of the example', async (t) => {
  const shown = fenced(section(readPage('docs/routing.md'), 'explain'), '')[0] ?? ''
  const [, command = '', output] = /^\$ hookbridge (.*)\n([\s\S]*)$/.exec(shown) ?? []
  const { code, out, err } = await hookbridge([...command.split(' '), '--config', example.config], example)
  t.equal(code, 0, err)
  t.equal(output, out)
})
