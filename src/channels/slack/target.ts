import type { SlackReceiver, SlackSettings } from './settings.ts'

export const WEBHOOK = 'webhook:'

/** The target of a receiver. A webhook's is named after the receiver, because its URL is a secret. */
export function slackTarget(receiver: SlackReceiver, receiverName: string): string {
  return receiver.channel ?? WEBHOOK + receiverName
}

/** Whether a message that was posted there can be looked up, unless Slack refuses it: a webhook's messages have no identity. */
export function canLookUp({ token }: SlackSettings, target: string): boolean {
  return token !== undefined && !target.startsWith(WEBHOOK)
}
