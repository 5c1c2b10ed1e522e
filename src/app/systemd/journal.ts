/** The log for journald: each line begins with its priority, which journald removes (sd-daemon(3)). */
import { fstatSync } from 'node:fs'
import type { DestinationStream } from 'pino'

/** Whether a descriptor leads to the journal: systemd names the journal's device and inode. */
export function isJournal({ JOURNAL_STREAM: named }: NodeJS.ProcessEnv, fd: number): boolean {
  if (!named) return false
  const { dev, ino } = fstatSync(fd, { bigint: true })
  return named === `${dev}:${ino}`
}

interface Lines {
  write(line: string): unknown
  flush(done: () => void): void
}

/** For `journalctl -p err`. `journalctl -o cat` still shows plain JSON. */
export function withPriorities(lines: Lines): DestinationStream & Lines {
  const stream = {
    // pino then sets lastLevel before it writes a line.
    [Symbol.for('pino.metadata')]: true,
    lastLevel: 0,
    write: (line: string) => lines.write(`<${priorityOf(stream.lastLevel)}>${line}`),
    flush: (done: () => void) => lines.flush(done),
  }
  return stream
}

/** Syslog's priority, from 7 (debug) to 2 (critical). */
function priorityOf(level: number): number {
  if (level >= 60) return 2
  if (level >= 50) return 3
  if (level >= 40) return 4
  return level >= 30 ? 6 : 7
}
