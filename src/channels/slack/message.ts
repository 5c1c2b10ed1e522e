import type { JsonObject } from '../../core/json/json.ts'

/** A rendered message, as Slack takes it. Plain JSON. */
export interface SlackMessage {
  /** The notification, and what a screen reader reads; shown only if there are no blocks. */
  readonly text: string
  readonly blocks: readonly JsonObject[]
}

/** The maximum number of blocks that Slack accepts. */
export const MOST_BLOCKS = 50
