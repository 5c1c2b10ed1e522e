/** How much a claim may take: what the configuration allows, without what is in flight. */
import type { SendingLimits } from '../channels/channel.ts'
import { IN_ORDER_UP_TO } from '../core/delivery/catching-up.ts'
import { SLOW_AFTER_MS } from '../core/delivery/destination.ts'
import type { ClaimLimits, ClaimRequest } from '../store/store.ts'

/** The part of a configuration that claims need. */
export interface LoopSettings {
  readonly channels: ReadonlyMap<string, SendingLimits>
  /** Identifies the configuration. */
  readonly fingerprint: string
}

export interface AttemptInFlight {
  readonly channel: string
  readonly rateKey: string
  /** By the clock. */
  readonly since: number
  /** The store was asked to record how it ended, and a claim that is asked for now need not wait for that. */
  readonly isRecording: boolean
}

/** `now`: by the clock of the attempts. `room`: how many attempts at failing destinations of a channel may begin. */
export function capacitiesOf(
  { channels: open, fingerprint: configuration }: LoopSettings,
  attempts: Iterable<AttemptInFlight>,
  now: number,
  room: (channel: string) => number,
): Pick<ClaimRequest, 'inFlight' | 'configuration' | 'channels'> {
  const inFlight = new Map<string, number>()
  const quick = new Map<string, number>()
  const slow = new Map<string, number>()
  for (const { channel, rateKey, since, isRecording } of attempts) {
    if (isRecording) continue
    const isSlow = since < now - SLOW_AFTER_MS
    count(isSlow ? slow : quick, channel)
    if (!isSlow) count(inFlight, rateKey)
  }
  const channels = new Map<string, ClaimLimits>()
  for (const [name, { rateLimit, perDestination, concurrency }] of open) {
    // At most as many again may be slow.
    const held = (quick.get(name) ?? 0) + Math.max(0, (slow.get(name) ?? 0) - concurrency)
    const free = Math.max(0, concurrency - held)
    const freeForFailing = room(name)
    channels.set(name, { ...rateLimit, inOrderUpTo: IN_ORDER_UP_TO, perDestination, free, freeForFailing })
  }
  return { inFlight, configuration, channels }
}

function count(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1)
}
