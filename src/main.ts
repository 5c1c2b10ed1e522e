import { enableCompileCache } from 'node:module'

// Caches the compiled sources: later starts need not strip the types and compile them again.
enableCompileCache()
const { run } = await import('./cli/cli.ts')
const { commandName } = await import('./cli/command-name.ts')

// A closed pipe, as in `hookbridge events | head`, is not an error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  process.exit(0)
})

const code = await run(process.argv.slice(2), {
  out: process.stdout,
  err: process.stderr,
  // Opened by the few commands that ask questions.
  get in() {
    return process.stdin
  },
  env: process.env,
  cwd: process.cwd(),
  command: commandName(process.argv[1] ?? '', process.cwd()),
})
// A pipe holds only 64 KiB: further output that is not read yet would be lost when the process exits.
const taken = (stream: NodeJS.WriteStream) =>
  new Promise<void>((resolve) => stream.write('', () => resolve()))
await Promise.all([taken(process.stdout), taken(process.stderr)])
process.exit(code)
