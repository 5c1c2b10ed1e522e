import type { ReceiverAt } from '../channel.ts'
import { type SlackReceiver, type SlackSettings, slackReceiver } from './settings.ts'

export const WEBHOOK = 'webhook:'

/** The target of a receiver. A webhook's is named after the receiver, because its URL is a secret. */
export function targetOf(receiver: SlackReceiver, receiverName: string): string {
  return receiver.channel ?? WEBHOOK + receiverName
}

const MEMBER_ID = 'in Slack: your profile, ⋮, "Copy member ID"'

/** `#name`, an id, or `@me`. A bot token cannot tell who looks on, so the settings say who `@me` is. */
export function receiverAt(address: string, settings: SlackSettings | undefined): ReceiverAt<SlackReceiver> {
  const channel = address === '@me' ? settings?.me : address
  if (channel === undefined) {
    const reason = `nobody said who @me is: set channels.slack.me to your member id (${MEMBER_ID}), or give it here: slack:U…`
    return { ok: false, reason }
  }
  const parsed = slackReceiver.safeParse({ channel })
  if (parsed.success) return { ok: true, receiver: parsed.data }
  return {
    ok: false,
    reason: `Slack takes #name, the id of a channel (C…) or of a person (U…; ${MEMBER_ID}), or @me`,
  }
}
