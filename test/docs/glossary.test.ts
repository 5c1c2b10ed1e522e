/** The glossary has the words of the public names, and no others. */
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { jsonSchema } from '../../src/config/schema/json-schema.ts'
import { states } from '../../src/core/delivery/delivery.ts'
import { hookbridge } from '../support/hookbridge.ts'
import { pages, readPage, root } from './pages.ts'

const glossary = readPage('docs/glossary.md')
const guides = pages.filter((page) => /^docs\/\w[\w-]*\.md$/.test(page) && page !== 'docs/glossary.md')

/** The words in the first column of the table under a heading. */
function entries(heading: string): string[] {
  const [, text = ''] = glossary.split(`\n## ${heading}\n`)
  const [table = ''] = text.split('\n## ')
  return [...table.matchAll(/^\| ([^|]+?) \|/gm)].map(([, word = '']) => word).slice(1)
}

/** The words that users of the product meet: the schema of the configuration, the help, what is printed as JSON, the metrics, the guides. */
async function publicText(): Promise<string> {
  const top = await hookbridge(['--help'], { columns: 500 })
  const commands = [...top.out.matchAll(/^ {2}([a-z][\w-]*) .*$/gm)].map(([, name = '']) => name)
  const help = await Promise.all(
    commands.filter((name) => name !== 'help').map((name) => hookbridge([name, '--help'], { columns: 500 })),
  )
  const broken = fileURLToPath(new URL('test/fixtures/config/bad/missing-routes.yaml', root))
  const problems = await hookbridge(['check', '--json', '--config', broken])
  const all = [
    problems.out,
    top.out,
    ...help.map(({ out }) => out),
    JSON.stringify(jsonSchema()),
    ...guides.map(readPage),
  ]
  return all.join('\n').toLowerCase()
}

t.test('every word is one that users meet', async (t) => {
  const text = await publicText()
  const words = entries('Words')
  t.ok(words.length > 15)
  for (const word of words) t.match(text, new RegExp(`(?<![a-z])${word}`), word)
})

t.test('the words of the contract have an entry', async (t) => {
  const words = entries('Words')
  for (const word of [
    'source',
    'lifecycle',
    'event',
    'subject',
    'plan',
    'route',
    'receiver',
    'destination',
    'channel',
    'template',
    'delivery',
    'attempt',
    'outcome',
    'replay',
    'resend',
    'dismiss',
    'notice',
    'fallback',
    'hint',
  ])
    t.ok(words.includes(word), word)
  const [, reserved = ''] = glossary.split('## Reserved words')
  t.match(reserved, 'silence')
})

t.test('it explains every state of a delivery', async (t) => {
  t.strictSame([...entries('States of a delivery')].sort(), [...states].sort())
})

t.test('no word has two entries', async (t) => {
  for (const heading of ['Words', 'States of a delivery']) {
    const words = entries(heading)
    t.equal(new Set(words).size, words.length, heading)
  }
})

// Each has a standard term: untrusted client, trusted client, fix, plan, rate key, summary, heartbeat.
const RETIRED =
  /\b(?:strangers?|friends?|vouch(?:es|ed)?|mend(?:s|ed|ing)?|ow(?:e|es|ed)|lanes?|tally|pulse|dawdles?|whoever nobody)\b/i

t.test('no page uses a word that was retired', async (t) => {
  for (const page of pages) t.notMatch(readPage(page), RETIRED, page)
})
