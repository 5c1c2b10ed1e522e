import { mkdirSync, statSync } from 'node:fs'
import { dirname } from 'node:path'

/**
 * Makes the folder, and those above it that are missing, with `mode`; what is there already is left as it is. Node's own `recursive`
 * never returns below a folder in which the system makes none, such as /proc.
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
    // Systems differ in how they refuse what exists.
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
