/** Shows the progress of long work, on standard error if that is a terminal. */
import type { Terminal } from './terminal.ts'

const BAR = 30

/** Draws how much is done, of 1; null takes the bar away. */
export function progressBar({ err }: Terminal): (done: number | null) => void {
  let drawn = -1
  return (done) => {
    if (err.isTTY !== true) return
    const filled = done === null ? -1 : Math.floor(Math.min(Math.max(done, 0), 1) * BAR)
    if (filled === drawn) return
    drawn = filled
    err.write(filled === -1 ? '\r\u001b[K' : `\r${'█'.repeat(filled)}${'░'.repeat(BAR - filled)}`)
  }
}

/** The same where the total is not known: a growing number. Less than a page is not shown. */
export function progressCount({ err }: Terminal, what: string): (done: number | null) => void {
  let drawn = false
  return (done) => {
    if (err.isTTY !== true || (done === null && !drawn)) return
    drawn = done !== null
    err.write(done === null ? '\r\u001b[K' : `\r${done} ${what}…`)
  }
}

const BATCH = 500

/** Does work in batches, so that other processes can write between them, with a bar if there are several. Returns all results. */
export async function inBatches<Item, Result>(
  terminal: Terminal,
  items: readonly Item[],
  work: (batch: readonly Item[]) => Promise<readonly Result[]>,
): Promise<readonly Result[]> {
  const bar = progressBar(terminal)
  const results: Result[] = []
  for (let at = 0; at < items.length; at += BATCH) {
    if (items.length > BATCH) bar(at / items.length)
    results.push(...(await work(items.slice(at, at + BATCH))))
  }
  bar(null)
  return results
}
