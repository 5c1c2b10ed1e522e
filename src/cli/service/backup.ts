import { loadStoreUrl } from '../../config/part.ts'
import { formatProblem } from '../../config/problem.ts'
import { backUp, type Contents, restore } from '../../store/backup.ts'
import { type Context, type Define, fromHere } from '../context.ts'
import { progressBar } from '../terminal/progress.ts'
import { CommandError, print, printable } from '../terminal/terminal.ts'

export const defineBackup: Define = (command, context) => {
  command
    .argument('<file>', 'the file to write')
    .option('--force', 'replace the file if it exists')
    .action((file: string, options: { force?: boolean }) => backup(context, file, options.force === true))
}

export const defineRestore: Define = (command, context) => {
  command
    .argument('<file>', 'the backup to restore')
    .option('--force', 'move the current store aside first')
    .option(
      '--incomplete',
      'accept a copy without its write-ahead log; changes that are only in the log are lost',
    )
    .action((file: string, options: { force?: boolean; incomplete?: boolean }) => {
      const { terminal } = context
      const { force: replace = false, incomplete = false } = options
      const { movedTo, ...contents } = restore(storeUrl(context), fromHere(context, file), {
        replace,
        incomplete,
      })
      print(terminal, printable(`restored ${described(contents)}`))
      if (movedTo !== null) print(terminal, printable(`the store that was there is now ${movedTo}`))
      if (contents.waiting > 0) {
        const count = contents.waiting === 1 ? '1 message' : `${contents.waiting} messages`
        print(
          terminal,
          `${count} will be sent after the start, even if already delivered after the backup was made`,
        )
      }
    })
}

async function backup(context: Context, name: string, replace: boolean): Promise<void> {
  const { terminal } = context
  const file = fromHere(context, name)
  const progress = progressBar(terminal)
  try {
    const contents = await backUp(storeUrl(context), file, { replace, progress })
    progress(null)
    print(terminal, printable(`${file}: ${described(contents)}, checked`))
  } finally {
    progress(null)
  }
}

function described({ events, newest, waiting, bytes }: Contents): string {
  const last = newest === null ? '' : `, the newest of ${new Date(newest).toISOString()}`
  return `${events} ${events === 1 ? 'event' : 'events'}${last}, ${waiting} waiting ${waiting === 1 ? 'message' : 'messages'}, ${(bytes / 2 ** 20).toFixed(1)} MB`
}

/** Only needs store.url, so that it works even with a broken configuration. */
function storeUrl({ file, terminal }: Context): string {
  const url = loadStoreUrl(file(), terminal.env)
  if (!url.ok) throw new CommandError(url.problems.map(formatProblem).join('\n'))
  return url.url
}
