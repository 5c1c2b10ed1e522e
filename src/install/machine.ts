/** What the installation of the service needs to know about the machine. */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { packageFolder, program } from '../config/package.ts'

export interface Machine {
  readonly isRoot: boolean
  /** systemd's version; 0 if it does not run. */
  readonly systemd: number
  /** The path of Node's binary. */
  readonly node: string
  /** This package: its folder, and its program within. */
  readonly product: { readonly folder: string; readonly program: string }
  /** The folder of the administrator's units. */
  readonly units: string
  /** The folder of the configuration. */
  readonly home: string
  /** Returns what systemctl prints; throws if it fails. */
  readonly systemctl: (...args: readonly string[]) => string
  /** The same for queries, where a failure is an answer too. */
  readonly ask: (...args: readonly string[]) => string
}

export function thisMachine(): Machine {
  return {
    isRoot: process.getuid?.() === 0,
    systemd: runningSystemd(),
    node: process.execPath,
    product: { folder: packageFolder, program },
    units: '/etc/systemd/system',
    home: '/etc/hookbridge',
    systemctl(...args) {
      const { status, stdout, stderr, error } = spawnSync('systemctl', args, { encoding: 'utf8' })
      if (status === 0) return stdout
      throw new Error(`systemctl ${args.join(' ')} failed: ${error?.message ?? stderr.trim()}`)
    },
    ask: (...args) => spawnSync('systemctl', args, { encoding: 'utf8' }).stdout ?? '',
  }
}

/** The check of sd_booted(3). */
function runningSystemd(): number {
  if (!existsSync('/run/systemd/system')) return 0
  const { stdout } = spawnSync('systemctl', ['--version'], { encoding: 'utf8' })
  return Number(/^systemd (\d+)/.exec(stdout ?? '')?.[1] ?? 0)
}
