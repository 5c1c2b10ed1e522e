/** Questions to a person at a terminal. */
import { createInterface } from 'node:readline/promises'
import { Writable } from 'node:stream'
import type { Terminal } from './terminal.ts'

/** Whether the input is a terminal, so that a person can answer. */
export function canAsk(terminal: Terminal): boolean {
  return terminal.in?.isTTY === true && terminal.err.isTTY === true
}

export interface Questions {
  /** The answer without surrounding spaces; null if the input ended. */
  ask(question: string): Promise<string | null>
  /** The same, without showing the input. */
  askSecret(question: string): Promise<string | null>
  /** Any answer but yes means no, and so does the end of the input. */
  confirm(question: string): Promise<boolean>
}

/** Opens the input while `use` runs. */
export async function withQuestions<T>(
  { in: input = process.stdin, err, out }: Terminal,
  use: (questions: Questions) => Promise<T>,
): Promise<T> {
  let hidden = false
  const output = new Writable({
    write(chunk, _encoding, done) {
      if (hidden) done()
      else err.write(chunk, done)
    },
  })
  // Readline needs it to handle answers of several lines.
  Object.assign(output, { columns: out.columns })
  const lines = createInterface({ input, output, terminal: true, historySize: 0 })
  const ended = new Promise<null>((resolve) => lines.once('close', () => resolve(null)))
  lines.once('SIGINT', () => lines.close())
  const ask = async (question: string) =>
    (await Promise.race([lines.question(question), ended]))?.trim() ?? null
  try {
    return await use({
      ask,
      async askSecret(question) {
        err.write(question)
        hidden = true
        try {
          return await ask('')
        } finally {
          hidden = false
          err.write('\n')
        }
      },
      confirm: async (question) => /^(y|yes)$/i.test((await ask(`${question} [y/N] `)) ?? ''),
    })
  } finally {
    lines.close()
  }
}

/** Asks a single yes-or-no question. */
export function confirm(terminal: Terminal, question: string): Promise<boolean> {
  return withQuestions(terminal, (questions) => questions.confirm(question))
}
