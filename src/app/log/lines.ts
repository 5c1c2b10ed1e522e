/** Buffers log lines: many are written at once, because a system call for each is expensive under load. */
import { withoutSteering } from '../../core/json/json.ts'

/** Buffers up to MANY characters until it is flushed: pino's destination. */
interface Output {
  write(text: string): unknown
  flush(done: () => void): void
  flushSync(): void
}

/** The lines are JSON: characters that would control a terminal are escaped. */
export interface Lines {
  write(line: string): void
  /** Calls back when all of it is written. */
  flush(done: () => void): void
  /** For the exit of the process, when nothing asynchronous runs anymore. */
  flushSync(): void
}

/** How many characters are written at once. */
export const MANY = 16_000
// How long a line waits for others at most.
const MAX_WAIT_MS = 100

export function gather(output: Output): Lines {
  // Joined once: a text that grows line by line is copied with each.
  let lines: string[] = []
  let length = 0
  let timer: NodeJS.Timeout | undefined

  function pass(): void {
    clearTimeout(timer)
    timer = undefined
    if (lines.length === 0) return
    const text = withoutSteering(lines.join(''))
    lines = []
    length = 0
    output.write(text)
  }

  function flush(done: () => void = () => {}): void {
    pass()
    output.flush(done)
  }

  return {
    write(line) {
      lines.push(line)
      length += line.length
      if (length >= MANY) pass()
      else timer ??= setTimeout(flush, MAX_WAIT_MS).unref()
    },
    flush,
    flushSync() {
      pass()
      output.flushSync()
    },
  }
}
