/** Checks the store's folder and file, and changes nothing. */
import { constants } from 'node:fs'
import { access, open, stat, statfs, unlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { type Finding, fine, unknown, warning, wrong } from '../core/finding.ts'
import { classifySpace, classifySync } from '../core/machine.ts'
import { isForbidden } from '../files/failure.ts'
import { isThere } from '../files/presence.ts'
import { withoutPassword } from '../postgres-url/password.ts'
import { isPostgres } from '../postgres-url/url.ts'
import { checkDamage } from './damage.ts'
import { openStore, pathOf } from './open.ts'
import { StoreRefused, StoreUnavailable } from './store.ts'

const WRITES = 9
const WRITE_SIZE = 4_096
const FOR_OTHERS = 0o077

/**
 * All checks, including a few small writes to a temporary file in the store's folder, and for at most `limitMs` a search for
 * damage in the file.
 */
export async function checkStore(url: string, limitMs: number): Promise<readonly Finding[]> {
  if (isPostgres(url)) return [await checkOpening(url)]
  const path = pathOf(url)
  const opening = await checkOpening(url)
  // If it cannot be opened, nothing else can be checked.
  const damage = opening.level === 'fine' ? [await checkDamage(path, limitMs)] : []
  return [opening, ...damage, ...(await checkFolder(url)), await checkWrites(dirname(path))]
}

/** The cheap checks: free space, and the permissions of the files. */
export async function checkFolder(url: string): Promise<readonly Finding[]> {
  // Only `checkStore` connects to its server.
  if (isPostgres(url)) return []
  const path = pathOf(url)
  const folder = await nearestFolder(dirname(path))
  const { bavail, bsize, blocks } = await statfs(folder)
  return [classifySpace(bavail * bsize, blocks * bsize, folder), ...(await checkPermissions(path))]
}

async function checkOpening(url: string): Promise<Finding> {
  try {
    const store = await openStore(url, 'operator')
    await store.close()
    return fine('store_ok', `${nameOf(url)} opens, and its schema is current`)
  } catch (error) {
    if (error instanceof StoreRefused) return refused(error, nameOf(url))
    if (error instanceof StoreUnavailable) {
      if (isForbidden(error.cause))
        return wrong(
          'store_unreadable',
          error.message,
          'The service needs it, and may run as another user.',
          '',
        )
      return wrong(
        'store_unavailable',
        error.message,
        'Without it the service can neither accept events nor deliver them.',
        '',
      )
    }
    throw error
  }
}

function nameOf(url: string): string {
  return isPostgres(url) ? withoutPassword(url) : pathOf(url)
}

function refused({ reason, message }: StoreRefused, name: string): Finding {
  if (reason === 'missing') {
    return unknown(
      'store_missing',
      `there is no store at ${name} yet`,
      '',
      '"hookbridge serve" creates it; if there should be one, correct store.url',
    )
  }
  const finding = reason === 'older_schema' ? warning : wrong
  return finding('store_refused', message, '', '')
}

async function checkPermissions(path: string): Promise<Finding[]> {
  const found = await Promise.all([path, `${path}-wal`].map(modeOf))
  const modes = found.filter((mode) => mode !== null)
  if (modes.length === 0) return []
  const open = modes.find((mode) => (mode & FOR_OTHERS) !== 0)
  if (open === undefined) return [fine('store_private', 'only its owner can read it')]
  return [
    warning(
      'store_readable',
      `other users of this machine can open the store (mode ${(open & 0o777).toString(8)})`,
      'It holds whole events, and the addresses that messages go to.',
      `chmod 600 ${path}*`,
    ),
  ]
}

/** Null for a file that does not exist or may not be inspected: opening it reports that. */
async function modeOf(path: string): Promise<number | null> {
  try {
    return (await stat(path)).mode
  } catch {
    return null
  }
}

async function checkWrites(folder: string): Promise<Finding> {
  const path = join(folder, `.hookbridge-doctor-${process.pid}-${Date.now()}`)
  try {
    if (!isThere(folder)) return checkMissing(folder)
    return classifySync(await timeWrites(path))
  } catch (error) {
    const words = error instanceof Error ? error.message : String(error)
    return wrong(
      'store_not_writable',
      `a file in ${folder} cannot be written: ${words}`,
      'If the service runs as this user, it cannot accept events.',
      "free some space, or make the service's user the owner of the folder (chown)",
    )
  } finally {
    await unlink(path).catch(() => {})
  }
}

async function checkMissing(folder: string): Promise<Finding> {
  const above = await nearestFolder(folder)
  try {
    await access(above, constants.W_OK)
    const summary = `the speed of the disk cannot be measured: there is no folder ${folder} yet`
    return unknown('disk_sync_unknown', summary, '', '')
  } catch {
    const hint = `create the folder with the service's user as its owner, or correct store.url`
    const summary = `there is no folder ${folder}, and this user cannot create it in ${above}`
    return wrong('store_folder_missing', summary, '', hint)
  }
}

/** Like a commit of the store: an append, and a wait until it is on disk. */
async function timeWrites(path: string): Promise<number[]> {
  const file = await open(path, 'ax', 0o600)
  try {
    const times: number[] = []
    const page = Buffer.alloc(WRITE_SIZE)
    for (let count = 0; count < WRITES; count++) {
      const before = performance.now()
      await file.write(page)
      await file.datasync()
      times.push(performance.now() - before)
    }
    return times
  } finally {
    await file.close()
  }
}

/** The folder, or the closest one above it that exists and that this user can see. */
async function nearestFolder(folder: string): Promise<string> {
  try {
    await access(folder, constants.F_OK)
    return folder
  } catch (error) {
    const above = dirname(folder)
    if (above === folder) throw error
    return nearestFolder(above)
  }
}
