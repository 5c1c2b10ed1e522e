/** Alertmanager's own amtool: there, or installed from Debian's package, and asked which receivers an alert has. */
import { execFile, spawnSync } from 'node:child_process'
import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { promisify } from 'node:util'

const PACKAGE = 'prometheus-alertmanager'
const POLICY = '/usr/sbin/policy-rc.d'
const run = promisify(execFile)

export type Labels = Readonly<Record<string, string>>

/** Its version. Installs it where it is missing, and throws where it cannot. */
export function installAmtool(): string {
  const there = version()
  if (there !== null) return there
  if (process.getuid?.() !== 0)
    throw new Error(`there is no amtool, and only root installs it: apt-get install ${PACKAGE}`)
  // Debian starts the services that it installs, unless this file forbids it (invoke-rc.d(8), 101).
  const isOurs = !existsSync(POLICY)
  try {
    if (isOurs) writeFileSync(POLICY, '#!/bin/sh\nexit 101\n', { mode: 0o755 })
    aptGet('update')
    aptGet('install', '--yes', '--no-install-recommends', PACKAGE)
  } finally {
    if (isOurs) rmSync(POLICY, { force: true })
  }
  const installed = version()
  if (installed === null) throw new Error(`${PACKAGE} is installed, and still there is no amtool in $PATH`)
  return installed
}

function version(): string | null {
  const { status, stdout } = spawnSync('amtool', ['--version'], { encoding: 'utf8' })
  return status === 0 ? (stdout.split('\n')[0] ?? '') : null
}

function aptGet(...args: readonly string[]): void {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  const { status, error, stderr } = spawnSync('apt-get', ['-o', 'DPkg::Lock::Timeout=300', ...args], {
    env,
    encoding: 'utf8',
  })
  if (status === 0) return
  const reason = error?.message ?? stderr
  throw new Error(`there is no amtool, and apt-get ${args.join(' ')} failed: ${reason}`)
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
