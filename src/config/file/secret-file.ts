/** Reads `{file: PATH}`: a systemd credential, a Docker secret, or a file beside the configuration. */
import { readFileSync, statSync } from 'node:fs'
import { isAbsolute, join, normalize } from 'node:path'
import type { Note } from './fingerprint.ts'
import { isUtf16 } from './utf16.ts'
import { withoutBraces } from './variable.ts'

interface Surroundings {
  /** The folder of the configuration. */
  readonly folder: string
  readonly env: Readonly<Record<string, string | undefined>>
  readonly note: Note
}

type ReadFile =
  /** Without its last line break. */
  | { readonly ok: true; readonly text: string; readonly path: string }
  | { readonly ok: false; readonly reason: string; readonly hint: string }

const LARGEST_FILE = 65_536
const RESTART = 'restart the service, since systemd passes credentials to it only at its start'
const LET_READ = 'make it readable for the user of the service'

/** The text of the first existing file among those that the name may mean. */
export function readSecretFile(name: string, { folder, env, note }: Surroundings): ReadFile {
  const paths = candidates(name, folder, env.CREDENTIALS_DIRECTORY)
  for (const path of paths) {
    note(path)
    const read = readText(path, paths.length > 1)
    if (read !== null) return read
  }
  return { ok: false, reason: 'does not exist', hint: toFind(name, paths.length > 1) }
}

function candidates(name: string, folder: string, credentials: string | undefined): string[] {
  if (isAbsolute(name)) return [name]
  if (!credentials) return [join(folder, name)]
  // The name that systemd gives to files of a folder in LoadCredential=.
  const flat = normalize(name).replaceAll('/', '_')
  return [...new Set([join(credentials, name), join(credentials, flat), join(folder, name)])]
}

/** Null if there is no such file. */
function readText(path: string, mayBeCredential: boolean): ReadFile | null {
  const unreadable = (reason: string, hint: string) => ({ ok: false, reason, hint }) as const
  try {
    // A pipe or a device could block the loader forever.
    const stats = statSync(path)
    if (!stats.isFile()) return unreadable('is not a regular file', 'use a file')
    if (stats.size > LARGEST_FILE) return unreadable('is larger than 64 kB', 'use a file with a single value')
    const bytes = readFileSync(path)
    if (isUtf16(bytes))
      return unreadable('is UTF-16', 'save it as UTF-8; in PowerShell with Set-Content -Encoding utf8')
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    return { ok: true, text: text.replace(/\r?\n$/, ''), path }
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (code === 'ENOENT' || code === 'ENOTDIR') return null
    if (code === 'ERR_ENCODING_INVALID_ENCODED_DATA')
      return unreadable('is not valid UTF-8', 'store it as text')
    return unreadable(
      `cannot be read (${String(code)})`,
      mayBeCredential ? `${RESTART}, or ${LET_READ}` : LET_READ,
    )
  }
}

function toFind(name: string, mayBeCredential: boolean): string {
  if (name.startsWith('~')) return 'write the full path: ~ is not expanded'
  const [variable] = withoutBraces(name)
  if (variable !== undefined) return `write \${${variable}}`
  return mayBeCredential
    ? 'put it into $CREDENTIALS_DIRECTORY or beside the configuration'
    : 'create it; a relative path is looked up in $CREDENTIALS_DIRECTORY, then beside the configuration'
}
