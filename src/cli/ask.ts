import { createInterface } from 'node:readline/promises'
import type { Terminal } from './terminal.ts'

/** Whether the input is a terminal, so that a person can answer. */
export function canAsk(terminal: Terminal): boolean {
  return terminal.in?.isTTY === true && terminal.err.isTTY === true
}

/** Asks a yes-or-no question; anything but yes is no, and so is the end of the input. */
export async function confirm(terminal: Terminal, question: string): Promise<boolean> {
  const lines = createInterface({ input: terminal.in ?? process.stdin })
  try {
    terminal.err.write(`${question} [y/N] `)
    const ended = new Promise<string>((resolve) => lines.once('close', () => resolve('')))
    const answer = await Promise.race([lines.question(''), ended])
    return /^(y|yes)$/i.test(answer.trim())
  } finally {
    lines.close()
  }
}
