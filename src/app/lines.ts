/** Lines of the log on their way to a file: many are written at once, since a system call each is dear under load. */

/** Keeps what it is given until that is MANY, or it is asked to write it. */
interface Destination {
  write(text: string): unknown
  flush(done: () => void): void
  flushSync(): void
}

export interface Lines {
  write(line: string): void
  /** Calls back when all of it is written. */
  flush(done: () => void): void
  /** For the end of the process, when nothing can be waited for. */
  flushSync(): void
}

/** Characters that are worth a system call. */
export const MANY = 16_000
/** Milliseconds that a line waits for others at the most. */
const SOON = 100

export function gather(destination: Destination): Lines {
  // Joined once: a text that grows line by line is copied with each.
  let lines: string[] = []
  let length = 0
  let timer: NodeJS.Timeout | undefined

  function pass(): void {
    clearTimeout(timer)
    timer = undefined
    if (lines.length === 0) return
    const text = lines.join('')
    lines = []
    length = 0
    destination.write(text)
  }

  function flush(done: () => void = () => {}): void {
    pass()
    destination.flush(done)
  }

  return {
    write(line) {
      lines.push(line)
      length += line.length
      if (length >= MANY) pass()
      else timer ??= setTimeout(flush, SOON).unref()
    },
    flush,
    flushSync() {
      pass()
      destination.flushSync()
    },
  }
}
