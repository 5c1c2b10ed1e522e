/** Ports of 127.0.0.1: one that refuses connections, and one for a program that is to be told its port. */
import { BoundSocket } from 'node:net'

export interface HeldPort {
  readonly port: number
  /** For the server that is to listen there, which then owns it. */
  give(): BoundSocket
}

/** Nobody listens at it yet, and no other program can get it meanwhile: connections are refused. */
export function holdPort(t: { teardown(action: () => void): unknown }): HeldPort {
  const socket = new BoundSocket({ host: '127.0.0.1' })
  let isHeld = true
  t.teardown(() => {
    if (isHeld) socket.close()
  })
  return {
    port: socket.address().port,
    give() {
      isHeld = false
      return socket
    },
  }
}

// Below what systems give to connections and to those that ask for any port: /proc/sys/net/ipv4/ip_local_port_range.
const LOWEST = 20_000
const COUNT = 10_000
// A program may not have opened the one that it was given.
const given = new Set<number>()

/**
 * A port that is free now, and not given before, for a program that opens it itself. Only a program that asks for this very number could get
 * it first. `random`: from 0 up to 1.
 */
export function freePort(random: () => number = Math.random): number {
  for (;;) {
    const port = LOWEST + Math.floor(random() * COUNT)
    if (given.has(port)) continue
    try {
      new BoundSocket({ host: '127.0.0.1', port }).close()
      given.add(port)
      return port
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EADDRINUSE')) throw error
    }
  }
}
