import { Option } from 'commander'
import { type Checked, checkConfig } from '../../app/check.ts'
import type { Problem } from '../../config/problem.ts'
import { type Context, type Define, problemLine, summary } from '../context.ts'
import {
  CommandError,
  colour,
  print,
  printable,
  printJson,
  type Terminal,
  wrapped,
} from '../terminal/terminal.ts'

interface CheckFlags {
  readonly json?: boolean
  readonly strict?: boolean
  readonly format: 'text' | 'json' | 'github'
}

export const defineCheck: Define = (command, context) => {
  command
    .option('--strict', 'treat warnings as errors')
    .addOption(
      new Option('--format <format>', 'how to print problems; github: as annotations for GitHub Actions')
        .choices(['text', 'json', 'github'])
        .default('text'),
    )
    .option('--json', 'the same as --format json')
    .action((flags: CheckFlags) => check(context, flags))
}

async function check({ terminal, file }: Context, { strict, json, format }: CheckFlags): Promise<void> {
  const checked = await checkConfig(file(), terminal.env)
  const { problems } = checked
  const wrong = problems.some(({ severity }) => strict === true || severity === 'error')
  const style = json === true ? 'json' : format
  if (style === 'json') printJson(terminal, problems)
  else
    for (const problem of problems)
      print(terminal, style === 'github' ? annotation(problem) : readable(terminal, problem))
  if (wrong) throw new CommandError(style === 'json' ? '' : summary(problems, strict))
  if (style === 'text') print(terminal, colour(terminal, 'green', fine(file(), checked)))
}

function fine(file: string, { problems, tests }: Checked): string {
  const passed = tests === 0 ? '' : `, ${tests} ${tests === 1 ? 'test' : 'tests'} passed`
  return `${file}: fine${passed}${problems.length > 0 ? ', with warnings' : ''}`
}

/** The problem on one line, and its detail indented below. */
function readable(terminal: Terminal, problem: Problem): string {
  const line = colour(
    terminal,
    problem.severity === 'error' ? 'red' : 'yellow',
    wrapped(terminal, 'out', problemLine(terminal, problem)),
  )
  const detail = (problem.detail ?? '').split('\n').filter((text) => text !== '')
  return [line, ...detail.map((text) => `    ${printable(text)}`)].join('\n')
}

/** https://docs.github.com/actions/reference/workflow-commands-for-github-actions */
function annotation({ severity, file, line, column, message, hint, detail }: Problem): string {
  const encoded = (text: string) =>
    text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A')
  const inProperty = (text: string) => encoded(text).replaceAll(':', '%3A').replaceAll(',', '%2C')
  const text = [message, hint, detail].filter((part) => part !== undefined && part !== '').join('\n')
  return `::${severity} file=${inProperty(file)},line=${line},col=${column}::${encoded(text)}`
}
