import type { QuarantinedRequest } from './inbox.ts'

/** Removes old events, and measures the store. */
export interface Upkeep {
  /**
   * The unfinished deliveries by channel, in no order; channels without any are left out. The cost does not depend on the
   * length of the history.
   */
  backlog(): Promise<readonly ChannelBacklog[]>
  /** Reads old events, from `after` on, and removes those that need not be kept. */
  purge(request: PurgeRequest): Promise<Purged>
  /** Quarantined requests without an event, in the order of their ids, those after `after`. */
  quarantined(after: string, limit: number): Promise<readonly QuarantinedRequest[]>
  /** Commits a change without effect: shows whether the store takes changes. */
  probe(): Promise<void>
  /** The time, in milliseconds since the epoch: all processes that share a store use its clock, not their own, commands included. */
  now(): number
  /** Calls back after each commit that changed something. */
  onCommit(listener: Committed): void
  /** Calls back when the store finds that it cannot continue without a restart: its file was deleted, moved or replaced. */
  onLoss(listener: (message: string) => void): void
  /** The message of `onLoss`, while it holds; null while the store works. */
  loss(): string | null
  /** Finishes the calls in progress, then closes the store. Idempotent. */
  close(): Promise<void>
}

export interface ChannelBacklog {
  readonly channel: string
  readonly counts: Readonly<Record<BacklogState, number>>
  /** When the first one is due, in the past or in the future; null if none is. */
  readonly firstDueAt: number | null
}

/** The states of deliveries that wait for their time or for a person. */
export const backlogStates = [
  'pending',
  'held',
  'sending',
  'retrying',
  'ambiguous',
  'parked',
  'dead',
] as const
export type BacklogState = (typeof backlogStates)[number]

export interface PurgeRequest {
  /** Events that were received, and last planned or resent, before it are removed unless they are unresolved. */
  readonly before: number
  /** Events received before it are removed, even if they are unresolved. */
  readonly unresolvedBefore: number
  /** Where the last purge ended; null to begin with the oldest. */
  readonly after: string | null
  /** How many events are read. */
  readonly limit: number
}

export interface Purged {
  readonly events: number
  /** Those among them that were unresolved: quarantined, or with a parked or dead delivery. */
  readonly unresolved: number
  /** Where to continue; null when there are no more old events. */
  readonly next: string | null
}

/** How many changes shared a commit, and the milliseconds that it took. */
export type Committed = (changes: number, durationMs: number) => void
