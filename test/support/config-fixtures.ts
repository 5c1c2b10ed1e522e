import { readdirSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Loaded, loadConfig } from '../../src/config/load.ts'
import { formatProblem, type Problem } from '../../src/config/problem.ts'

export const fixtures = fileURLToPath(new URL('../fixtures/config', import.meta.url))

export const secret = `whsec_${Buffer.from('only the tests know this one...').toString('base64')}`

/** What the fixtures' variables hold. */
export const environment = {
  SECRET: secret,
  OTHER_SECRET: `whsec_${Buffer.from('nor does anyone know this one...').toString('base64')}`,
  SECRET_WITH_NEWLINE: 'whsec_b25seSB0aGUgdGVzdHM=\n',
  TOKEN: 'xoxb-only-tests-know-this',
  HOOK: 'https://hooks.slack.com/services/T0/B0/only-tests-know-this',
  PORT: '8081',
  NO_PROXY_TRUSTED: 'false',
  CONTINUE: 'true',
}

export function fixtureNames(folder: 'good' | 'bad'): string[] {
  return readdirSync(join(fixtures, folder))
    .filter((name) => name.endsWith('.yaml'))
    .sort()
}

export function problemsOf(loaded: Loaded): readonly Problem[] {
  return loaded.ok ? loaded.warnings : loaded.problems
}

/** As an operator sees them, with the code in front, and without the folder. */
export function lines(problems: readonly Problem[], folder: string): string[] {
  return problems.map((problem) => {
    const file = problem.file.startsWith(folder)
      ? problem.file.slice(folder.length + 1)
      : basename(problem.file)
    return `${problem.code} ${formatProblem({ ...problem, file })}`
  })
}

/** Loads the file and gives its problems as lines. */
export function linesOf(file: string, env: Readonly<Record<string, string>> = environment): string[] {
  return lines(problemsOf(loadConfig(file, env)), dirname(file))
}
