/** Limits how many requests a client may send without waiting for the answers, because each answer waits in memory. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/** Senders and proxies wait for each answer. */
const MOST_WAITING = 16

/** Whether too many requests of its connection are waiting. */
export type IsTooMany = (request: IncomingMessage, response: ServerResponse) => boolean

export function watchPipelining(): IsTooMany {
  const waiting = new WeakMap<Socket, number>()
  return ({ socket }, response) => {
    // Node gives a response its connection when those before it are complete.
    if (response.socket !== null) return false
    const count = (waiting.get(socket) ?? 0) + 1
    waiting.set(socket, count)
    response.once('close', () => waiting.set(socket, (waiting.get(socket) ?? 1) - 1))
    return count > MOST_WAITING
  }
}
