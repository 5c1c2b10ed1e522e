/**
 * Bounds the requests that are handled at once. A body that dawdles gives up its place to whoever comes: a few slow
 * clients cannot keep everybody else out.
 */

/** Milliseconds that a body may take while others wait for a place. */
const GRACE = 1_000

export interface Places<Request> {
  /** Takes one of `most` places; false where there is none. */
  take(request: Request, most: number, now: number): boolean
  /** Its body is there. */
  arrived(request: Request): void
  leave(request: Request): void
}

/** `giveUp` ends a request whose place another one needs. */
export function createPlaces<Request>(giveUp: (request: Request) => void): Places<Request> {
  const all = new Set<Request>()
  const arriving = new Map<Request, number>()

  function leave(request: Request): void {
    all.delete(request)
    arriving.delete(request)
  }

  return {
    take(request, most, now) {
      if (all.size >= most) {
        // In the order in which they came.
        const [slowest] = arriving
        if (slowest === undefined || now - slowest[1] < GRACE) return false
        leave(slowest[0])
        giveUp(slowest[0])
      }
      all.add(request)
      arriving.set(request, now)
      return true
    },
    arrived(request) {
      arriving.delete(request)
    },
    leave,
  }
}
