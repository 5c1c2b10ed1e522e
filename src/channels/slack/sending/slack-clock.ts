/**
 * How far Slack's clock is ahead of ours, by which attempts are recorded. Our clock may be set at any time, so the
 * recorded start of an attempt may be by an earlier setting of it. Its message is therefore looked up with every setting
 * that our clock has had lately.
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

/** Dates are in whole seconds, and answers take some time. */
const SAME_MS = 10_000
/** Most attempts are looked up within minutes, and each further setting means more to read. */
const REMEMBERED_MS = 3_600_000

export function createSlackClock({ now, monotonic, beganAt }: Clocks): SlackClock {
  // A setting of the clock is identified by the start time of this process according to it.
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
      // An attempt of an earlier process, whose clock may have been right.
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
