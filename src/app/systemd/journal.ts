/** The log as journald likes it: with a priority before each line, which it takes off again (sd-daemon(3)). */
import { fstatSync } from 'node:fs'
import type { DestinationStream } from 'pino'

/** Whether what is written there goes to the journal: systemd says which file that is. */
export function isJournal({ JOURNAL_STREAM: named }: NodeJS.ProcessEnv, fd: number): boolean {
  if (!named) return false
  const { dev, ino } = fstatSync(fd, { bigint: true })
  return named === `${dev}:${ino}`
}

interface Lines {
  write(line: string): unknown
  flush(done: () => void): void
}

/** `journalctl -p err` then finds the errors, and `-o cat` shows the same JSON as anywhere. */
export function withPriorities(lines: Lines): DestinationStream & Lines {
  const stream = {
    // Tells pino to leave the level of each line here before it writes it.
    [Symbol.for('pino.metadata')]: true,
    lastLevel: 0,
    write: (line: string) => lines.write(`<${priorityOf(stream.lastLevel)}>${line}`),
    flush: (done: () => void) => lines.flush(done),
  }
  return stream
}

/** Syslog's, from 7 (debug) to 2 (critical). */
function priorityOf(level: number): number {
  if (level >= 60) return 2
  if (level >= 50) return 3
  if (level >= 40) return 4
  return level >= 30 ? 6 : 7
}
