/** Whatever a file holds, the loader answers: it neither throws nor hangs. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import t from 'tap'
import { loadConfig } from '../../src/config/load.ts'
import { loadStoreUrl } from '../../src/config/part.ts'
import { problemCodes } from '../../src/config/problem.ts'
import { anyText } from '../support/any-text.ts'
import { environment, fixtureNames, fixtures, problemsOf } from '../support/config-fixtures.ts'
import { temporaryFolder } from '../support/service.ts'

const example = readFileSync(fileURLToPath(new URL('../../config.example.yaml', import.meta.url)), 'utf8')
const texts = [
  example.replace('templates: templates', ''),
  ...fixtureNames('good').map((name) => readFileSync(join(fixtures, 'good', name), 'utf8')),
]
// Of processor time, which other processes on the machine do not lengthen.
const LONGEST_CPU_MS = 3_000

/** Loads the text, and throws unless the answer is one. */
function holds(file: string, text: string): boolean {
  writeFileSync(file, text)
  const started = process.cpuUsage()
  const loaded = loadConfig(file, environment)
  loadStoreUrl(file, environment)
  const rows = text.split(/\r\n|\r|\n/).length
  const sound = problemsOf(loaded).every(
    ({ code, line, column, message, file: reported }) =>
      problemCodes.includes(code) &&
      line >= 1 &&
      column >= 1 &&
      message !== '' &&
      (reported !== file || line <= rows + 1),
  )
  const answered = loaded.ok || loaded.problems.some(({ severity }) => severity === 'error')
  const { user, system } = process.cpuUsage(started)
  return sound && answered && (user + system) / 1_000 < LONGEST_CPU_MS
}

t.test('any text', async (t) => {
  const file = join(temporaryFolder(t), 'config.yaml')
  const pieces = fc.constantFrom(
    ...[
      'a',
      'routes',
      'match',
      '"',
      "'",
      ': ',
      '\n',
      '  ',
      '- ',
      '{',
      '}',
      '[',
      ']',
      ', ',
      '#',
      '&a ',
      '*a',
      '!x ',
      '|\n',
      '>',
      '%',
      '?',
      '\t',
    ],
    ...[
      '${SECRET}',
      '${',
      '$$',
      '{file: x}',
      '<<',
      '---\n',
      '~',
      '012',
      '.nan',
      'true',
      '\u0000',
      '\ud800',
      '\u2028',
      '__proto__',
    ],
  )
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 60 }), (parts) => holds(file, parts.join(''))),
    { numRuns: 60 },
  )
  fc.assert(
    fc.property(anyText(), (text) => holds(file, text)),
    { numRuns: 40 },
  )
})

t.test('a good configuration with a piece lost, doubled or replaced', async (t) => {
  const file = join(temporaryFolder(t), 'config.yaml')
  const noise = fc.constantFrom(
    '',
    ' ',
    '\n',
    ':',
    '{',
    '}',
    '[',
    ']',
    '- ',
    '"',
    '#',
    '*x',
    '&x ',
    '${X}',
    '~',
    '1',
    'null',
    '\t',
    'x: 1\n',
  )
  const mutation = fc.tuple(fc.nat(), fc.nat({ max: 40 }), noise)
  fc.assert(
    fc.property(
      fc.constantFrom(...texts),
      fc.array(mutation, { minLength: 1, maxLength: 4 }),
      (text, mutations) => {
        const mutated = mutations.reduce((before, [at, length, piece]) => {
          const start = at % (before.length + 1)
          return before.slice(0, start) + piece + before.slice(start + length)
        }, text)
        return holds(file, mutated)
      },
    ),
    { numRuns: 60 },
  )
})

t.test('any value in any place', async (t) => {
  const file = join(temporaryFolder(t), 'config.yaml')
  const key = fc.constantFrom(
    ...[
      'server',
      'store',
      'sources',
      'links',
      'channels',
      'receivers',
      'routes',
      'unrouted',
      'delivery',
      'templates',
    ],
    ...[
      'cuuro',
      'svix',
      'secrets',
      'slack',
      'email',
      'console',
      'to',
      'match',
      'type',
      'any',
      'not',
      'file',
      'name',
      'url',
      'port',
    ],
  )
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 5, withCrossShrink: true },
      fc.constantFrom<unknown>(
        null,
        true,
        0,
        -1,
        1.5,
        1e300,
        '',
        'x',
        '30s',
        '${SECRET}',
        '${NO}',
        '#a',
        '*',
        'sqlite:x',
        'here',
      ),
      fc.array(tie('value'), { maxLength: 3 }),
      fc.dictionary(key, tie('value'), { maxKeys: 5 }),
    ),
  }))
  // JSON is YAML.
  fc.assert(
    fc.property(fc.dictionary(key, value), (config) => holds(file, JSON.stringify(config))),
    { numRuns: 60 },
  )
})

t.test('as many mistakes as fit', async (t) => {
  const file = join(temporaryFolder(t), 'config.yaml')
  const route = '  - { receivers: [no, "${NO}"], match: { x: {} }, template: no, nmae: 1 }\n'
  t.ok(holds(file, `routes:\n${route.repeat(1_200)}`))
  t.ok(holds(file, `links:\n${Array.from({ length: 4_000 }, (_, n) => `  l${n}: "\${NO${n}}"\n`).join('')}`))
})
