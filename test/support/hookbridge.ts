import { Readable, Writable } from 'node:stream'
import { run } from '../../src/cli/cli.ts'
import { environment } from './service.ts'

export type Run = typeof run

/**
 * Runs a command in this process; with `columns` it writes to a terminal of that width, and with `answer` somebody is
 * there who types it. With `run` it is that of another copy of the sources.
 */
export async function hookbridge(
  args: readonly string[],
  options: {
    cwd?: string
    env?: Record<string, string>
    columns?: number
    command?: string
    answer?: string
    run?: Run
  } = {},
) {
  const written = { out: '', err: '' }
  const stream = (name: 'out' | 'err') =>
    new Writable({
      write(chunk, _encoding, done) {
        written[name] += chunk
        done()
      },
    })
  const out = Object.assign(stream('out'), {
    isTTY: options.columns !== undefined,
    columns: options.columns ?? 80,
  })
  const code = await (options.run ?? run)(args, {
    out,
    err: Object.assign(stream('err'), { isTTY: options.columns !== undefined }),
    ...(options.answer !== undefined && {
      in: Object.assign(Readable.from([options.answer]), { isTTY: true }),
    }),
    env: { ...environment, ...options.env },
    cwd: options.cwd ?? '/nonexistent',
    command: options.command ?? 'hookbridge',
  })
  return { code, ...written }
}
