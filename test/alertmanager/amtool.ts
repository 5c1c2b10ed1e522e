/** Alertmanager's own amtool: there, or installed from Debian's package, and asked which receivers an alert has. */
import { execFile, spawnSync } from 'node:child_process'
import { promisify } from 'node:util'
import { installPackages } from '../support/apt.ts'

const PACKAGE = 'prometheus-alertmanager'
const run = promisify(execFile)

export type Labels = Readonly<Record<string, string>>

/** Its version. Installs it where it is missing, and throws where it cannot. */
export function installAmtool(): string {
  const there = version()
  if (there !== null) return there
  installPackages('amtool', PACKAGE)
  const installed = version()
  if (installed === null) throw new Error(`${PACKAGE} is installed, and still there is no amtool in $PATH`)
  return installed
}

function version(): string | null {
  const { status, stdout } = spawnSync('amtool', ['--version'], { encoding: 'utf8' })
  return status === 0 ? (stdout.split('\n')[0] ?? '') : null
}

/** The receivers that an alert with these labels has under the configuration, in order. */
export async function receiversOf(file: string, labels: Labels): Promise<string[]> {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}=${quoted(value)}`)
  const { stdout } = await run('amtool', ['config', 'routes', 'test', `--config.file=${file}`, ...pairs])
  return stdout.replace(/\n$/, '').split(',')
}

/** A matcher's value as Alertmanager reads it: in quotes, with three escapes. */
export function quoted(text: string): string {
  return `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`
}
