/**
 * One bad configuration a rule; beside each, what is reported about it. UPDATE_GOLDEN=1 writes that anew:
 * read each changed line as someone who has to fix it.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { loadConfig } from '../../src/config/load.ts'
import { problemCodes } from '../../src/config/problem.ts'
import {
  environment,
  fixtureNames,
  fixtures,
  lines,
  linesOf,
  problemsOf,
} from '../support/config-fixtures.ts'

t.test('each mistake of a bad configuration is reported with its place and how to fix it', async (t) => {
  for (const name of fixtureNames('bad')) {
    const file = join(fixtures, 'bad', name)
    const expected = file.replace(/\.yaml$/, '.txt')
    const found = `${linesOf(file).join('\n')}\n`
    if (process.env.UPDATE_GOLDEN === '1') writeFileSync(expected, found)
    t.ok(existsSync(expected), `${name} has its lines beside it`)
    t.equal(found, readFileSync(expected, 'utf8'), name)
  }
})

t.test('one mistake is one line', async (t) => {
  const several = [
    'unreachable-route-twice.yaml',
    'everything-at-once.yaml',
    'wrong-value-allow-ips.yaml',
    'unset-variable-within.yaml',
  ]
  for (const name of fixtureNames('bad')) {
    if (several.includes(name)) continue
    t.equal(linesOf(join(fixtures, 'bad', name)).length, 1, name)
  }
})

t.test('every code is shown by a fixture, but those of the template files', async (t) => {
  const shown = new Set(
    fixtureNames('bad').flatMap((name) =>
      problemsOf(loadConfig(join(fixtures, 'bad', name), environment)).map((p) => p.code),
    ),
  )
  const inTemplates = ['wrong_template', 'unknown_file', 'sample_note', 'failed_test', 'unused_template']
  t.same(
    problemCodes.filter((code) => !shown.has(code)),
    problemCodes.filter((code) => inTemplates.includes(code)),
  )
})

t.test('a problem holds no secret', async (t) => {
  const secrets = [
    ...Object.values(environment).filter((value) => value.length > 5),
    'secret-password',
    'xoxb-plain',
    'whsec-not-a-secret',
  ]
  for (const name of fixtureNames('bad')) {
    const reported = JSON.stringify(problemsOf(loadConfig(join(fixtures, 'bad', name), environment)))
    for (const secret of secrets) t.notMatch(reported, secret, name)
  }
})

t.test('each good configuration loads without a word', async (t) => {
  for (const name of fixtureNames('good')) {
    const loaded = loadConfig(join(fixtures, 'good', name), environment)
    t.same(lines(problemsOf(loaded), fixtures), [], name)
    t.ok(loaded.ok, name)
  }
})
