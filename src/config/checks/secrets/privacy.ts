/** Whether other users of the machine can read files that contain secrets. */
import { statSync } from 'node:fs'
import { basename, dirname, resolve } from 'node:path'
import type { Env, Interpolated } from '../../file/interpolate.ts'
import { type Problem, quote, START, warning } from '../../problem.ts'
import { hasPlainSecret, isSecret } from './secrets.ts'

const OTHERS_READ = 0o004
const OTHERS_ENTER = 0o001
// Container engines and systemd put secrets there, with permissions that the operator does not choose.
const MANAGED = /^(?:\/var)?\/run\//

export function checkPrivacy(filled: Interpolated, env: Env): Problem[] {
  // In a pod, others may read volumes of secrets by default, but there are no other users.
  if (process.platform === 'win32' || env.KUBERNETES_SERVICE_HOST !== undefined) return []
  const { document, origins } = filled
  const ofFiles = origins.flatMap(({ path, written, file }) => {
    if (file === undefined || !isSecret(path) || MANAGED.test(resolve(file)) || !othersRead(file)) return []
    const message = `other users of this machine can read the file of ${written}`
    return [warning('readable_secret', document.file, document.at([...path, 'file']), message, toHide(file))]
  })
  if (!hasPlainSecret(filled) || !othersRead(document.file)) return ofFiles
  const message = `other users of this machine can read ${basename(document.file)}, which holds a secret`
  return [warning('readable_secret', document.file, START, message, toHide(document.file)), ...ofFiles]
}

function toHide(file: string): string {
  return `run: chmod o= ${/[^\w./-]/.test(file) ? quote(file) : file}`
}

/** Whether other users may read the file and enter each folder above it. */
function othersRead(file: string): boolean {
  try {
    const stats = statSync(file)
    if (!stats.isFile() || (stats.mode & OTHERS_READ) === 0) return false
    for (let folder = dirname(resolve(file)); ; folder = dirname(folder)) {
      if ((statSync(folder).mode & OTHERS_ENTER) === 0) return false
      if (folder === dirname(folder)) return true
    }
  } catch {
    // It was removed meanwhile, or is in a folder that this process may not enter.
    return false
  }
}
