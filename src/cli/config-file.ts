import { resolve } from 'node:path'
import { isThere } from '../files/presence.ts'
import type { Terminal } from './terminal/terminal.ts'

/** Where the configuration is looked for if none is given. */
export const usualFiles = ['config.yaml', '/etc/hookbridge/config.yaml'] as const

/** The configuration that a command uses: the one that is given, or the first of the usual ones that exists. */
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
  // Reading it reports why. The last one is the service's; a command may be run in a folder that its user cannot access.
  return closed.at(-1) ?? resolve(cwd, usualFiles[0])
}
