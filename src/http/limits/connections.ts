/** Bounds the connections, so that the store, Slack and mail have file descriptors left. */
import { readFileSync } from 'node:fs'
import type { Server } from 'node:net'

// For fifty connections each to Slack and to the mail server, the store, the log, and templates while they are read.
const OTHER_DESCRIPTORS = 160

/** How many of the connections wanted the process may have, given how many files it may open. */
export function affordableConnections(wanted: number, descriptors = descriptorLimit()): number {
  return Math.min(wanted, Math.max(descriptors - OTHER_DESCRIPTORS, Math.floor(descriptors / 4), 1))
}

/** Node has no call for it. It raises the soft limit to the hard one when it starts. */
function descriptorLimit(): number {
  try {
    const soft = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1]
    return soft === undefined ? Number.POSITIVE_INFINITY : Number(soft)
  } catch {
    return Number.POSITIVE_INFINITY
  }
}

/** The open connections of a server. */
export function countConnections(server: Server): Promise<number> {
  return new Promise((resolve, reject) =>
    server.getConnections((error, count) => (error === null ? resolve(count) : reject(error))),
  )
}
