import { mkdirSync, statSync } from 'node:fs'
import { dirname } from 'node:path'

/**
 * Creates the folder, and missing ones above it, with `mode`; existing folders are not changed. Node's own `recursive`
 * never returns below a folder in which none can be created, such as /proc.
 */
export function makeFolders(path: string, mode = 0o777): void {
  try {
    makeFolder(path, mode)
  } catch (error) {
    const above = dirname(path)
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT') || above === path) throw error
    makeFolders(above, mode)
    makeFolder(path, mode)
  }
}

function makeFolder(path: string, mode: number): void {
  try {
    mkdirSync(path, { mode })
  } catch (error) {
    // Systems report existing folders with different errors.
    if (!isFolder(path)) throw error
  }
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory()
  } catch {
    return false
  }
}
