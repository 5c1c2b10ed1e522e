import { loadService } from '../../config/part.ts'
import { ownProperty } from '../../core/json/json.ts'
import { type Context, type Define, problemLine, summary } from '../context.ts'
import { CommandError, colour, print, printable, printJson, type Terminal } from '../terminal/terminal.ts'
import { at, baseOf, noAnswer, serviceUrl } from './client.ts'

interface HealthFlags {
  readonly live?: boolean
  readonly url?: string
  readonly json?: boolean
}

// A container engine allows ten seconds for a check, some of which Node needs to start.
const PATIENCE = 5_000

export const defineHealth: Define = (command, context) => {
  command
    .option('--live', 'only ask whether the service is running (/livez)')
    .option('--url <url>', 'the service (default: where the configuration says it listens)')
    .option('--json', "print the service's answer as JSON")
    .action((flags: HealthFlags) => health(context, flags))
}

/** `hookbridge health`: for container engines, probes and scripts. It only reads the address from the configuration. */
async function health({ terminal, file }: Context, { url, live, json }: HealthFlags): Promise<void> {
  const target = at(
    url === undefined ? ownUrl(terminal, file()) : baseOf(url),
    live === true ? '/livez' : '/readyz',
  )
  const { status, body } = await ask(target)
  if (json === true) printJson(terminal, body)
  const state = ownProperty(body, 'status')
  if (status === 200 && typeof state === 'string') {
    if (json !== true) print(terminal, colour(terminal, 'green', printable(state)))
    return
  }
  const problems = ownProperty(body, 'problems')
  const reasons = Array.isArray(problems) ? problems.map((problem) => printable(String(problem))) : []
  if (typeof state === 'string') throw new CommandError([printable(state), ...reasons].join(': '))
  throw new CommandError(`what answers at ${target} is not Hookbridge (${status})`)
}

function ownUrl(terminal: Terminal, file: string): string {
  const loaded = loadService(file, terminal.env)
  if (loaded.ok) return serviceUrl(loaded.service)
  const problems = loaded.problems.map((problem) => `${problemLine(terminal, problem)}\n`)
  throw new CommandError(
    `${problems.join('')}${summary(loaded.problems)}; no request was sent to the service. --url names its address`,
  )
}

async function ask(target: string): Promise<{ readonly status: number; readonly body: unknown }> {
  try {
    const response = await fetch(target, { signal: AbortSignal.timeout(PATIENCE) })
    return { status: response.status, body: parsed(await response.text()) }
  } catch (error) {
    throw noAnswer(target, error)
  }
}

/** Another program may answer at that address. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
