import { readFileSync } from 'node:fs'
import { isPostgres } from '../../postgres-url/url.ts'
import type { Compared } from '../../store/copying/compare.ts'
import type { Copied, StoreCopy } from '../../store/copying/copy-store.ts'
import { StoreRefused, StoreUnavailable } from '../../store/store.ts'
import { type Context, type Define, fromHere } from '../context.ts'
import { reading } from '../named-file.ts'
import { progressLine } from '../terminal/progress.ts'
import { CommandError, print, printable, type Terminal } from '../terminal/terminal.ts'

export const defineMigrateStore: Define = (command, context) => {
  command
    .argument('<from>', 'the store to copy: sqlite:PATH or postgres://USER@HOST/DATABASE')
    .argument('<to>', 'the empty store to copy it to')
    .option('--dry-run', 'print what would be copied, and change nothing')
    .addHelpText(
      'after',
      `
In a URL, '\${NAME}' is replaced by the environment variable NAME, or by the
content of the file that the variable NAME_FILE names. Nothing is written to
<from>. If the command is interrupted, run it again: it continues where it
stopped.`,
    )
    .action(async (from: string, to: string, options: { dryRun?: boolean }) => {
      const [source, target] = [storeOf(context, from), storeOf(context, to)]
      try {
        if (options.dryRun === true) await dryRun(context.terminal, source)
        else await move(context.terminal, source, target)
      } catch (error) {
        throw withArguments(error)
      }
    })
}

async function dryRun(terminal: Terminal, from: string): Promise<void> {
  const { countRows } = await import('../../store/copying/copy-store.ts')
  for (const { table, rows } of await countRows(from)) print(terminal, `${table.padEnd(15)}${rows}`)
  print(terminal, 'nothing was changed')
}

async function move(terminal: Terminal, from: string, to: string): Promise<void> {
  const { StoreCopy } = await import('../../store/copying/copy-store.ts')
  const interruption = onInterruption()
  try {
    const copy = await StoreCopy.open(from, to)
    try {
      report(terminal, await run(terminal, copy, interruption.happened))
    } finally {
      await copy.close()
    }
  } finally {
    interruption.ignore()
  }
}

async function run(terminal: Terminal, copy: StoreCopy, stopped: () => boolean): Promise<Copied> {
  const progress = progressLine(terminal)
  try {
    return await copy.run({
      stopped,
      progress: ({ phase, table, done, total }) =>
        progress({ work: `${phase === 'copy' ? 'copying' : 'comparing'} ${table}`, phase, done, total }),
    })
  } catch (error) {
    if (!(error instanceof StoreUnavailable)) throw error
    throw new StoreUnavailable(`${error.message}; run this again, and it continues where it stopped`, {
      cause: error,
    })
  } finally {
    progress(null)
  }
}

function report(terminal: Terminal, copied: Copied): void {
  if (copied.kind === 'stopped')
    throw new CommandError(
      'stopped; run the same command again to continue where it stopped. Until it has finished, <to> cannot be used',
    )
  for (const compared of copied.tables) print(terminal, lineOf(compared))
  if (copied.kind === 'different') {
    const places = copied.tables.filter(({ differing }) => differing.length > 0).map(keysOf)
    throw new CommandError(
      `the stores differ: ${printable(places.join('; '))}. Was <from> changed meanwhile? Begin again with an empty <to>`,
    )
  }
  print(terminal, 'Everything was moved. Now set store.url to the new store, and start the service.')
}

function lineOf({ table, rows, targetRows, sha256, targetSha256 }: Compared): string {
  const equal = sha256 === targetSha256 ? 'equal' : `DIFFERENT from the copy (${targetRows} rows)`
  return `${table.padEnd(15)}${String(rows).padStart(10)} rows  sha256 ${sha256.slice(0, 16)}  ${equal}`
}

function keysOf({ table, differing }: Compared): string {
  return `${table} ${differing.join(', ')}`
}

/** The error messages of a store name the setting that its URL usually comes from. */
function withArguments(error: unknown): unknown {
  if (!(error instanceof StoreRefused || error instanceof StoreUnavailable)) return error
  return new CommandError(printable(error.message.replaceAll('store.url', 'the URL')))
}

/**
 * Replaces `${NAME}` as in the configuration, so that a password need not appear in the list of processes. Paths are relative to
 * the working directory.
 */
function storeOf(context: Context, text: string): string {
  const { env } = context.terminal
  const url = text.replace(/\$\{(\w+)\}/g, (_, name: string) => {
    const file = env[`${name}_FILE`]
    const value = env[name] ?? (file === undefined ? undefined : contentOf(fromHere(context, file)))
    if (value === undefined) throw new CommandError(`neither ${name} nor ${name}_FILE is set`, 2)
    return value
  })
  if (isPostgres(url)) return url
  const [, path] = /^sqlite:(.+)$/s.exec(url) ?? []
  if (path === undefined || path === ':memory:')
    throw new CommandError('a store is sqlite:PATH or postgres://USER@HOST/DATABASE', 2)
  return `sqlite:${fromHere(context, path)}`
}

function contentOf(file: string): string {
  return reading(file, () => readFileSync(file, 'utf8').replace(/\r?\n$/, ''))
}

/** At the first SIGINT or SIGTERM, the batch that is being written is finished; the second one ends the process. */
function onInterruption(): { readonly happened: () => boolean; readonly ignore: () => void } {
  let happened = false
  const listener = () => {
    happened = true
    ignore()
  }
  const ignore = () => void process.off('SIGINT', listener).off('SIGTERM', listener)
  process.on('SIGINT', listener).on('SIGTERM', listener)
  return { happened: () => happened, ignore }
}
