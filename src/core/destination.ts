/** One place that messages go to. */
export interface Destination {
  readonly channel: string
  /** Where it goes, in the channel's words: `#deal-flow`, `partners@example.com`. Never a secret. */
  readonly target: string
  /** Targets of one rate key share a rate limit and their health: for the remote they are one place. */
  readonly rateKey: string
}
