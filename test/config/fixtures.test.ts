/**
 * One bad configuration a rule; beside each, what is reported about it. UPDATE_GOLDEN=1 writes that anew:
 * read each changed line as someone who has to fix it.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import t from 'tap'
import { loadConfig } from '../../src/config/load.ts'
import { type Problem, problemCodes } from '../../src/config/problem.ts'
import { environment, fixtureNames, fixtures, lines, problemsOf } from '../support/config-fixtures.ts'

/** Who may read a file is not in the repository. */
function dependsOnFileAlone({ code }: Problem): boolean {
  return code !== 'readable_secret'
}

const bad = fixtureNames('bad').map((name) => {
  const file = join(fixtures, 'bad', name)
  const problems = problemsOf(loadConfig(file, environment)).filter(dependsOnFileAlone)
  return { name, file, problems, found: lines(problems, dirname(file)) }
})

t.test('each mistake of a bad configuration is reported with its place and how to fix it', async (t) => {
  for (const { name, file, found } of bad) {
    const expected = file.replace(/\.yaml$/, '.txt')
    const text = `${found.join('\n')}\n`
    if (process.env.UPDATE_GOLDEN === '1') writeFileSync(expected, text)
    t.ok(existsSync(expected), `${name} has its lines beside it`)
    t.equal(text, readFileSync(expected, 'utf8'), name)
  }
})

t.test('one mistake is one line', async (t) => {
  const several = [
    'unreachable-route-twice.yaml',
    'everything-at-once.yaml',
    'wrong-value-allow-ips.yaml',
    'unset-variable-within.yaml',
  ]
  for (const { name, found } of bad) {
    if (several.includes(name)) continue
    t.equal(found.length, 1, name)
  }
})

t.test('every code is shown by a fixture, but those of other files', async (t) => {
  const shown = new Set(bad.flatMap(({ problems }) => problems.map(({ code }) => code)))
  const elsewhere = [
    'wrong_template',
    'unknown_file',
    'sample_note',
    'failed_test',
    'unused_template',
    'readable_secret',
    'unexpected_error',
  ]
  t.same(
    problemCodes.filter((code) => !shown.has(code)),
    problemCodes.filter((code) => elsewhere.includes(code)),
  )
})

t.test('a problem holds no secret', async (t) => {
  const secrets = [
    ...Object.values(environment).filter((value) => value.length > 5),
    'secret-password',
    'xoxb-plain',
    'whsec-not-a-secret',
  ]
  for (const { name, problems } of bad) {
    for (const secret of secrets) t.notMatch(JSON.stringify(problems), secret, name)
  }
})

t.test('each good configuration loads without a word', async (t) => {
  for (const name of fixtureNames('good')) {
    const loaded = loadConfig(join(fixtures, 'good', name), environment)
    t.same(lines(problemsOf(loaded).filter(dependsOnFileAlone), fixtures), [], name)
    t.ok(loaded.ok, name)
  }
})
