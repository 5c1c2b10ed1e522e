/** Files that the user names: if a command cannot use one, it says why, and what to do. */
import { type Remedy, wordsFor } from '../files/failure.ts'
import { CommandError, type ExitCode, printable } from './terminal/terminal.ts'

const readable: Remedy = {
  use: 'read',
  rename: 'name another file',
  permit: 'make it readable, or run this as a user who may',
}
const writable: Remedy = { use: 'write', rename: 'name another one', permit: 'name another one' }

/** Returns what `read` returns, which reads the file at `path`. */
export function reading<T>(path: string, read: () => T, exitCode: ExitCode = 1): T {
  return inWords(path, readable, read, exitCode)
}

/** Returns what `write` returns, which writes the file at `path`, or creates its folder. */
export function writing<T>(path: string, write: () => T): T {
  return inWords(path, writable, write, 1)
}

function inWords<T>(path: string, remedy: Remedy, work: () => T, exitCode: ExitCode): T {
  try {
    return work()
  } catch (error) {
    const words = wordsFor(error, path, remedy)
    throw words === null ? error : new CommandError(printable(words), exitCode)
  }
}
