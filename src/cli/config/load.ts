import type { CompiledConfig } from '../../config/compiled.ts'
import { type Loaded, loadConfig } from '../../config/load.ts'
import { type Context, problemLine, summary } from '../context.ts'
import { CommandError, type ExitCode } from '../terminal/terminal.ts'

/** Loads the configuration, or fails with every problem it has. Leaves warnings to `check`, `doctor` and `serve`. */
export function load(context: Context): CompiledConfig {
  return loadWithWarnings(context).compiled
}

/** The same, with the warnings. */
export function loadWithWarnings(
  { terminal, file }: Context,
  exitCode: ExitCode = 1,
): Extract<Loaded, { ok: true }> {
  const loaded = loadConfig(file(), terminal.env)
  if (loaded.ok) return loaded
  for (const problem of loaded.problems) terminal.err.write(`${problemLine(terminal, problem)}\n`)
  throw new CommandError(summary(loaded.problems), exitCode)
}
