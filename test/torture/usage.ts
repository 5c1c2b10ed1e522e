/** Memory and file descriptors of the service, each second of each of its processes. */
import { filesOf, memoryOf } from '../support/siege.ts'

const EVERY_MS = 1_000

export interface Usage {
  /** Resident megabytes. */
  readonly memory: number
  /** Open descriptors. */
  readonly files: number
}

export interface UsageLog {
  /** Of one process after the other. */
  readonly processes: readonly (readonly Usage[])[]
  stop(): void
}

export function watchUsage(pidOf: () => number): UsageLog {
  const processes: Usage[][] = []
  let watched = 0
  const timer = setInterval(() => {
    const pid = pidOf()
    if (watched !== pid) processes.push([])
    watched = pid
    const usage = usageOf(pid)
    if (usage !== null) processes.at(-1)?.push(usage)
  }, EVERY_MS)
  return { processes, stop: () => clearInterval(timer) }
}

/** Null where it was killed a moment ago. */
function usageOf(pid: number): Usage | null {
  try {
    const memory = memoryOf(pid)
    return Number.isNaN(memory) ? null : { memory, files: filesOf(pid) }
  } catch {
    return null
  }
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((one, other) => one - other)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}
