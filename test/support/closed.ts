import { chmodSync, statSync } from 'node:fs'

/** Of Debian and most other systems. */
const NOBODY = 65_534

/**
 * What `work` returns while this process may neither read nor enter the folder or file. Root may do anything, and is nobody meanwhile,
 * though not for access(2), which asks for the real user: modules that are loaded only then must be readable for everyone, or
 * loaded before.
 */
export async function whileClosed<T>(path: string, work: () => T | Promise<T>): Promise<T> {
  const { mode } = statSync(path)
  const user = process.geteuid?.()
  chmodSync(path, 0)
  if (user === 0) process.seteuid?.(NOBODY)
  try {
    return await work()
  } finally {
    if (user === 0) process.seteuid?.(0)
    chmodSync(path, mode)
  }
}
