import { loadConfig } from '../config/load.ts'
import { formatProblem, type Problem } from '../config/problem.ts'
import { type Context, type Register, summary } from './context.ts'
import { CommandError, colour, print, printJson, type Terminal } from './terminal.ts'

export const registerCheck: Register = (hookbridge, context) => {
  hookbridge
    .command('check')
    .description('check the configuration and its templates; exit 1 when something is wrong')
    .option('--json', 'print the problems as JSON')
    .action((options: { json?: boolean }) => check(context, options.json === true))
}

function check({ terminal, file }: Context, json: boolean): void {
  const loaded = loadConfig(file(), terminal.env)
  const problems = loaded.ok ? loaded.warnings : loaded.problems
  if (json) printJson(terminal, problems)
  else if (problems.length > 0)
    print(terminal, problems.map((problem) => coloured(terminal, problem)).join('\n'))
  if (!loaded.ok) throw new CommandError(json ? '' : summary(problems))
  if (!json)
    print(
      terminal,
      colour(terminal, 'green', `${file()}: fine${problems.length > 0 ? ', with warnings' : ''}`),
    )
}

function coloured(terminal: Terminal, problem: Problem): string {
  return colour(terminal, problem.severity === 'error' ? 'red' : 'yellow', formatProblem(problem))
}
