/** Checking takes time in proportion to what is checked: a file is read again at each reload, by a service that delivers meanwhile. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { slack } from '../../src/channels/slack/slack.ts'
import { loadConfig } from '../../src/config/load.ts'
import { growth } from '../support/cpu-time.ts'
import { temporaryFolder } from '../support/service.ts'
import { templateFile } from '../support/template-files.ts'

const LENGTH = 12_000
// What is quadratic takes sixteen times as long for four times as much.
const MOST_TIMES = 9
const LEAST_MS = 20

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
  const load = (text: string) => () => {
    writeFileSync(file, text)
    loadConfig(file, { SECRET: 'whsec_c2VjcmV0' })
  }
  for (const [what, text, length = LENGTH] of texts) {
    const times = growth([load(text(length)), load(text(4 * length))], MOST_TIMES, LEAST_MS)
    t.ok(times < MOST_TIMES, `${what}: ${times.toFixed(1)} times as long`)
  }
})

t.test('a template', async (t) => {
  const compile = (length: number) => () => {
    const text = `text: "${'<'.repeat(length)}"`
    slack.compile({ files: new Map([['slack.yaml', templateFile('slack.yaml', text)]]) })
  }
  const times = growth([compile(LENGTH), compile(4 * LENGTH)], MOST_TIMES, LEAST_MS)
  t.ok(times < MOST_TIMES, `${times.toFixed(1)} times as long`)
})
