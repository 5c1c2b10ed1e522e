/** The name of a copy while it is being made, and the removal of copies whose process was killed. */
import { readdirSync, rmSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'

/** A copy is written continuously. If one was not written for this long, its process has ended, wherever it ran. */
const ABANDONED_AFTER_MS = 3_600_000
const PART = /\.(\d+)\.part(?:-wal|-shm|-journal)?$/

export function partOf(target: string): string {
  return `${target}.${process.pid}.part`
}

/** Including the files that SQLite keeps beside it. */
export function removePart(part: string): void {
  for (const end of ['', '-wal', '-shm', '-journal']) rmSync(part + end, { force: true })
}

/** Removes the remains of copies to `target` that were killed. */
export function removeAbandonedParts(target: string): void {
  const folder = dirname(target)
  for (const name of readdirSync(folder)) {
    const pid = PART.exec(name)?.[1]
    if (pid === undefined || !name.startsWith(`${basename(target)}.${pid}.part`) || isRunning(Number(pid)))
      continue
    const path = join(folder, name)
    const age = Date.now() - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Date.now())
    if (age > ABANDONED_AFTER_MS) rmSync(path, { force: true })
  }
}

/** A process other than this one. An earlier process may have had the same number as this one, which is common in containers. */
function isRunning(pid: number): boolean {
  if (pid === process.pid) return false
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}
