/** Checks what can be checked of the senders: their secrets, and the difference between their clock and ours. */
import type { Finding } from '../core/finding.ts'
import { classifyClock, classifySecrets } from '../core/machine.ts'
import type { Secret } from '../core/secret.ts'

/** The times of one verified request, in milliseconds since the epoch. */
export interface Timing {
  readonly receivedAt: number
  readonly sentAt: number
}

export function checkSecrets(source: string, secrets: readonly Secret[]): Finding {
  return classifySecrets(
    source,
    secrets.map((secret) => Buffer.from(secret.reveal().replace(/^whsec_/, ''), 'base64').length),
  )
}

/** `requests`: newest first. */
export function checkClock(source: string, requests: readonly Timing[]): Finding {
  // Signed timestamps are whole seconds, cut off: on average half a second is missing.
  const skews = requests.map(({ receivedAt, sentAt }) => receivedAt - sentAt - 500)
  return classifyClock(source, skews, requests[0]?.receivedAt ?? 0)
}
