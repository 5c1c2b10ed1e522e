/** What is done to the service, and when: a schedule that is the same for the same seed. */
export type Fault =
  | { readonly kind: 'kill' }
  | { readonly kind: 'suspend'; readonly ms: number }
  /** `kills`: the service is killed while nothing can be written, and starts on the full disk. */
  | { readonly kind: 'full_disk'; readonly ms: number; readonly kills: boolean }
  | { readonly kind: 'clock'; readonly hours: 1 | -1 }
  /** Another configuration; `kills`: the service is killed while it loads that. */
  | { readonly kind: 'reload'; readonly kills: boolean }
  /** A configuration that is wrong, in one of several ways. */
  | { readonly kind: 'bad_reload'; readonly way: number }

export type FaultKind = Fault['kind']

export interface ScheduledFault {
  /** So many events are acknowledged by then. */
  readonly at: number
  readonly fault: Fault
}

export const kinds: readonly FaultKind[] = ['kill', 'suspend', 'full_disk', 'clock', 'reload', 'bad_reload']
const LONGEST_SUSPENSION_MS = 4_000
const LONGEST_FULL_MS = 2_000
/** The clock is wrong by two hours at most, either way. */
const FARTHEST_HOURS = 2
const KILLS_SHARE = 0.3
/** In the last quarter nothing is killed: one process lives long enough to show whether it grows. */
const KILLED_UNTIL = 0.75

/** One fault for so many events, of each kind at least one, and about as many of the one as of the other. */
export function scheduleFaults(
  events: number,
  eventsPerFault: number,
  random: () => number,
): readonly ScheduledFault[] {
  const count = Math.max(2 * kinds.length, Math.floor(events / eventsPerFault))
  const step = events / (count + 1)
  let order: FaultKind[] = []
  let hours = 0
  return Array.from({ length: count }, (_, index) => {
    const mayKill = index < count * KILLED_UNTIL
    if (order.length === 0) order = shuffled(kinds, random)
    const next = order.pop() ?? 'suspend'
    const kind = next === 'kill' && !mayKill ? 'suspend' : next
    const fault = faultOf(kind, hours, mayKill && random() < KILLS_SHARE, random)
    if (fault.kind === 'clock') hours += fault.hours
    return { at: Math.floor(step * (index + 0.5 + random())), fault }
  })
}

function faultOf(kind: FaultKind, hours: number, kills: boolean, random: () => number): Fault {
  switch (kind) {
    case 'kill':
      return { kind }
    case 'suspend':
      return { kind, ms: Math.round(random() * LONGEST_SUSPENSION_MS) }
    case 'full_disk':
      return { kind, ms: Math.round(random() * LONGEST_FULL_MS), kills }
    case 'clock': {
      const isForward = Math.abs(hours) === FARTHEST_HOURS ? hours < 0 : random() < 0.5
      return { kind, hours: isForward ? 1 : -1 }
    }
    case 'reload':
      return { kind, kills }
    case 'bad_reload':
      return { kind, way: Math.floor(random() * 1_000) }
  }
}

function shuffled<Item>(items: readonly Item[], random: () => number): Item[] {
  return items
    .map((item) => ({ item, place: random() }))
    .sort((one, other) => one.place - other.place)
    .map(({ item }) => item)
}
