import type { SlackReceiver } from './settings.ts'

export const WEBHOOK = 'webhook:'

/** The target of a receiver. A webhook's is named after the receiver, because its URL is a secret. */
export function slackTarget(receiver: SlackReceiver, receiverName: string): string {
  return receiver.channel ?? WEBHOOK + receiverName
}
