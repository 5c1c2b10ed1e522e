/** Alertmanager's own amtool: there, or installed from Debian's package, and asked which receivers an alert has. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { installProgram } from '../support/debian.ts'

const run = promisify(execFile)

export type Labels = Readonly<Record<string, string>>

/** Its version. Installs it where it is missing, and throws where it cannot. */
export function installAmtool(): string {
  return installProgram('amtool', 'prometheus-alertmanager')
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
