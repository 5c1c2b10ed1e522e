/** A port of 127.0.0.1 at which nobody listens yet, and which no other program can get meanwhile: connections are refused. */
import { BoundSocket } from 'node:net'

export interface HeldPort {
  readonly port: number
  /** For the server that is to listen there, which then owns it. */
  give(): BoundSocket
}

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
