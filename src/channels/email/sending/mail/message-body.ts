/** A mail in the form that nodemailer reads. */
import type { Socket } from 'node:net'
import { Readable, Transform } from 'node:stream'

const LINE_BREAK = '\r\n'
// A dot at the start of a line has to be doubled: RFC 5321, 4.5.2.
const DOT_LINE = '\n.'

/**
 * Calls `asked` only when the server has asked for the message. Nodemailer would read it as a stream and look at every byte
 * for line breaks and dots; ours is in memory, and all its line breaks are CRLF.
 */
export class MessageBody extends Readable {
  readonly #message: Buffer
  readonly #asked: () => Socket | null

  /** `asked` returns the connection's socket. */
  constructor(message: Buffer, asked: () => Socket | null) {
    super()
    this.#message = message
    this.#asked = asked
  }

  override pipe<T extends NodeJS.WritableStream>(destination: T): T {
    const socket = this.#asked()
    // The message and its final dot are sent together.
    socket?.cork()
    if (destination instanceof Transform && !this.#message.includes(DOT_LINE)) {
      // Bypasses the transformation, which would add a line break and the dot.
      destination.push(withoutLastBreak(this.#message))
      destination.end()
    } else {
      destination.end(this.#message)
    }
    if (socket !== null) setImmediate(() => socket.uncork())
    return destination
  }
}

function withoutLastBreak(message: Buffer): Buffer {
  const end = message.length - LINE_BREAK.length
  return message.subarray(end).toString('latin1') === LINE_BREAK ? message.subarray(0, end) : message
}
