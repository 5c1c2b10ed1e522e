/**
 * Bounds the requests that are handled at once. A body that dawdles gives up its place to whoever comes: a few slow
 * clients cannot keep everybody else out.
 */

/** Milliseconds that a body may take while others wait for a place. */
const GRACE = 1_000

export interface Places<Request> {
  /** Takes one of `most` places; false where there is none. `known`: it comes from where verified requests came from. */
  take(request: Request, known: boolean, most: number, now: number): boolean
  /** Its body is there. */
  arrived(request: Request): void
  /** Idempotent. */
  leave(request: Request): void
  /** How many are taken. */
  readonly size: number
}

/** `giveUp` ends a request whose place another one needs. */
export function createPlaces<Request>(giveUp: (request: Request) => void): Places<Request> {
  const all = new Set<Request>()
  // In the order in which they came, with the time.
  const strangers = new Map<Request, number>()
  const friends = new Map<Request, number>()

  function leave(request: Request): void {
    all.delete(request)
    strangers.delete(request)
    friends.delete(request)
  }

  /** Strangers make room for friends at once, for others when they dawdle; friends for friends, when they dawdle. */
  function makeRoom(known: boolean, now: number): boolean {
    const [stranger] = strangers
    const [friend] = friends
    const isSlow = (arriving: [Request, number] | undefined) =>
      arriving !== undefined && now - arriving[1] >= GRACE
    const leaving =
      stranger !== undefined && (known || isSlow(stranger))
        ? stranger
        : known && isSlow(friend)
          ? friend
          : undefined
    if (leaving === undefined) return false
    leave(leaving[0])
    giveUp(leaving[0])
    return true
  }

  return {
    take(request, known, most, now) {
      if (all.size >= most && !makeRoom(known, now)) return false
      all.add(request)
      const arriving = known ? friends : strangers
      arriving.set(request, now)
      return true
    },
    arrived(request) {
      strangers.delete(request)
      friends.delete(request)
    },
    leave,
    get size() {
      return all.size
    },
  }
}
