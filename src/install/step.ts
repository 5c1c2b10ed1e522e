/** Single changes to a machine, each with the text to print before or after it. */
import {
  chmodSync,
  closeSync,
  fsyncSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { makeFolders } from '../files/folders.ts'
import type { Machine } from './machine.ts'

/** For each kind of change, the words before it is made, and after. */
export const verbs = {
  make: 'made',
  restrict: 'restricted',
  write: 'wrote',
  replace: 'replaced',
  remove: 'removed',
  run: 'ran',
} as const

export interface Step {
  readonly verb: keyof typeof verbs
  /** A path or a command, with a remark. */
  readonly what: string
  /** The lines that change, for a dry run. */
  readonly detail: readonly string[]
  readonly apply: () => void
}

/** Makes the folder if it is missing; removes permissions beyond `mode`. */
export function folder(path: string, mode: number, about: string): Step[] {
  const found = statSync(path, { throwIfNoEntry: false })
  const rights = octal(mode)
  if (found === undefined) {
    const apply = () => {
      makeFolders(path)
      chmodSync(path, mode)
    }
    return [{ verb: 'make', what: `${path} (${rights}: ${about})`, detail: [], apply }]
  }
  const has = found.mode & 0o777
  if ((has & ~mode) === 0) return []
  const what = `${path} to ${rights}: ${about} (it was ${octal(has)})`
  return [{ verb: 'restrict', what, detail: [], apply: () => chmodSync(path, mode) }]
}

/** Writes a file that everyone may read. `before`: its content, if it exists. `shown`: which lines of a new file to print. */
export function write(path: string, text: string, before?: string, shown?: RegExp): Step[] {
  if (before === text) return []
  const apply = () => writeWhole(path, text)
  if (before !== undefined) return [{ verb: 'replace', what: path, detail: changed(before, text), apply }]
  const detail = text.split('\n').flatMap((line) => (shown?.test(line) ? [`+ ${line}`] : []))
  return [{ verb: 'write', what: path, detail, apply }]
}

export function remove(path: string): Step {
  return { verb: 'remove', what: path, detail: [], apply: () => rmSync(path) }
}

export function systemctl(machine: Machine, ...args: readonly string[]): Step {
  const apply = () => void machine.systemctl(...args)
  return { verb: 'run', what: `systemctl ${args.join(' ')}`, detail: [], apply }
}

/** Atomic: another process, or a power cut, sees either the whole new file or the old one. */
function writeWhole(path: string, text: string): void {
  const next = join(dirname(path), `.${basename(path)}.${process.pid}`)
  try {
    const file = openSync(next, 'wx', 0o644)
    writeFileSync(file, text)
    fsyncSync(file)
    closeSync(file)
    chmodSync(next, 0o644)
    renameSync(next, path)
  } finally {
    rmSync(next, { force: true })
  }
}

function changed(before: string, after: string): string[] {
  const [old, next] = [before.split('\n'), after.split('\n')]
  return [
    ...old.filter((line) => !next.includes(line)).map((line) => `- ${line}`),
    ...next.filter((line) => !old.includes(line)).map((line) => `+ ${line}`),
  ]
}

function octal(mode: number): string {
  return `0${mode.toString(8)}`
}
