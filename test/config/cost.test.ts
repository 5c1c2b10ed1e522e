/** Checking takes time in proportion to what is checked: a file is read again at each reload, by a service that delivers meanwhile. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { slack } from '../../src/channels/slack/slack.ts'
import { loadConfig } from '../../src/config/load.ts'
import { fastest } from '../support/cpu-time.ts'
import { temporaryFolder } from '../support/service.ts'
import { templateFile } from '../support/template-files.ts'

const LENGTH = 12_000
// What is quadratic takes sixteen times as long for four times as much.
const MOST_TIMES = 7
const SLACK_MS = 100

function routes(...matches: readonly unknown[]): string {
  return JSON.stringify({
    sources: { cuuro: { svix: { secrets: ['${SECRET}'] } } },
    receivers: { log: { console: {} } },
    routes: matches.map((match) => ({ match, receivers: ['log'] })),
  })
}

const texts: readonly (readonly [what: string, text: (length: number) => string, length?: number])[] = [
  ['open brackets', (length) => `a: ${'['.repeat(length)}`],
  ['a variable in each bracket', (length) => `a: [ ${'[${'.repeat(length / 3)}`],
  ['braces', (length) => `a: ${'{ '.repeat(length / 2)}`],
  // Exponential, if it may be divided in several ways.
  ['a duration of many parts', (count) => `store: { retain: "${'1s '.repeat(count)}!" }`, 7],
  ['blanks in a rate', (length) => `channels: { slack: { rate: "1${' '.repeat(length)}x" } }`],
  ['slashes in a URL', (length) => `server: { public_url: "https://example.org/${'/'.repeat(length)}x" }`],
  ['backslashes', (length) => routes({ 'data.id': { prefix: `${'\\'.repeat(length)}x` } })],
  ['blanks in a type', (length) => routes({ type: `a${' '.repeat(length)}b` })],
  [
    'types that begin alike',
    (length) => routes({ type: `${'a'.repeat(length)}*` }, { type: 'a'.repeat(length) }),
  ],
  ['blanks behind a comparison', (length) => routes({ 'data.id': `>= 1${' '.repeat(length)}x` })],
]

t.test('a configuration', async (t) => {
  const file = join(temporaryFolder(t), 'config.yaml')
  const cost = (text: string) => {
    writeFileSync(file, text)
    return fastest(() => loadConfig(file, { SECRET: 'whsec_c2VjcmV0' }))
  }
  for (const [what, text, length = LENGTH] of texts) {
    const [short, long] = [cost(text(length)), cost(text(4 * length))]
    t.ok(long < MOST_TIMES * short + SLACK_MS, `${what}: ${short.toFixed(0)} ms, then ${long.toFixed(0)}`)
  }
})

t.test('a template', async (t) => {
  const cost = (length: number) => {
    const text = `text: "${'<'.repeat(length)}"`
    return fastest(() =>
      slack.compile({ files: new Map([['slack.yaml', templateFile('slack.yaml', text)]]) }),
    )
  }
  const [short, long] = [cost(LENGTH), cost(4 * LENGTH)]
  t.ok(long < MOST_TIMES * short + SLACK_MS, `${short.toFixed(0)} ms, then ${long.toFixed(0)}`)
})
