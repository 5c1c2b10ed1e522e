/** The label values that the configuration names. */
export interface MetricLabels {
  readonly sources: readonly string[]
  /** Event types. */
  readonly types: readonly string[]
  readonly channels: readonly string[]
  /** The steps of enrich. */
  readonly steps: readonly string[]
  readonly destinations: readonly DestinationLabels[]
  /** The receivers that have a fallback. */
  readonly fallbacks: readonly string[]
}

/** A receiver over a channel, not the address behind it, which may be a person's. */
export interface DestinationLabels {
  readonly channel: string
  readonly receiver: string
  /** Where its messages go; not a label. */
  readonly targets: readonly string[]
}
