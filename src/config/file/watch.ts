/** Notices when the files of a configuration change, by polling: docs/decisions/0007 has the reasons. */
import { statSync } from 'node:fs'
import { type Fingerprints, fingerprint } from './fingerprint.ts'

export interface FileWatchDeps {
  /** The fingerprints of the files when they were last read. */
  readonly files: () => Fingerprints
  /** Called when their content has changed and stayed the same for two polls. */
  readonly onChange: () => void
}

// The decision says what this costs.
const POLL_INTERVAL_MS = 250
// The coarsest time resolution of a file system: within it, a file can change twice without a new timestamp.
const CLOCK_RESOLUTION_MS = 2_500

interface Looked {
  readonly stamp: string
  readonly print: string
}

/** Reports each change once, after two polls in a row with the same result. Touching a file is not a change. */
export class FileWatch {
  readonly #deps: FileWatchDeps
  readonly #intervalMs: number
  readonly #looked = new Map<string, Looked>()
  #timer: NodeJS.Timeout | undefined
  /** The changes that the last poll found, and those that were reported last. */
  #seen = ''
  #reported = ''

  constructor(deps: FileWatchDeps, intervalMs = POLL_INTERVAL_MS) {
    this.#deps = deps
    this.#intervalMs = intervalMs
  }

  /** Idempotent. */
  start(): void {
    this.#timer ??= setInterval(() => this.#look(), this.#intervalMs).unref()
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
    if (found === '') this.#reported = ''
    else if (settled && found !== this.#reported) {
      this.#reported = found
      this.#deps.onChange()
    }
  }

  /** Reads a file only when its times, its size or its inode changed. */
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

/** Null if the file is so new that it could change again without a new timestamp. */
function stampOf(path: string): string | null {
  try {
    const { dev, ino, mode, size, mtimeMs, ctimeMs } = statSync(path)
    const changedAt = Math.max(mtimeMs, ctimeMs)
    if (Math.abs(Date.now() - changedAt) < CLOCK_RESOLUTION_MS) return null
    return [dev, ino, mode, size, mtimeMs, ctimeMs].join()
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : null
  }
}
