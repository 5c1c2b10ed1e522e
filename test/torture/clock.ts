/** A wall clock that can be set while the service runs: libfaketime's, for one process. Its monotonic clock stays right. */
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { installPackages } from '../support/debian.ts'

export interface FakeClock {
  /** For the process whose clock it is. */
  readonly env: Readonly<Record<string, string>>
  /** How far it is ahead of the real one. */
  readonly hours: number
  /** Takes effect within a second. */
  step(hours: number): void
}

export function createClock(folder: string): FakeClock {
  const file = join(folder, 'clock')
  let hours = 0
  const write = () => writeFileSync(file, `${hours < 0 ? '-' : '+'}${Math.abs(hours) * 3600}\n`)
  write()
  return {
    env: {
      LD_PRELOAD: libraryPath(),
      FAKETIME_TIMESTAMP_FILE: file,
      FAKETIME_CACHE_DURATION: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
      // As the versions before 0.9.10 call it.
      DONT_FAKE_MONOTONIC: '1',
      // Times of files stay those of the disk.
      NO_FAKE_STAT: '1',
    },
    get hours() {
      return hours
    },
    step(by) {
      hours += by
      write()
    },
  }
}

/** Of the variant for programs with threads. */
function libraryPath(): string {
  const find = () =>
    spawnSync('dpkg', ['--listfiles', 'libfaketime'], { encoding: 'utf8' })
      .stdout?.split('\n')
      .find((path) => path.endsWith('/libfaketimeMT.so.1'))
  const found = find()
  if (found !== undefined) return found
  installPackages('libfaketime', 'libfaketime')
  const installed = find()
  if (installed === undefined) throw new Error('libfaketime is installed, and has no libfaketimeMT.so.1')
  return installed
}
