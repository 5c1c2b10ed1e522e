import type { Step } from './reply.ts'

/** As nodemailer reports it: its errors.js has the codes. */
export interface StepError extends Error {
  readonly code?: string
  readonly originalCode?: string
  readonly command?: string
  readonly response?: string
  readonly responseCode?: number
}

const STEPS: Readonly<Record<string, Step>> = {
  CONN: 'greeting',
  EHLO: 'hello',
  HELO: 'hello',
  STARTTLS: 'starttls',
  'MAIL FROM': 'mail',
  'RCPT TO': 'rcpt',
}

/** Where in the dialogue it happened. */
export function stepOf({ command = '', code }: StepError, begun: boolean, sending: boolean): Step {
  if (begun) return 'message'
  if (command.startsWith('AUTH')) return 'auth'
  if (command === 'DATA') return code === 'EMESSAGE' ? 'message' : 'data'
  // A reply that nothing waited for, as 421 between two commands.
  if (sending && command === 'CONN') return 'mail'
  return STEPS[command] ?? (sending ? 'mail' : 'greeting')
}
