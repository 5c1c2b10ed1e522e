#!/usr/bin/env node
/** The command, from a checkout and installed alike. Plain JavaScript, so that a Node that is too old can say so. */
import { spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { constants } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { isTooOld, requirement } from './node-version.js'
import { moduleUrl } from './program.js'

const BAD_USAGE = 2

const root = fileURLToPath(new URL('..', import.meta.url))
if (isBareCheckout()) fail(`hookbridge has no packages yet: run npm ci in ${root}`)
else if (isTooOld(process.versions.node)) runOn(pinnedNode())
else await import(moduleUrl('main'))

/** `npm ci` brings the packages, and a Node that is new enough. */
function isBareCheckout() {
  return existsSync(join(root, 'package-lock.json')) && !existsSync(join(root, 'node_modules'))
}

/** The Node that npm installed beside the other packages, where it did. */
function pinnedNode() {
  try {
    const manifest = createRequire(import.meta.url).resolve('node/package.json')
    const { version } = JSON.parse(readFileSync(manifest, 'utf8'))
    const node = join(dirname(manifest), 'bin/node')
    return existsSync(node) && !isTooOld(version) ? node : undefined
  } catch {
    return undefined
  }
}

/** @param {string | undefined} node */
function runOn(node) {
  if (node === undefined) return fail(requirement)
  const child = spawn(node, process.argv.slice(1), { stdio: 'inherit' })
  for (const signal of /** @type {const} */ (['SIGTERM', 'SIGINT', 'SIGHUP']))
    process.on(signal, () => child.kill(signal))
  child.once('error', () => fail(requirement))
  child.once('exit', (code, signal) => {
    process.exitCode = signal === null ? (code ?? 1) : 128 + constants.signals[signal]
  })
}

/** @param {string} why */
function fail(why) {
  console.error(why)
  process.exitCode = BAD_USAGE
}
