/** The message of a command that ends with an unexpected exception. */
import { relative } from 'node:path'
import { packageFolder, packageVersion } from '../config/package.ts'
import { describeThrown } from '../core/text/thrown.ts'
import { printable } from './terminal/terminal.ts'

// Enough to show where it was thrown, without the frames of the argument parser.
const MOST_CALLS = 4

/** What went wrong, where, and what to do. `command`: the first word of the arguments. */
export function unexpected(error: unknown, command: string): string {
  // An error of the file system or a socket is not a bug in the program.
  if (error instanceof Error && 'syscall' in error) return printable(error.message)
  const calls = ownCalls(error)
  return [
    `unexpected error in ${printable(command)}: ${printable(describeThrown(error))}`,
    ...(calls.length > 0 ? [`  in ${calls.join(', from ')}`] : []),
    `This is a bug in Hookbridge ${packageVersion()} (Node.js ${process.version}). What the command did before this stays done.`,
    'Please report it with these lines and what you ran; "hookbridge config" prints the configuration without its secrets.',
  ].join('\n')
}

/** The calls within this package that led to it, the innermost first. */
function ownCalls(error: unknown): string[] {
  const stack = error instanceof Error ? (error.stack ?? '') : ''
  const lines = stack.split('\n').flatMap((line) => {
    const [, name = '', place = ''] =
      /^ +at (?:async )?(?:(.+) \()?(?:file:\/\/)?(\/[^)]+)\)?$/.exec(line) ?? []
    const path = relative(packageFolder, place)
    if (place === '' || /^(?:\.\.|node_modules)\//.test(path)) return []
    return [printable(name === '' ? path : `${name} (${path})`)]
  })
  return lines.slice(0, MOST_CALLS)
}
