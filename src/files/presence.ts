import { statSync } from 'node:fs'

/** Whether something is there. Throws where this user may not find out, which `existsSync` takes for an absence. */
export function isThere(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined
}
