/** The refusals of test/fixtures/mail-replies.txt, and what becomes of a mail after each. */
import { readFileSync } from 'node:fs'
import type { Step } from '../../src/channels/email/sending/replies/reply.ts'

export const STEPS: readonly Step[] = [
  'greeting',
  'hello',
  'starttls',
  'auth',
  'mail',
  'rcpt',
  'data',
  'message',
]

export interface Reported {
  /** Where it was found. */
  readonly from: string
  readonly step: Step
  readonly reply: string
  readonly verdict: {
    readonly kind: string
    readonly concern: string
    readonly cause: string | null
    readonly after?: number
  }
}

const LINE = /^(\w+) +(\w+) +(\w+) +([\w-]+) +(\S+) +(.+)$/

function readReported(): Reported[] {
  const reported: Reported[] = []
  let from = ''
  for (const line of readFileSync('test/fixtures/mail-replies.txt', 'utf8').split('\n')) {
    if (line.startsWith('## ')) from = line.slice(3)
    if (line === '' || line.startsWith('#')) continue
    const [, stepName, kind = '', concern = '', cause = '', after = '', reply = ''] = LINE.exec(line) ?? []
    const step = STEPS.find((known) => known === stepName)
    if (step === undefined) throw new Error(`not to be read: ${line}`)
    const pause = after === '-' ? {} : { after: Number.parseInt(after, 10) * 1_000 }
    const verdict = { kind, concern, cause: cause === '-' ? null : cause, ...pause }
    reported.push({ from, step, reply: reply.replaceAll('\\n', '\n'), verdict })
  }
  return reported
}

export const mailReplies: readonly Reported[] = readReported()
