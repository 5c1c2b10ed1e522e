/** What senders import. A Node that is too old for what is behind it can load this file, and fails with a sentence. */
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { requireNode } from './node-version.js'
import { moduleUrl } from './program.js'

requireNode()

export const { signEvent } = createRequire(import.meta.url)(fileURLToPath(moduleUrl('signing')))
