import type { JsonObject } from '../../core/json/json.ts'

/** A rendered message, as Slack takes it. Plain JSON. */
export interface SlackMessage {
  /** The notification, and what a screen reader reads; shown only where there are no blocks. */
  readonly text: string
  readonly blocks: readonly JsonObject[]
}

/** Slack takes no more blocks than these. */
export const MOST_BLOCKS = 50
