/** Processes that a test started: which there are, and their end. */
import type { ChildProcess } from 'node:child_process'
import { readFileSync } from 'node:fs'

/**
 * Kills the process when the test ends, and waits until it is gone: until then it may write into a folder that
 * the test removes next.
 */
export function killAfter(t: { teardown(action: () => unknown): unknown }, child: ChildProcess): void {
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  t.teardown(async () => {
    if (child.kill('SIGKILL')) await gone
  })
}

/** The processes that this one has started and that have not been waited for. */
export function childrenOf(pid: number): readonly number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
  return children.split(' ').filter(Boolean).map(Number)
}

/** As proc(5) has it: `T` is suspended by a signal, `Z` has ended and was not waited for. */
export function stateOf(pid: number): string {
  return /^State:\t(\w)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? ''
}

/** Sends the signal to those that are still there. */
export function signalAll(pids: readonly number[], signal: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, signal)
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
    }
  }
}

export function hasEnded({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null
}
