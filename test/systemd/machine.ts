/** A machine with systemd, booted from a folder by systemd-nspawn. It shares the network of the one it runs on. */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { installProgram } from '../support/debian.ts'
import { childrenOf, signalAll } from '../support/processes.ts'
import { until } from '../support/until.ts'

export interface Ran {
  readonly code: number
  readonly out: string
  readonly err: string
}

export interface Machine {
  /** Runs a shell script in the machine, as root or as another user. */
  run(script: string, user?: string): Promise<Ran>
  /** What the script prints; throws where it fails. */
  output(script: string, user?: string): Promise<string>
  /** Shuts it down, and removes what it left on this machine outside of its folder. */
  powerOff(): Promise<void>
}

const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
const LARGEST_OUTPUT = 64 * 1024 * 1024
/** A machine that takes longer hangs: on a busy one, both are done in ten seconds. */
const START_SECONDS = 120
const SHUTDOWN_MS = 60_000

/**
 * Boots it, and waits until everything in it has started. A boot that hangs, as one in hundreds does, is
 * ended and tried once more; an error contains what the machine printed.
 */
export async function boot(folder: string): Promise<Machine> {
  installProgram('systemd-nspawn', 'systemd-container')
  try {
    return await bootOnce(folder)
  } catch (error) {
    process.emitWarning(`booting once more, after: ${error instanceof Error ? error.message : error}`)
    return await bootOnce(folder)
  }
}

async function bootOnce(folder: string): Promise<Machine> {
  const name = `hookbridge-${process.pid}`
  const groups = controlGroups().map((group) => join(group, name))
  for (const group of groups) mkdirSync(group)
  const nspawn = spawnIn(groups, name, folder)
  let said = ''
  for (const stream of [nspawn.stdout, nspawn.stderr]) stream?.on('data', (chunk) => (said += chunk))
  const powerOff = async () => {
    await end(nspawn)
    for (const group of groups) await removeGroup(group)
    rmSync(join('/run/systemd/nspawn/propagate', name), { recursive: true, force: true })
  }
  try {
    let init: number | undefined
    await until(() => {
      if (nspawn.exitCode !== null) throw new Error(`systemd-nspawn ended with ${nspawn.exitCode}`)
      init = childOf(nspawn.pid ?? 0)
      return init !== undefined && existsSync(`/proc/${init}/root/run/systemd/private`)
    }, 'systemd to start in the machine')
    const machine = { ...shellOf(init ?? 0), powerOff }
    const state = await machine.run(`timeout ${START_SECONDS} systemctl is-system-running --wait`)
    if (state.code !== 0)
      throw new Error(`the machine is ${state.out}${(await machine.run('systemctl --failed')).out}`)
    return machine
  } catch (error) {
    await powerOff()
    throw new Error(`${error instanceof Error ? error.message : error}\nthe machine printed:\n${said}`)
  }
}

/** Asks the machine to shut down (systemd-nspawn(1): SIGTERM), and stops it where it does not. */
async function end(nspawn: ChildProcess): Promise<void> {
  if (nspawn.exitCode !== null || nspawn.signalCode !== null) return
  const ended = new Promise<void>((resolve) => nspawn.once('exit', () => resolve()))
  nspawn.kill('SIGTERM')
  const timer = setTimeout(() => nspawn.kill('SIGKILL'), SHUTDOWN_MS)
  await ended
  clearTimeout(timer)
}

/** systemd in the machine takes the whole group that it is started in. */
function spawnIn(groups: readonly string[], name: string, folder: string): ChildProcess {
  const enter = 'until [ "$1" = -- ]; do echo $$ > "$1/cgroup.procs" || exit 1; shift; done; shift; exec "$@"'
  const nspawn = ['systemd-nspawn', '--quiet', '--boot', '--register=no', '--keep-unit', '--console=pipe']
  const args = [`--machine=${name}`, '--resolv-conf=off', '--timezone=off', '--directory', folder]
  // It ends with this process, however that ends.
  const bound = ['setpriv', '--pdeathsig', 'TERM', ...nspawn, ...args]
  return spawn('sh', ['-c', enter, 'sh', ...groups, '--', ...bound], { stdio: ['ignore', 'pipe', 'pipe'] })
}

/** Where this process is in the hierarchies that systemd works with: its own, and the unified one. */
function controlGroups(): string[] {
  const mounts = readFileSync('/proc/self/mounts', 'utf8').split('\n')
  const groups = readFileSync('/proc/self/cgroup', 'utf8').split('\n')
  const found = groups.flatMap((line) => {
    const [, controllers, path = ''] = /^\d+:(|name=systemd):(.*)$/.exec(line) ?? []
    if (controllers === undefined) return []
    const mount = mounts.find((one) => {
      const [, , type = '', options = ''] = one.split(' ')
      return controllers === '' ? type === 'cgroup2' : type === 'cgroup' && options.includes(controllers)
    })
    return mount === undefined ? [] : [join(mount.split(' ')[1] ?? '', path)]
  })
  if (found.length > 0) return found
  throw new Error(
    'this machine has no control groups for systemd: mount -t cgroup2 cgroup2 /sys/fs/cgroup, and see that it is writable',
  )
}

/** Kills what is left in it: a machine that was stopped ends after systemd-nspawn. */
async function removeGroup(group: string): Promise<void> {
  for (const entry of readdirSync(group, { withFileTypes: true }))
    if (entry.isDirectory()) await removeGroup(join(group, entry.name))
  await until(() => {
    const processes = readFileSync(join(group, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean)
    signalAll(processes.map(Number), 'SIGKILL')
    return processes.length === 0
  }, `${group} to be empty`)
  rmdirSync(group)
}

function childOf(pid: number): number | undefined {
  const name = (child: number) => readFileSync(`/proc/${child}/comm`, 'utf8').trim()
  return childrenOf(pid).find((child) => name(child) === 'systemd')
}

function shellOf(init: number): Pick<Machine, 'run' | 'output'> {
  const run = (script: string, user = 'root') =>
    new Promise<Ran>((resolve) => {
      const enter = ['--target', String(init), '--all', '--wdns=/', '--', 'env', '-i', `PATH=${PATH}`]
      const shell = ['LANG=C.UTF-8', 'runuser', '-u', user, '--', 'sh', '-c', script]
      execFile('nsenter', [...enter, ...shell], { maxBuffer: LARGEST_OUTPUT }, (error, out, err) => {
        const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1
        resolve({ code, out, err })
      })
    })
  return {
    run,
    async output(script, user) {
      const { code, out, err } = await run(script, user)
      if (code !== 0) throw new Error(`${script}\nended with ${code} in the machine:\n${out}${err}`)
      return out
    },
  }
}
