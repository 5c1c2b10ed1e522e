/**
 * The contract of every store, in five parts. All methods are asynchronous, and the promise of every change
 * resolves only after the change is on disk. Times are milliseconds since the epoch. A store that cannot take a change
 * now (a full disk, a lost connection) rejects with StoreUnavailable, and nothing of that change is kept.
 */
import type { Enrichments } from './enrichments.ts'
import type { History } from './history.ts'
import type { Inbox } from './inbox.ts'
import type { Queue } from './queue.ts'
import type { Upkeep } from './upkeep.ts'

export type { NewDelivery, NewPlan, PlanCause } from '../core/routing/plan.ts'
export type * from './enrichments.ts'
export type * from './history.ts'
export type * from './inbox.ts'
export type * from './queue.ts'
export type * from './upkeep.ts'
export { backlogStates } from './upkeep.ts'

export interface Store extends Inbox, Enrichments, Queue, History, Upkeep {}

/** The store cannot take a change now; the same change may be tried again later. */
export class StoreUnavailable extends Error {
  override readonly name = 'StoreUnavailable'
}

/** The store must not be opened like this, now or ever; the message says what to do. */
export class StoreRefused extends Error {
  override readonly name = 'StoreRefused'
  readonly reason:
    | 'in_use'
    | 'missing'
    | 'older_schema'
    | 'newer_schema'
    | 'incomplete'
    | 'foreign'
    | 'exists'
    | 'damaged'
    /** It is not a valid URL, or the command does not support this kind of store. */
    | 'unusable'

  constructor(reason: StoreRefused['reason'], message: string) {
    super(message)
    this.reason = reason
  }
}
