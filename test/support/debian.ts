/** Debian's packages and their programs: there, or installed. */
import { spawnSync } from 'node:child_process'
import { existsSync, rmSync, writeFileSync } from 'node:fs'

const POLICY = '/usr/sbin/policy-rc.d'

/** Installs Debian's packages and starts none of their services; throws where it cannot, and says what is missing: `wanted`. */
export function installPackages(wanted: string, ...packages: readonly string[]): void {
  if (process.getuid?.() !== 0)
    throw new Error(`there is no ${wanted}, and only root installs it: apt-get install ${packages.join(' ')}`)
  // Debian starts the services that it installs, unless this file forbids it (invoke-rc.d(8), 101).
  const isOurs = !existsSync(POLICY)
  try {
    if (isOurs) writeFileSync(POLICY, '#!/bin/sh\nexit 101\n', { mode: 0o755 })
    aptGet(wanted, 'update')
    aptGet(wanted, 'install', '--yes', '--no-install-recommends', ...packages)
  } finally {
    if (isOurs) rmSync(POLICY, { force: true })
  }
}

/** The first line of the program's `--version`. Installs its package where it is missing, and throws where it cannot. */
export function installProgram(program: string, debianPackage: string): string {
  const there = versionOf(program)
  if (there !== null) return there
  installPackages(program, debianPackage)
  const installed = versionOf(program)
  if (installed === null)
    throw new Error(`${debianPackage} is installed, and still there is no ${program} in $PATH`)
  return installed
}

function versionOf(program: string): string | null {
  const { status, stdout, stderr } = spawnSync(program, ['--version'], { encoding: 'utf8' })
  return status === 0 ? ((stdout || stderr).split('\n')[0] ?? '') : null
}

function aptGet(wanted: string, ...args: readonly string[]): void {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  const { status, error, stderr } = spawnSync('apt-get', ['-o', 'DPkg::Lock::Timeout=300', ...args], {
    env,
    encoding: 'utf8',
  })
  if (status === 0) return
  const reason = error?.message ?? stderr
  throw new Error(`there is no ${wanted}, and apt-get ${args.join(' ')} failed: ${reason}`)
}
