/** The name that a copy has while it is made, and what is left of copies whose process was killed. */
import { readdirSync, rmSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'

/** A copy is written all the time: one that was not for so long has no process, wherever that ran. */
const ABANDONED_AFTER_MS = 3_600_000
const PART = /\.(\d+)\.part(?:-wal|-shm|-journal)?$/

export function partOf(target: string): string {
  return `${target}.${process.pid}.part`
}

/** With what SQLite keeps beside it. */
export function removePart(part: string): void {
  for (const end of ['', '-wal', '-shm', '-journal']) rmSync(part + end, { force: true })
}

/** Removes what copies to `target` have left that were killed. */
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

/** Another one than this, whose number may have been that of another before: in a container it often is. */
function isRunning(pid: number): boolean {
  if (pid === process.pid) return false
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}
