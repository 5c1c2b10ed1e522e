import { basename, dirname, join, relative } from 'node:path'
import { packageFolder } from '../config/package.ts'

/**
 * How the user runs this program, as the first words of a command that works where the user is: `hookbridge`,
 * `npx hookbridge`, or `node` and a path. `script` is what was run, as `process.argv[1]` has it.
 */
export function commandName(script: string, cwd: string): string {
  if (dirname(script).endsWith(join('node_modules', '.bin'))) return 'npx hookbridge'
  if (basename(script) === 'hookbridge') return 'hookbridge'
  if (!relative(packageFolder, cwd).startsWith('..')) return 'npx hookbridge'
  return `node ${shellWord(script)}`
}

/**
 * Errors and hints name commands as "hookbridge COMMAND", in quotes or backquotes. This replaces them by the way in which the user
 * runs them.
 */
export function asRun(command: string, text: string): string {
  return text.replaceAll(/(["`])hookbridge (?=[a-z])/g, (_, quote: string) => `${quote}${command} `)
}

/** A word that a shell does not interpret. */
export function shellWord(text: string): string {
  return /^[\w./:@%+,=-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
}
