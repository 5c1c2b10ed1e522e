/**
 * Bounds the connections, so that files, Slack and mail keep descriptors of their own. The one that has been of no use
 * for longest makes room for a new one: however many somebody holds open, the next is accepted.
 */
import { readFileSync } from 'node:fs'
import type { Server } from 'node:http'
import type { Socket } from 'node:net'

// Fifty connections each to Slack and to the mail server, the store, the log, templates while they are read.
const OTHER_DESCRIPTORS = 160

export interface Connections {
  /** Something good came of a request on it. */
  touch(socket: Socket): void
}

/** `isFriend`: whether good requests came from this address; strangers make room first. */
export function boundConnections(
  server: Server,
  most: number,
  isFriend: (address: string) => boolean,
): Connections {
  // In the order of their last use.
  const strangers = new Set<Socket>()
  const friends = new Set<Socket>()
  const forget = (socket: Socket) => strangers.delete(socket) || friends.delete(socket)
  server.on('connection', (socket) => {
    if (strangers.size + friends.size >= most) {
      const [oldest] = strangers.size > 0 ? strangers : friends
      if (oldest !== undefined) {
        forget(oldest)
        oldest.destroy()
      }
    }
    const { remoteAddress } = socket
    const known = remoteAddress !== undefined && isFriend(remoteAddress)
    if (known) friends.add(socket)
    else strangers.add(socket)
    socket.once('close', () => forget(socket))
  })
  return {
    touch(socket) {
      if (forget(socket)) friends.add(socket)
    },
  }
}

/** How many connections there may be of those wanted, where the process may open so many files. */
export function affordable(wanted: number, descriptors = descriptorLimit()): number {
  return Math.min(wanted, Math.max(descriptors - OTHER_DESCRIPTORS, Math.floor(descriptors / 4), 1))
}

/** Node has no call for it: it has raised the limit to the hard one when this is asked. */
function descriptorLimit(): number {
  try {
    const soft = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1]
    return soft === undefined ? Number.POSITIVE_INFINITY : Number(soft)
  } catch {
    return Number.POSITIVE_INFINITY
  }
}
