/** What programs import. A Node that is too old for what is behind it can load this file, and fails with a sentence. */
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { requireNode } from './node-version.js'
import { moduleUrl } from './program.js'

requireNode()

export const { ConfigurationError, checkConfig, formatProblem, startService } = createRequire(
  import.meta.url,
)(fileURLToPath(moduleUrl('index')))
