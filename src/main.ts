#!/usr/bin/env node
import { enableCompileCache } from 'node:module'

// Keeps what Node makes of our sources between starts: later starts need not strip and compile them again.
enableCompileCache()
const { run } = await import('./cli/cli.ts')

// A reader that has seen enough, as in `hookbridge events | head`, is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  process.exit(0)
})

process.exit(
  await run(process.argv.slice(2), {
    out: process.stdout,
    err: process.stderr,
    env: process.env,
    cwd: process.cwd(),
  }),
)
