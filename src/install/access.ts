/** Whether the service can read a file: it has no privileges, and does not see home directories and temporary files. */
import { realpathSync, statSync } from 'node:fs'
import { dirname, relative } from 'node:path'

const FOR_OTHERS = { read: 0o4, enter: 0o5, execute: 0o5 } as const

/** Folders that the unit cannot see, and the setting that hides them. */
const hidden = {
  '/home': 'ProtectHome=yes',
  '/root': 'ProtectHome=yes',
  '/run/user': 'ProtectHome=yes',
  '/tmp': 'PrivateTmp=yes',
  '/var/tmp': 'PrivateTmp=yes',
} as const

/** Why the service cannot read it, as the end of a sentence that begins with the path; `undefined` if it can. */
export function whyClosed(path: string, need: keyof typeof FOR_OTHERS): string | undefined {
  const real = realpathSync(path)
  const place = real === path ? '' : `leads to ${real}, which `
  for (const [folder, setting] of Object.entries(hidden))
    if (isWithin(folder, real)) return `${place}is in ${folder}, which the service does not see (${setting})`
  for (let above = dirname(real); above !== dirname(above); above = dirname(above))
    if (!allows(above, 0o1)) return `${place}is in ${above}, which only its owner may enter`
  return allows(real, FOR_OTHERS[need]) ? undefined : `${place}is not for everyone to ${need}`
}

function isWithin(folder: string, path: string): boolean {
  return !relative(realFolder(folder), path).startsWith('..')
}

/** /home is a symbolic link on some systems; the unit hides its target. */
function realFolder(folder: string): string {
  try {
    return realpathSync(folder)
  } catch {
    return folder
  }
}

function allows(path: string, bits: number): boolean {
  return (statSync(path).mode & bits) === bits
}
