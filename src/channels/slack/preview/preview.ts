/** Slack's part of a preview: its look, its banner, and the addresses that `--to slack:` takes. */
import type { ChannelPreview, ReceiverAt } from '../../preview.ts'
import { MOST_BLOCKS, type SlackMessage } from '../message.ts'
import { type SlackReceiver, type SlackSettings, slackReceiver } from '../settings.ts'
import { toHtml } from './html.ts'
import { css } from './style.ts'

const MEMBER_ID = 'in Slack: your profile, ⋮, "Copy member ID"'

export const slackPreview: ChannelPreview<SlackSettings, SlackReceiver, SlackMessage> = {
  toHtml,
  css,
  withPreviewBanner,
  receiverAt,
}

function withPreviewBanner({ text, blocks }: SlackMessage): SlackMessage {
  const mark = { type: 'mrkdwn', text: ':mag: *Preview* · not an event', verbatim: true }
  const first = { type: 'context', elements: [mark] }
  return {
    text: `[Preview] ${text}`,
    // Without blocks Slack shows the text.
    blocks: blocks.length === 0 ? [] : [first, ...blocks.slice(0, MOST_BLOCKS - 1)],
  }
}

/** `#name`, an id, or `@me`. A bot token says nothing about the person at the terminal, so the settings say who `@me` is. */
function receiverAt(address: string, settings: SlackSettings | undefined): ReceiverAt<SlackReceiver> {
  const channel = address === '@me' ? settings?.me : address
  if (channel === undefined) {
    const reason = `it is not known who @me is: set channels.slack.me to your member id (${MEMBER_ID}), or name it here: slack:U…`
    return { ok: false, reason }
  }
  const parsed = slackReceiver.safeParse({ channel })
  if (parsed.success) return { ok: true, receiver: parsed.data }
  return {
    ok: false,
    reason: `Slack takes #name, the id of a channel (C…) or of a person (U…; ${MEMBER_ID}), or @me`,
  }
}
