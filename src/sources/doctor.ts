/** Checks what can be checked of the senders: their secrets, and the difference between their clock and ours. */
import type { Finding } from '../core/finding.ts'
import { classifyClock, classifySecrets, refusedClock } from '../core/machine.ts'
import { sizeOfSecret } from '../core/receiving/signing-secret.ts'
import type { Secret } from '../core/secret.ts'

/** When a request was signed and when it came, in milliseconds since the epoch. */
interface Timing {
  readonly receivedAt: number
  readonly sentAt: number
}

export function checkSecrets(source: string, secrets: readonly Secret[]): Finding {
  return classifySecrets(source, secrets.map(sizeOfSecret))
}

/** `requests`: newest first. `refused`: the last one that was refused for its timestamp. */
export function checkClock(source: string, requests: readonly Timing[], refused: Timing | null): Finding {
  if (refused !== null && refused.receivedAt > (requests[0]?.receivedAt ?? 0)) {
    return refusedClock(source, refused.receivedAt - refused.sentAt, refused.receivedAt)
  }
  // Signed timestamps are truncated to whole seconds: on average, half a second is missing.
  const skews = requests.map(({ receivedAt, sentAt }) => receivedAt - sentAt - 500)
  return classifyClock(source, skews, requests[0]?.receivedAt ?? 0)
}
