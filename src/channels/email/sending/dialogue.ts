/** Which command the mail server is answering. Nodemailer does not report that if the connection drops during a reply. */
import type { Step } from './replies/reply.ts'

const STEPS: readonly (readonly [verb: string, Step])[] = [
  ['EHLO', 'hello'],
  ['HELO', 'hello'],
  ['STARTTLS', 'starttls'],
  ['AUTH', 'auth'],
  ['MAIL FROM', 'mail'],
  ['RCPT TO', 'rcpt'],
  ['DATA', 'data'],
]

/** Null if the line starts none of these commands. */
export function stepOfCommand(line: string): Step | null {
  return STEPS.find(([verb]) => line.startsWith(verb))?.[1] ?? null
}

export class Dialogue {
  /** Several with PIPELINING. */
  readonly #unanswered: (Step | null)[] = []
  #answered: Step | null = null
  #said: Step | null = null

  /** The step that the last reply answered. Null for the greeting, and for a reply that no command waited for. */
  get answered(): Step | null {
    return this.#answered
  }

  /** Used as nodemailer's `logger`, with `transactionLog`: all levels call this method. */
  debug({ tnx }: { readonly tnx?: string }, line: string): void {
    if (tnx === 'server') this.#answered = this.#unanswered.shift() ?? null
    if (tnx !== 'client') return
    // A login continues with lines that are no commands.
    this.#said = stepOfCommand(line) ?? this.#said
    this.#unanswered.push(this.#said)
  }
}
