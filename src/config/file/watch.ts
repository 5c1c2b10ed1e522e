/** Sees when the files of a configuration change, by looking: docs/decisions/0007 says why. */
import { statSync } from 'node:fs'
import { type Fingerprints, fingerprint } from './fingerprint.ts'

export interface FileWatchDeps {
  /** What the files held when they were last read. */
  readonly files: () => Fingerprints
  /** They hold something else now, and have for one look. */
  readonly onChange: () => void
}

// So cheap that it may be often: see the decision.
const LOOK_EVERY = 250
// As coarse as the clock of any file system: within that, a file can change twice and have one time.
const CLOCK_GRAIN = 2_500

interface Looked {
  readonly stamp: string
  readonly print: string
}

/** Tells of each change once, when it has come to rest. A file that was touched and is the same is none. */
export class FileWatch {
  readonly #deps: FileWatchDeps
  readonly #every: number
  readonly #looked = new Map<string, Looked>()
  #timer: NodeJS.Timeout | undefined
  /** What the last look found different, and what was told last. */
  #seen = ''
  #told = ''

  /** `every`: milliseconds between two looks. */
  constructor(deps: FileWatchDeps, every = LOOK_EVERY) {
    this.#deps = deps
    this.#every = every
  }

  /** Idempotent. */
  start(): void {
    this.#timer ??= setInterval(() => this.#look(), this.#every).unref()
  }

  /** Idempotent. */
  stop(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  #look(): void {
    const files = this.#deps.files()
    const different: string[] = []
    for (const [path, print] of files) {
      const current = this.#fingerprint(path)
      if (current !== print) different.push(path, current)
    }
    for (const path of this.#looked.keys()) if (!files.has(path)) this.#looked.delete(path)
    const found = different.join('\0')
    const settled = found === this.#seen
    this.#seen = found
    if (found === '') this.#told = ''
    else if (settled && found !== this.#told) {
      this.#told = found
      this.#deps.onChange()
    }
  }

  /** Reads a file only when its times, its size or its place on the disk are others. */
  #fingerprint(path: string): string {
    const stamp = stampOf(path)
    const looked = this.#looked.get(path)
    if (stamp !== null && looked?.stamp === stamp) return looked.print
    const print = fingerprint(path)
    if (stamp === null) this.#looked.delete(path)
    else this.#looked.set(path, { stamp, print })
    return print
  }
}

/** Null where the times cannot tell yet. */
function stampOf(path: string): string | null {
  try {
    const { dev, ino, mode, size, mtimeMs, ctimeMs } = statSync(path)
    const changedAt = Math.max(mtimeMs, ctimeMs)
    if (Math.abs(Date.now() - changedAt) < CLOCK_GRAIN) return null
    return [dev, ino, mode, size, mtimeMs, ctimeMs].join()
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : null
  }
}
