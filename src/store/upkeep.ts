import type { QuarantinedRequest } from './inbox.ts'

/** What keeps a store in order, and measures it. */
export interface Upkeep {
  /**
   * What is not delivered, by channel, in no order. Costs as much as there is of it, however long the history; nothing
   * of a channel that has none.
   */
  backlog(): Promise<readonly ChannelBacklog[]>
  /** Looks at old events, from `after` on, and removes those that need not be kept. */
  purge(request: PurgeRequest): Promise<Purged>
  /** Quarantined requests that no event has taken up, in the order of their ids, those after `after`. */
  quarantined(after: string, limit: number): Promise<readonly QuarantinedRequest[]>
  /** Calls back after each commit that changed something. */
  onCommit(listener: Committed): void
  /** Finishes what was asked for, then lets go of everything. Idempotent. */
  close(): Promise<void>
}

export interface ChannelBacklog {
  readonly channel: string
  readonly counts: Readonly<Record<BacklogState, number>>
  /** When the first is to be claimed, in the past or in the future; null where none is. */
  readonly firstDueAt: number | null
}

/** What waits, for its time or for a person. */
export type BacklogState = 'pending' | 'held' | 'sending' | 'retrying' | 'ambiguous' | 'parked' | 'dead'

export interface PurgeRequest {
  /** Events received, and last planned or resent, before it go, where a person need not deal with them. */
  readonly before: number
  /** Events received before it go, even if nobody has dealt with them. */
  readonly unresolvedBefore: number
  /** Where the last purge ended; null to begin. */
  readonly after: string | null
  /** Events that are looked at. */
  readonly limit: number
}

export interface Purged {
  readonly events: number
  /** Those among them that nobody had dealt with: quarantined, or with a parked or dead delivery. */
  readonly unresolved: number
  /** Where to go on; null where no old event is left to look at. */
  readonly next: string | null
}

/** How many changes shared a commit, and the milliseconds that it took. */
export type Committed = (changes: number, durationMs: number) => void
