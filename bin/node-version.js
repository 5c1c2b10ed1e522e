/** Which Node this needs. Plain JavaScript that old ones read too: it is for them. */
import { readFileSync } from 'node:fs'

const manifest = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))
// A checkout brings its own Node, and makes no demand of the one that runs npm; a package does.
const { node: range } = manifest.engines || { node: manifest.devEngines.runtime.version }
const OLDEST_MAJOR = Number.parseInt(range.replace('>=', ''), 10)

/** @param {string} version as `process.versions.node` has it */
export function isTooOld(version) {
  return Number.parseInt(version, 10) < OLDEST_MAJOR
}

export const requirement = `hookbridge needs Node.js ${OLDEST_MAJOR} or newer, and this is ${process.versions.node} (${process.execPath}): see https://nodejs.org/en/download`

/** Fails with the sentence alone: where in this file it failed helps nobody. */
export function requireNode() {
  if (!isTooOld(process.versions.node)) return
  const error = new Error(requirement)
  error.stack = `Error: ${requirement}`
  throw error
}
