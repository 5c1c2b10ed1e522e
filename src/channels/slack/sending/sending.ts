/** One attempt at a time: to the Web API with a token, or to an incoming webhook. */
import type { Outcome } from '../../../core/delivery/outcome.ts'
import type { Secret } from '../../../core/secret.ts'
import type { Addressed, ChannelEnvironment } from '../../channel.ts'
import type { Sender } from '../../sender.ts'
import type { SlackMessage } from '../message.ts'
import { slackSecrets } from '../secrets.ts'
import { isSlackHost, type SlackReceiver, type SlackSettings } from '../settings.ts'
import { canLookUp, WEBHOOK } from '../target.ts'
import { openClient } from './client.ts'
import { follow } from './conversation.ts'
import { LookUps } from './look-up.ts'
import { type AttemptContext, fromException, fromWebhook } from './outcome.ts'
import { Poster } from './poster.ts'
import { openTransport, type Transport } from './transport.ts'

export function openSender(
  settings: SlackSettings,
  receivers: ReadonlyMap<string, SlackReceiver>,
  env: ChannelEnvironment,
): Sender<SlackMessage> {
  const { timeout, now } = env
  const transport = openTransport(settings.concurrency, env)
  const client = openClient(settings, transport)
  const lookUps = client && new LookUps(client, timeout, now, transport.clockAhead)
  const webhooks = new Map([...receivers].map(([name, { webhook_url }]) => [WEBHOOK + name, webhook_url]))
  const secrets = slackSecrets(settings, receivers)
  return {
    send,
    canLookUp: (target) => canLookUp(settings, target) && lookUps?.canLookUp(target) === true,
    close: () => transport.close(),
  }

  async function send(message: SlackMessage, delivery: Addressed): Promise<Outcome> {
    const context: AttemptContext = { target: delivery.target, timeout, secrets }
    try {
      if (delivery.target.startsWith(WEBHOOK)) {
        return await toWebhook(transport, webhooks.get(delivery.target), message, context)
      }
      if (client === null || lookUps === null)
        return unconfigured('channels.slack.token is missing; set it, then resend')
      return await toChannel(new Poster(client, delivery, context, lookUps, now), message)
    } catch (error) {
      return fromException(error, context)
    }
  }
}

async function toChannel(poster: Poster, message: SlackMessage): Promise<Outcome> {
  const { follows } = poster.delivery
  let outcome: Outcome
  try {
    outcome = await (follows === null ? poster.post(message, null) : follow(poster, message, follows))
  } catch (error) {
    outcome = fromException(error, poster.context)
  }
  return poster.withRemarks(outcome)
}

async function toWebhook(
  transport: Transport,
  url: Secret | undefined,
  { text, blocks }: SlackMessage,
  context: AttemptContext,
): Promise<Outcome> {
  if (url === undefined)
    return unconfigured('the receiver has no webhook_url any more; put it back, then resend')
  const body = JSON.stringify({
    text,
    ...(blocks.length > 0 && { blocks }),
    unfurl_links: false,
    unfurl_media: false,
  })
  const { hostname } = new URL(url.reveal())
  return fromWebhook(await transport.post(url.reveal(), body), isSlackHost(hostname), context)
}

function unconfigured(reason: string): Outcome {
  return { kind: 'park', reason, unconfigured: true }
}
