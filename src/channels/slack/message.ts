import type { JsonObject } from '../../core/json.ts'

/** A rendered message, as Slack takes it. Plain JSON. */
export interface SlackMessage {
  /** The notification, and what a screen reader reads; shown only where there are no blocks. */
  readonly text: string
  readonly blocks: readonly JsonObject[]
}

/** Slack takes no more blocks than these. */
export const MOST_BLOCKS = 50

export function withPreviewBanner({ text, blocks }: SlackMessage): SlackMessage {
  const mark = { type: 'mrkdwn', text: ':mag: *Preview* · not an event', verbatim: true }
  const first = { type: 'context', elements: [mark] }
  return {
    text: `[Preview] ${text}`,
    // Without blocks Slack shows the text.
    blocks: blocks.length === 0 ? [] : [first, ...blocks.slice(0, MOST_BLOCKS - 1)],
  }
}
