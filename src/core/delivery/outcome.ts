/** How one attempt ended. `reason` is a code or the remote's message, already cut and free of secrets. */
export type Outcome =
  /** `restarts`: the message that it was to follow is gone, so it is the first message of its conversation now. */
  (
    | { readonly kind: 'sent'; readonly reference: Reference; readonly restarts?: true }
    /**
     * `after`: milliseconds the destination asked us to wait. `counts: false`: it says nothing about the destination, because
     * another attempt reports the same refusal, or nothing was sent yet. Only the channel can say so: mail to many addresses
     * shares one server, and each address has a state of its own. Refusals of one destination that ask for a pause need no
     * such mark: `settle` sees that they are one failure.
     */
    | { readonly kind: 'retry'; readonly reason: string; readonly after?: number; readonly counts?: false }
    /**
     * The message may or may not have arrived. `after`: as for `retry`; a look-up also waits for it. `answered`: the destination has
     * answered that it failed, so nothing of the attempt is still in progress.
     */
    | {
        readonly kind: 'ambiguous'
        readonly reason: string
        readonly after?: number
        readonly answered?: true
      }
    /** A person must act before this can work. `unconfigured`: because this configuration lacks what the delivery needs. */
    | { readonly kind: 'park'; readonly reason: string; readonly unconfigured?: true }
    /** The message itself is refused; it will never work as it is. */
    | { readonly kind: 'refuse'; readonly reason: string }
  ) &
    Remarks

interface Remarks {
  /** What the history should say beyond that: kept with the attempt's notes. */
  readonly notes?: readonly string[]
  /** Set if an earlier attempt had ended without an answer, and its message was looked up before another one was sent. */
  readonly lookUp?: LookUp
}

export const lookUps = [
  /** It had arrived: nothing was sent. */
  'found',
  /** It had not arrived. */
  'absent',
  /** The destination does not allow look-ups. */
  'not_allowed',
  /** There were more messages than could be searched. */
  'incomplete',
  /** The destination did not answer, or asked to wait: nothing was sent. */
  'failed',
] as const
export type LookUp = (typeof lookUps)[number]

/** What identifies a sent message at its destination: channel, ts and permalink, or Message-ID. */
export type Reference = Readonly<Record<string, string>>
