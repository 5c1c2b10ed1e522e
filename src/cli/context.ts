/** What every command needs: its terminal, and the configuration named by --config. */
import { resolve } from 'node:path'
import { type Command, InvalidArgumentError } from 'commander'
import { formatProblem, type Problem } from '../config/problem.ts'
import { parseDuration } from '../config/schema/units.ts'
import { type Proxies, readProxies } from '../network/proxies.ts'
import { asRun } from './command-name.ts'
import { CommandError, type ExitCode, printable, type Terminal } from './terminal/terminal.ts'

export interface Context {
  readonly terminal: Terminal
  /** The configuration file, as given with --config. */
  readonly file: () => string
}

/** Adds the options and the action of a command. */
export type Define = (command: Command, context: Context) => void

/** A problem on one line, with the commands in its hint as the user runs them. */
export function problemLine({ command }: Terminal, problem: Problem): string {
  return asRun(command, printable(formatProblem(problem)))
}

/** `strict`: warnings count as well. */
export function summary(problems: readonly Problem[], strict = false): string {
  const wrong = problems.filter(({ severity }) => strict || severity === 'error').length
  return `${wrong} ${wrong === 1 ? 'problem' : 'problems'} in the configuration`
}

/** The proxies of the environment; fails if a variable is invalid. */
export function proxiesOf({ env }: Terminal, exitCode: ExitCode = 1): Proxies {
  const { proxies, problems } = readProxies(env)
  const wrong = problems.find(({ level }) => level === 'wrong')
  if (wrong !== undefined) throw new CommandError(`${wrong.message}; ${wrong.hint}`, exitCode)
  return proxies
}

/** A path that the user gave, relative to the working directory. */
export function fromHere({ terminal }: Context, path: string): string {
  return resolve(terminal.cwd, path)
}

/** For an option that is a duration: milliseconds. */
export function duration(text: string): number {
  const ms = parseDuration(text)
  if (ms === null) throw new InvalidArgumentError('write a duration such as 30m, 12h or 7d')
  return ms
}

/** For an option that is a count. */
export function positive(text: string): number {
  const number = Number(text)
  if (!Number.isSafeInteger(number) || number < 1)
    throw new InvalidArgumentError('write a whole number above 0')
  return number
}
