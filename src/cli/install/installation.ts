import type { Machine } from '../../install/machine.ts'
import { type InstallPlan, planInstallation, planRemoval } from '../../install/plan.ts'
import { type Step, verbs } from '../../install/step.ts'
import { CommandError, colour, print, type Terminal, textWidth, wrap } from '../terminal/terminal.ts'
import { whatIsNext, whatStays } from './next-steps.ts'

export interface InstallFlags {
  readonly uninstall?: boolean
  readonly dryRun?: boolean
}

const NEEDS_ROOT =
  'only root can install and remove services: run this with sudo, or see with --dry-run what it would do'

/** Carries out the plan, or with `dryRun` only prints it. */
export function installService(terminal: Terminal, flags: InstallFlags, machine: Machine): void {
  const { uninstall = false, dryRun = false } = flags
  if (!dryRun && !machine.isRoot) throw new CommandError(NEEDS_ROOT)
  const { problems, steps } = uninstall ? planRemoval(machine) : planInstallation(machine)
  if (dryRun) printSteps(terminal, steps)
  if (problems.length > 0) throw new CommandError(refusal(terminal, problems))
  if (dryRun) return
  for (const step of steps) carryOut(terminal, step)
  if (steps.length === 0)
    print(
      terminal,
      uninstall ? 'there is no service to remove' : 'everything is in place: nothing was changed',
    )
  print(terminal, `\n${(uninstall ? whatStays(machine) : whatIsNext(machine, terminal.command)).join('\n')}`)
}

function printSteps(terminal: Terminal, steps: InstallPlan['steps']): void {
  for (const { verb, what, detail } of steps) {
    print(terminal, `would ${verb} ${what}`)
    for (const line of detail)
      print(terminal, `  ${colour(terminal, line.startsWith('-') ? 'red' : 'green', line)}`)
  }
  print(terminal, steps.length === 0 ? 'there is nothing to do' : '\nnothing was changed')
}

function refusal(terminal: Terminal, problems: readonly string[]): string {
  const count = problems.length === 1 ? '1 problem' : `${problems.length} problems`
  const lines = problems.flatMap((problem) =>
    wrap(problem, textWidth(terminal) - 2).map((line, at) => (at === 0 ? `- ${line}` : `  ${line}`)),
  )
  return [`${count}, and nothing was changed`, ...lines].join('\n')
}

function carryOut(terminal: Terminal, { verb, what, apply }: Step): void {
  try {
    // The service must be able to read the files that are created here, whatever umask root has.
    const before = process.umask(0o022)
    try {
      apply()
    } finally {
      process.umask(before)
    }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new CommandError(`could not ${verb} ${what}: ${reason}; fix that, and run this again to go on`)
  }
  print(terminal, `${colour(terminal, 'green', verbs[verb])} ${what}`)
}
