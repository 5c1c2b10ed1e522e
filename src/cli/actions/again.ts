/** Asks before messages that had been delivered are sent again. */
import { canAsk, confirm } from '../terminal/ask.ts'
import { CommandError, type Terminal } from '../terminal/terminal.ts'

// If only a few were named one by one, that is intended.
const FEW = 3

/** Fails if the answer is no, or if there are more than a few and no terminal to ask on. */
export async function confirmAgain(terminal: Terminal, again: number): Promise<void> {
  if (again <= FEW) return
  const what = `${again} messages that had been delivered would be sent again`
  if (!canAsk(terminal))
    throw new CommandError(`${what}; pass --yes to send them, or --dry-run to see which they are`)
  if (!(await confirm(terminal, `${what}. Go on?`))) throw new CommandError('nothing was sent again')
}
