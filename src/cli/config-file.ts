import { resolve } from 'node:path'
import { isThere } from '../files/presence.ts'
import type { Terminal } from './terminal.ts'

/** Where a configuration is looked for that is not named. */
export const usualFiles = ['config.yaml', '/etc/hookbridge/config.yaml'] as const

/** The configuration that a command uses: the one that is named, or the first of the usual ones that is there. */
export function configFile(
  { env, cwd }: Pick<Terminal, 'env' | 'cwd'>,
  named: string | undefined,
  exists: (path: string) => boolean = mayBeThere,
): string {
  const wanted = named ?? (env.HOOKBRIDGE_CONFIG || undefined)
  const usual = usualFiles.map((file) => resolve(cwd, file))
  return wanted === undefined ? (usual.find(exists) ?? resolve(cwd, usualFiles[0])) : resolve(cwd, wanted)
}

/** What cannot be looked at is not passed over: reading it says why. */
function mayBeThere(path: string): boolean {
  try {
    return isThere(path)
  } catch {
    return true
  }
}
