import type { Outcome } from '../core/outcome.ts'
import type { Addressed, OpenChannel, SendingLimits } from './channel.ts'

/** The part of an open channel that needs the sending libraries. */
export interface Sender<Message> {
  send(message: Message, delivery: Addressed): Promise<Outcome>
  /** Closes connections; no attempt is in flight, and none follows. */
  close(): Promise<void>
}

/**
 * Opens a channel that loads its sending libraries with the first attempt: they are the slowest to load, and neither
 * receiving events nor most commands need them. Closing waits for the attempts in flight.
 */
export function openOnFirstUse<Message>(
  limits: SendingLimits,
  load: () => Promise<Sender<Message>>,
): OpenChannel<Message> {
  const inFlight = new Set<Promise<Outcome>>()
  let sender: Promise<Sender<Message>> | undefined
  let closing: Promise<void> | undefined
  return {
    ...limits,
    async send(message, delivery) {
      if (closing !== undefined) return { kind: 'retry', reason: 'the channel is closed' }
      sender ??= load()
      const attempt = sender.then((loaded) => loaded.send(message, delivery))
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
