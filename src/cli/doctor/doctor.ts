import { Option } from 'commander'
import { type Loaded, loadConfig } from '../../config/load.ts'
import { formatProblem } from '../../config/problem.ts'
import { type Finding, fine, type Level } from '../../core/finding.ts'
import { type Context, type Define, duration } from '../context.ts'
import { CommandError, colour, print, printJson, type Terminal } from '../terminal/terminal.ts'
import { runCheck } from './cheap-checks.ts'
import { checksOf } from './checks.ts'
import { showFinding, withProgress } from './show.ts'

interface DoctorOptions {
  readonly timeout: number
  readonly json?: boolean
}

interface Grouped extends Finding {
  readonly group: string
}

// A check waits for several answers; one that takes longer than this is stuck.
const ANSWERS_AT_MOST = 6

export const defineDoctor: Define = (command, context) => {
  command
    .addOption(
      new Option('--timeout <duration>', 'how long to wait for each answer')
        .argParser(duration)
        .default(10_000, '10s'),
    )
    .option('--json', 'print the findings as JSON')
    .addHelpText('after', '\nThe exit code is 1 when something is wrong; a warning alone leaves it 0.')
    .action((options: DoctorOptions) => doctor(context, options))
}

async function doctor({ terminal, file }: Context, { timeout, json = false }: DoctorOptions): Promise<void> {
  const loaded = loadConfig(file(), terminal.env)
  const checks = loaded.ok ? checksOf(loaded.compiled, timeout, terminal.env) : []
  const secrets = loaded.ok ? loaded.compiled.secrets : []
  // All run at once, because each waits for something else.
  const running = checks.map((check) => ({
    check,
    findings: runCheck(check, { secrets }, timeout * ANSWERS_AT_MOST),
  }))
  const found: Grouped[] = []
  const report = (group: string, findings: readonly Finding[]) => {
    found.push(...findings.map((finding) => ({ group, ...finding })))
    if (!json && findings.length > 0) printGroup(terminal, group, findings)
  }
  report('configuration', configurationFindings(file(), loaded))
  for (const { check, findings } of running) {
    report(check.group, await withProgress(terminal, check.group, findings))
  }
  const counts = countsOf(found)
  if (json) printJson(terminal, { ok: counts.wrong === 0, ...counts, findings: found })
  else print(terminal, colour(terminal, counts.wrong > 0 ? 'red' : 'green', verdict(counts, loaded.ok)))
  if (counts.wrong > 0) throw new CommandError('')
}

function configurationFindings(file: string, loaded: Loaded): readonly Finding[] {
  const problems = loaded.ok ? loaded.warnings : loaded.problems
  const findings = problems.map((problem): Finding => {
    const level = problem.severity === 'error' ? 'wrong' : 'warning'
    const summary = formatProblem({ ...problem, severity: 'error' })
    return { code: problem.code, level, summary, meaning: '', hint: '' }
  })
  return findings.length > 0 ? findings : [fine('configuration_ok', `${file}: fine`)]
}

function printGroup(terminal: Terminal, group: string, findings: readonly Finding[]): void {
  print(terminal, colour(terminal, 'bold', group))
  for (const finding of findings) showFinding(terminal, finding)
  print(terminal, '')
}

type Counts = Readonly<Record<Exclude<Level, 'fine'>, number>>

function countsOf(findings: readonly Finding[]): Counts {
  const count = (level: Level) => findings.filter((finding) => finding.level === level).length
  return { wrong: count('wrong'), warning: count('warning'), unknown: count('unknown') }
}

function verdict({ wrong, warning, unknown }: Counts, loaded: boolean): string {
  if (!loaded) return 'fix the configuration first; nothing else was checked'
  const parts = [
    wrong === 0 ? 'nothing is wrong' : `${wrong} ${wrong === 1 ? 'problem' : 'problems'}`,
    ...(warning === 0 ? [] : [`${warning} ${warning === 1 ? 'warning' : 'warnings'}`]),
    ...(unknown === 0 ? [] : [`${unknown} could not be checked`]),
  ]
  return parts.join(', ')
}
