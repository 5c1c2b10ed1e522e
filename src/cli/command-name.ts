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

/** A word that a shell takes as it is. */
export function shellWord(text: string): string {
  return /^[\w./:@%+,=-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
}
