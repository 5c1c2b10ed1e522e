/** The machine that a service is to be installed on. */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { packageFolder, program } from '../config/package.ts'

export interface Machine {
  readonly isRoot: boolean
  /** systemd's version; 0 if it is not running. */
  readonly systemd: number
  /** Node's own binary, and its major version. */
  readonly node: { readonly path: string; readonly major: number }
  /** This package: its folder, and the program in it. */
  readonly product: { readonly folder: string; readonly program: string }
  /** Where the administrator's units are. */
  readonly units: string
  /** Where the configuration is. */
  readonly home: string
  /** Returns its output. Throws if it fails. */
  readonly systemctl: (...args: readonly string[]) => string
  /** The same for queries, whose exit code is not 0 for some answers. */
  readonly ask: (...args: readonly string[]) => string
}

export function thisMachine(): Machine {
  return {
    isRoot: process.getuid?.() === 0,
    systemd: runningSystemd(),
    node: { path: process.execPath, major: Number(process.versions.node.split('.')[0]) },
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

/** The same check as in sd_booted(3). */
function runningSystemd(): number {
  if (!existsSync('/run/systemd/system')) return 0
  const { stdout } = spawnSync('systemctl', ['--version'], { encoding: 'utf8' })
  return Number(/^systemd (\d+)/.exec(stdout ?? '')?.[1] ?? 0)
}
