/** Hashes of the files of a configuration when it was read, so that a change to any of them can be noticed. */
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { relative, resolve } from 'node:path'

/** By path: every file and folder that was read, and those that were looked for but not found. */
export type Fingerprints = ReadonlyMap<string, string>

/** Called with the path of each file and folder before it is read. */
export type Note = (path: string) => void

// Files of a configuration must be smaller; a larger one is identified by its size and time.
const LARGEST_READ = 4_194_304

/** Hashes files before they are read, so that a change while they are read is noticed later. */
export function fingerprints(): { readonly files: Fingerprints; readonly note: Note } {
  const files = new Map<string, string>()
  return {
    files,
    note: (path) => {
      if (!files.has(path)) files.set(path, fingerprint(path))
    },
  }
}

/** A hash of the file's content, or of the visible names in the folder. Never throws. */
export function fingerprint(path: string): string {
  try {
    const stats = statSync(path, { bigint: true })
    // Distinguishes an empty folder from an empty file.
    if (stats.isDirectory()) return `folder ${hash(visibleNames(path).join('\0'))}`
    // A pipe or a device could block the reader forever.
    if (!stats.isFile()) return 'not a regular file'
    const { size, mtimeNs } = stats
    return size > LARGEST_READ ? `${size} bytes, ${mtimeNs}` : hash(readFileSync(path))
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : 'unknown error'
  }
}

/** The names in a folder without hidden ones, sorted. Throws if it is not a folder, or cannot be read. */
export function visibleNames(folder: string): string[] {
  return readdirSync(folder)
    .filter((name) => !name.startsWith('.'))
    .sort()
}

const SHORT = 12

/**
 * A short hash that identifies a configuration: its value as written, whatever its path, and the files in its
 * `folder` of templates, whatever its path. Files of secrets and variables are not part of it.
 */
export function shortFingerprint(written: unknown, files: Fingerprints, folder: string | undefined): string {
  const parts = [...files]
    .filter(([path]) => folder !== undefined && isWithin(folder, path))
    .map(([path, content]) => `${relative(folder ?? '', path)}\0${content}\n`)
  const value = JSON.stringify(written)
  return createHash('sha256')
    .update([value, ...parts.sort()].join('\n'))
    .digest('hex')
    .slice(0, SHORT)
}

function isWithin(folder: string, path: string): boolean {
  return resolve(path) === resolve(folder) || !relative(folder, path).startsWith('..')
}

function hash(content: string | Buffer): string {
  return createHash('sha256').update(content).digest('base64')
}
