/** Shows the progress of long work, on standard error if that is a terminal. */
import type { Terminal } from './terminal.ts'

const BAR = 30

/** Draws the share that is done, from 0 to 1; null removes the bar. */
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

/** The same if the total is not known: a growing number, which is shown only from a page on. */
export function progressCount({ err }: Terminal, what: string): (done: number | null) => void {
  let drawn = false
  return (done) => {
    if (err.isTTY !== true || (done === null && !drawn)) return
    drawn = done !== null
    err.write(done === null ? '\r\u001b[K' : `\r${done} ${what}…`)
  }
}

export interface Progress {
  /** What is being done now. */
  readonly work: string
  /** The speed is that of the current phase. */
  readonly phase: string
  readonly done: number
  readonly total: number
}

const SHORT_BAR = 24
const DRAW_EVERY_MS = 100

/**
 * For work of minutes: a bar that shows what is being done, how fast, and how long it will take. If the output is not a terminal, a
 * line for each kind of work, and each tenth of it. null removes the bar.
 */
export function progressLine({ err }: Terminal): (progress: Progress | null) => void {
  let [phase, beganAt, doneBefore, drawnAt, printed] = ['', 0, 0, 0, '']
  return (progress) => {
    if (progress === null) return void (err.isTTY === true && err.write('\r\u001b[K'))
    const { work, done, total } = progress
    const now = performance.now()
    if (progress.phase !== phase) [phase, beganAt, doneBefore] = [progress.phase, now, done]
    const percent = Math.floor(Math.min(done / Math.max(total, 1), 1) * 100)
    if (err.isTTY !== true) {
      const line = `${work}, ${Math.floor(percent / 10) * 10} % done\n`
      if (line !== printed) err.write(line)
      printed = line
      return
    }
    if (now - drawnAt < DRAW_EVERY_MS) return
    drawnAt = now
    const rate = ((done - doneBefore) / Math.max(now - beganAt, 1)) * 1_000
    const left = rate > 0 ? `, ${durationOf((total - done) / rate)} left` : ''
    const filled = Math.floor((percent / 100) * SHORT_BAR)
    const bar = '█'.repeat(filled) + '░'.repeat(SHORT_BAR - filled)
    err.write(`\r\u001b[K${bar} ${percent} % ${work}, ${Math.round(rate)}/s${left}`)
  }
}

function durationOf(seconds: number): string {
  return seconds < 90 ? `${Math.ceil(Math.max(seconds, 0))} s` : `${Math.ceil(seconds / 60)} min`
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
