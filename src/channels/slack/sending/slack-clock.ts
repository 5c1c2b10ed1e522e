/**
 * How far Slack's clock is ahead of ours, which is the one that attempts are recorded with. It may be set at any time, so that
 * the time at which an attempt began may have been read from another clock than today's: its message is looked for by every
 * clock that ours has been lately.
 */

/** Milliseconds; both are the same unless our clock was set. */
export interface ClockAhead {
  readonly least: number
  readonly most: number
}

export interface SlackClock {
  /** To be called before each request. */
  asking(): void
  /** To be called with the date of each answer, in milliseconds since the epoch. */
  answered(date: number): void
  /** Null before the first answer. */
  ahead(): ClockAhead | null
}

export interface Clocks {
  /** Milliseconds since the epoch. */
  readonly now: () => number
  /** Milliseconds since this process began, whatever the clock is set to. */
  readonly monotonic: () => number
  /** When this process began, by the clock of `now` as it was then. */
  readonly beganAt: number
}

/** Dates are full seconds, and answers take their time. */
const SAME_MS = 10_000
/** Most attempts are looked up within minutes; each clock more is more to read. */
const REMEMBERED_MS = 3_600_000

export function createSlackClock({ now, monotonic, beganAt }: Clocks): SlackClock {
  // A clock is the time that it says this process began at.
  let slack: number | null = null
  let ours: { readonly began: number; readonly until: number }[] = []
  remember(beganAt)

  function remember(began: number): void {
    const at = monotonic()
    const others = ours.filter((one) => one.until > at && Math.abs(one.began - began) > SAME_MS)
    ours = [...others, { began, until: at + REMEMBERED_MS }]
  }

  const asking = () => remember(now() - monotonic())
  return {
    asking,
    answered(date) {
      const isFirst = slack === null
      slack = date - monotonic()
      // An attempt of an earlier process: its clock may have been right.
      if (isFirst) remember(slack)
    },
    ahead() {
      if (slack === null) return null
      asking()
      const began = ours.map((one) => one.began)
      return { least: slack - Math.max(...began), most: slack - Math.min(...began) }
    },
  }
}
