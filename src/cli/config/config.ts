import { loadEffective } from '../../config/effective.ts'
import { formatProblem } from '../../config/problem.ts'
import { type Context, type Define, summary } from '../context.ts'
import { CommandError, printable, printJson } from '../terminal/terminal.ts'

export const defineConfig: Define = (command, context) => {
  command
    .option('--json', 'print JSON instead of YAML')
    .action((flags: { readonly json?: boolean }) => config(context, flags.json === true))
}

function config({ terminal, file }: Context, json: boolean): void {
  const loaded = loadEffective(file(), terminal.env)
  if (!loaded.ok) {
    for (const problem of loaded.problems) terminal.err.write(`${printable(formatProblem(problem))}\n`)
    throw new CommandError(summary(loaded.problems))
  }
  if (json) printJson(terminal, loaded.effective.value)
  else terminal.out.write(loaded.effective.yaml)
}
