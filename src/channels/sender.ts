import type { Outcome } from '../core/delivery/outcome.ts'
import type { Addressed, OpenChannel, SendingLimits } from './channel.ts'

/** The part of an open channel that needs the sending libraries. */
export interface Sender<Message> {
  /** How many attempts may be in flight now, if that depends on what the destination allows. */
  concurrency?(): number
  send(message: Message, delivery: Addressed): Promise<Outcome>
  canLookUp?(target: string): boolean
  /** Closes connections; no attempt is in flight, and none follows. */
  close(): Promise<void>
}

/** The share of all attempts that one destination may use: however slow it is, others can be sent to. */
const MOST_OF_ALL = 0.8

/** `concurrency`: the limit until the sender is loaded, or if the sender does not set one. */
export interface SenderLimits extends SendingLimits {
  /** How many more attempts may begin now, whatever is in flight. */
  room?(): number
  /** Of the sender, before it is loaded. */
  canLookUp?(target: string): boolean
}

/**
 * Opens a channel that loads its sending libraries with the first attempt: they are the slowest to load, and neither
 * receiving events nor most commands need them. Closing waits for the attempts in flight.
 */
export function openOnFirstUse<Message>(
  limits: SenderLimits,
  load: () => Promise<Sender<Message>>,
): OpenChannel<Message> {
  const inFlight = new Set<Promise<Outcome>>()
  let sender: Promise<Sender<Message>> | undefined
  let ready: Sender<Message> | undefined
  let closing: Promise<void> | undefined
  const concurrency = () => ready?.concurrency?.() ?? limits.concurrency
  return {
    rateLimit: limits.rateLimit,
    get perDestination() {
      return Math.min(limits.perDestination, Math.max(1, Math.floor(concurrency() * MOST_OF_ALL)))
    },
    get concurrency() {
      const room = limits.room === undefined ? Number.POSITIVE_INFINITY : inFlight.size + limits.room()
      return Math.min(concurrency(), room)
    },
    canLookUp: (target) => ready?.canLookUp?.(target) ?? limits.canLookUp?.(target) ?? false,
    async send(message, delivery) {
      if (closing !== undefined) return { kind: 'retry', reason: 'the channel is closed' }
      sender ??= load()
      const attempt = sender.then((loaded) => {
        ready = loaded
        return loaded.send(message, delivery)
      })
      inFlight.add(attempt)
      try {
        return await attempt
      } finally {
        inFlight.delete(attempt)
      }
    },
    close() {
      closing ??= Promise.allSettled(inFlight).then(async () => (await sender)?.close())
      return closing
    },
  }
}
