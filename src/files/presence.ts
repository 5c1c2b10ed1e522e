import { statSync } from 'node:fs'

/** Whether the path exists. Throws if this user has no permission to find out, for which `existsSync` returns false. */
export function isThere(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined
}
