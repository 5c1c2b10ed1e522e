import { resolve } from 'node:path'
import { isThere } from '../files/presence.ts'
import type { Terminal } from './terminal/terminal.ts'

/** Where a configuration is looked for that is not named. */
export const usualFiles = ['config.yaml', '/etc/hookbridge/config.yaml'] as const

/** The configuration that a command uses: the one that is named, or the first of the usual ones that is there. */
export function configFile(
  { env, cwd }: Pick<Terminal, 'env' | 'cwd'>,
  named: string | undefined,
  exists: (path: string) => boolean = isThere,
): string {
  const wanted = named ?? (env.HOOKBRIDGE_CONFIG || undefined)
  if (wanted !== undefined) return resolve(cwd, wanted)
  const closed: string[] = []
  for (const path of usualFiles.map((file) => resolve(cwd, file))) {
    try {
      if (exists(path)) return path
    } catch {
      closed.push(path)
    }
  }
  // Reading it says why. The last one is that of the service; a command may well be run in a folder that is closed to its user.
  return closed.at(-1) ?? resolve(cwd, usualFiles[0])
}
