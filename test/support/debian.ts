/** Debian's packages and their programs: there, or installed. */
import { spawnSync } from 'node:child_process'

// Suites that run at once install one after the other: apt-get itself does not wait for the lock of its lists.
const LOCK = '/var/lock/hookbridge-tests'
// Debian starts the services that it installs, unless this file forbids it (invoke-rc.d(8), 101).
const POLICY = '/usr/sbin/policy-rc.d'

const SCRIPT = `
if [ ! -e ${POLICY} ]; then
  trap 'rm -f ${POLICY}' EXIT
  printf '#!/bin/sh\\nexit 101\\n' >${POLICY}
  chmod 755 ${POLICY}
fi
apt-get -o DPkg::Lock::Timeout=300 update
apt-get -o DPkg::Lock::Timeout=300 install --yes --no-install-recommends "$@"`

/** Installs Debian's packages and starts none of their services; throws where it cannot, and says what is missing: `wanted`. */
export function installPackages(wanted: string, ...packages: readonly string[]): void {
  if (process.getuid?.() !== 0)
    throw new Error(`there is no ${wanted}, and only root installs it: apt-get install ${packages.join(' ')}`)
  const args = [LOCK, 'sh', '-ec', SCRIPT, 'sh', ...packages]
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  const { status, error, stderr } = spawnSync('flock', args, { env, encoding: 'utf8' })
  if (status === 0) return
  const reason = error?.message ?? stderr
  throw new Error(`there is no ${wanted}, and apt-get install ${packages.join(' ')} failed: ${reason}`)
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
