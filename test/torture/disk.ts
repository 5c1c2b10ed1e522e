/** A small disk of its own, which can be full at once and have room at once. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, statfsSync } from 'node:fs'

/** Less than the store needs to go on for long. */
const LEFT_BYTES = 64 * 1024
/** The disk cannot become smaller than what is written until then. */
const TRIES = 20

export interface Disk {
  readonly folder: string
  fill(): void
  free(): void
}

/** Mounts a tmpfs of up to so many bytes, until the test ends. */
export function mountDisk(t: { teardown(action: () => void): unknown }, folder: string, bytes: number): Disk {
  if (process.getuid?.() !== 0)
    throw new Error(
      'a disk that can be full is a tmpfs of its own, and only root mounts one: run this as root',
    )
  mkdirSync(folder)
  mount('-t', 'tmpfs', '-o', `size=${bytes}`, 'tmpfs', folder)
  t.teardown(() => {
    spawnSync('umount', ['--lazy', folder])
  })
  return {
    folder,
    fill() {
      for (let left = TRIES; left > 0; left -= 1) {
        const { blocks, bfree, bsize } = statfsSync(folder)
        const size = (blocks - bfree) * bsize + LEFT_BYTES
        if (left === 1) mount('-o', `remount,size=${size}`, folder)
        else if (tryToMount('-o', `remount,size=${size}`, folder) === null) return
      }
    },
    free: () => mount('-o', `remount,size=${bytes}`, folder),
  }
}

function mount(...args: readonly string[]): void {
  const problem = tryToMount(...args)
  if (problem !== null) throw new Error(`mount ${args.join(' ')}: ${problem}`)
}

/** Null where it worked. */
function tryToMount(...args: readonly string[]): string | null {
  const { status, stderr, error } = spawnSync('mount', args, { encoding: 'utf8' })
  return status === 0 ? null : (error?.message ?? stderr)
}
