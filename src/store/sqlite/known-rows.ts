/**
 * Caches rows that are never changed or removed: kinds of events, and destinations. There are few, and every event
 * refers to some of them.
 */
import type { Destination } from '../../core/delivery/destination.ts'

export interface Place {
  readonly id: number
  readonly rate: number
}

export class KnownRows {
  /** By source and type. */
  readonly kinds = new Map<string, number>()
  /** By channel, rate key and target. */
  readonly places = new Map<string, Place>()
  /** By the id of their place. */
  readonly destinations = new Map<number, Destination>()

  /** Called after a rollback, because the ids may be given to other rows. */
  forget(): void {
    this.kinds.clear()
    this.places.clear()
    this.destinations.clear()
  }
}
