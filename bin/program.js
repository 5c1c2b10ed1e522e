/** Finds the program: in a checkout it is the sources, in a package the bundle that was made of them. */
import { existsSync, readFileSync } from 'node:fs'
import * as nodeModule from 'node:module'
import { fileURLToPath } from 'node:url'

const sources = new URL('../src/', import.meta.url)

/** @param {string} name @returns {string} the URL of one of the program's modules */
export function moduleUrl(name) {
  if (!existsSync(sources)) return new URL(`../dist/${name}.js`, import.meta.url).href
  if (sources.pathname.includes('/node_modules/')) stripTypesHere()
  return new URL(`${name}.ts`, sources).href
}

/**
 * Installed from git, the sources are in node_modules, where Node strips no types unless it is asked to. npm cannot build
 * them at that point: with --global it installs no packages before it runs `prepare`, and leaves a broken link.
 */
function stripTypesHere() {
  nodeModule.registerHooks({
    load(url, context, nextLoad) {
      if (!url.startsWith(sources.href) || !url.endsWith('.ts')) return nextLoad(url, context)
      const source = withoutWarning(() =>
        nodeModule.stripTypeScriptTypes(readFileSync(fileURLToPath(url), 'utf8')),
      )
      return { format: 'module', source, shortCircuit: true }
    },
  })
}

/**
 * Node warns that the function may change, which is nothing that a user can act on.
 * @template T
 * @param {() => T} action
 * @returns {T}
 */
function withoutWarning(action) {
  const { emitWarning } = process
  process.emitWarning = () => {}
  try {
    return action()
  } finally {
    process.emitWarning = emitWarning
  }
}
