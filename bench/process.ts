import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'

export interface Running {
  readonly port: number
  /** Milliseconds from the start of the process until it listened. */
  readonly readyMs: number
  readonly pid: number
  stop(): Promise<void>
}

const pinned = spawnSync('taskset', ['--version']).status === 0

/** Pins a process to one core, so that the measured and the measuring do not fight for the same one; or lets it run on both. */
export function pin(pid: number, core: number | '0-1'): void {
  if (pinned) spawnSync('taskset', ['-apc', String(core), String(pid)])
}

/** Starts a Node program on core 0 and resolves once a line of its output names the address it listens on. */
export async function startProcess(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Running> {
  const begun = performance.now()
  const child = spawnPinned(process.execPath, args, env)
  const port = await listeningPort(child)
  return running(child, port, performance.now() - begun)
}

/** Runs `start` in the folder of another checkout, in which `npm run bundle` was run. */
export async function elsewhere<T>(folder: string, start: () => Promise<T>): Promise<T> {
  const here = process.cwd()
  process.chdir(folder)
  try {
    return await start()
  } finally {
    process.chdir(here)
  }
}

/** Starts any program on core 0 and resolves once it answers 200 at a path of its port. */
export async function startServer(
  program: string,
  args: readonly string[],
  port: number,
  path: string,
): Promise<Running> {
  const begun = performance.now()
  const child = spawnPinned(program, args, {})
  for (;;) {
    if (child.exitCode !== null) throw new Error(`${program} ended (${child.exitCode}) before it was ready`)
    const answer = await fetch(`http://127.0.0.1:${port}${path}`).catch(() => undefined)
    if (answer?.ok) return running(child, port, performance.now() - begun)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

function spawnPinned(program: string, args: readonly string[], env: NodeJS.ProcessEnv): ChildProcess {
  const [command = '', ...rest] = pinned ? ['taskset', '-c', '0', program] : [program]
  const child = spawn(command, [...rest, ...args], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  // A measurement that fails leaves nothing running.
  const end = () => child.kill('SIGKILL')
  process.once('exit', end)
  child.once('exit', () => process.off('exit', end))
  return child
}

function running(child: ChildProcess, port: number, readyMs: number): Running {
  const { pid = 0 } = child
  const stop = async () => {
    const ended = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGTERM')
    await ended
  }
  return { port, readyMs, pid, stop }
}

function listeningPort(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    let output = ''
    child.once('exit', (code) =>
      reject(new Error(`the program ended (${code}) before it listened\n${output}`)),
    )
    child.stdout?.on('data', (chunk: Buffer) => {
      if (output === 'done') return
      output += chunk
      const found = /listening.*?:(\d{2,5})\b|"url":"http:\/\/[^"]*:(\d{2,5})"/.exec(output)
      if (found === null) return
      output = 'done'
      resolve(Number(found[1] ?? found[2]))
    })
  })
}

const TICKS_PER_SECOND = 100

/** CPU time of a process so far, in milliseconds (Linux). */
export function cpuMs(pid: number, which?: 'with ended children'): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ')
  const times = fields.slice(11, which === undefined ? 13 : 15).map(Number)
  return (times.reduce((sum, one) => sum + one, 0) * 1000) / TICKS_PER_SECOND
}

/** The same of its threads that are still there, more precisely. */
export function threadsCpuMs(pid: number): number {
  const ns = readdirSync(`/proc/${pid}/task`).map((thread) =>
    Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]),
  )
  return ns.reduce((sum, one) => sum + one, 0) / 1_000_000
}

/** Resident memory now and at its highest, in MB (Linux). */
export function memory(pid: number): { readonly now: number; readonly peak: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const read = (name: string) => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1]) / 1024
  return { now: read('VmRSS'), peak: read('VmHWM') }
}
