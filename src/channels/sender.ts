import type { Outcome } from '../core/delivery.ts'
import type { Addressed, OpenChannel } from './channel.ts'

/** The part of an open channel that needs the libraries which send. */
export interface Sender<Message> {
  send(message: Message, delivery: Addressed): Promise<Outcome>
  close(): Promise<void>
}

/**
 * Opens a channel that loads what sends with its first attempt: those libraries are the slowest to load, and the
 * service can take events, and commands can do their work, without them.
 */
export function openOnFirstUse<Message>(
  limits: Pick<OpenChannel<Message>, 'pace' | 'concurrency'>,
  load: () => Promise<Sender<Message>>,
): OpenChannel<Message> {
  let sender: Promise<Sender<Message>> | undefined
  let closed = false
  return {
    ...limits,
    async send(message, delivery) {
      if (closed) return { kind: 'retry', reason: 'the channel is closed' }
      sender ??= load()
      return (await sender).send(message, delivery)
    },
    async close() {
      closed = true
      await (await sender)?.close()
    },
  }
}
