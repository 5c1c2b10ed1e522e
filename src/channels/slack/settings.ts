import * as z from 'zod'
import type { FollowUp } from '../../core/lifecycle/lifecycle.ts'
import { isSafeUrl, rate, secret } from '../settings.ts'
import { CHANNEL_WORDS, channelMistake, tokenMistake } from './mistakes.ts'

const CHANNEL = /^(#[^\s#@<>]{1,80}|[CDGUW][A-Z0-9]{6,})$/
const followUps = [
  'post',
  'reply',
  'update',
  'update_and_reply',
] as const satisfies readonly FollowUp['how'][]
const ME_WORDS = 'must be a member id such as U0123456789 (in Slack: your profile, ⋮, "Copy member ID")'

export const slackSettings = z
  .strictObject({
    token: secret()
      .superRefine((token, context) => {
        const message = tokenMistake(token.reveal())
        if (message !== null) context.addIssue({ code: 'custom', message })
      })
      .optional()
      .describe(
        'The bot token of the Slack app, xoxb-…, with the scope chat:write. Receivers with a webhook_url do not need it.',
      )
      .meta({ examples: ['${SLACK_BOT_TOKEN}'] }),
    rate: rate()
      .prefault('1/s')
      .describe('How many messages may go to one Slack channel. Slack allows about one a second.'),
    burst: z
      .int()
      .min(1)
      .max(1_000)
      .default(3)
      .describe('How many messages to one Slack channel may be sent at once before `rate` applies.'),
    concurrency: z
      .int()
      .min(1)
      .max(1_000)
      .default(50)
      .describe('How many attempts may be in progress at once, for all Slack channels together.'),
    api_url: z
      .string()
      .refine(isSafeUrl, { error: 'must be an https URL (http only for a loopback address)' })
      .transform((url) => (url.endsWith('/') ? url : `${url}/`))
      .prefault('https://slack.com/api/')
      .describe("The URL of Slack's Web API. Change it only for a proxy or a test server."),
    me: z
      .string({ error: ME_WORDS })
      .regex(/^[UW][A-Z0-9]{6,}$/, { error: ME_WORDS })
      .optional()
      .describe('Your member id: `hookbridge preview --to slack:@me` sends to it.')
      .meta({ examples: ['U0123456789'], patternErrorMessage: ME_WORDS }),
  })
  .describe('How Slack messages are sent.')

export const slackReceiver = z
  .strictObject({
    channel: z
      .string({ error: CHANNEL_WORDS })
      .regex(CHANNEL, { error: ({ input }) => channelMistake(input) })
      .refine((text) => !text.startsWith('#') || text === text.toLowerCase(), {
        error: ({ input }) => channelMistake(input),
      })
      .optional()
      .describe(
        'The Slack channel: its id, which stays the same when the channel is renamed, or "#name" in quotes.',
      )
      .meta({ examples: ['#deal-flow', 'C0123456789'] }),
    webhook_url: secret()
      .refine((url) => isSafeUrl(url.reveal()), {
        error: 'must be an https URL (http only for a loopback address)',
      })
      .optional()
      .describe('The URL of an incoming webhook, in place of `channel` and the token.')
      .meta({ examples: ['${SLACK_WEBHOOK_URL}'] }),
    follow_up: z
      .enum(followUps)
      .default('post')
      .describe(
        'What a later stage of a lifecycle does. post: posts a message of its own. reply: replies in the thread of the first ' +
          'message. update: edits the first message. update_and_reply: does both.',
      ),
    broadcast: z
      .enum(['last', 'always', 'never'])
      .default('last')
      .describe('Which replies are also shown in the channel: that of the last stage, all, or none.'),
  })
  .superRefine(({ webhook_url, follow_up }, context) => {
    if (webhook_url === undefined || follow_up === 'post') return
    const message = `an incoming webhook can only post: for ${follow_up}, use channel, with channels.slack.token`
    context.addIssue({ code: 'custom', path: ['follow_up'], message })
  })
  .refine((receiver) => (receiver.channel === undefined) !== (receiver.webhook_url === undefined), {
    error: 'must have either channel or webhook_url, but not both',
  })
  .meta({ oneOf: [{ required: ['channel'] }, { required: ['webhook_url'] }] })
  .describe('A Slack channel to post to. Set either `channel` or `webhook_url`.')
  .meta({ examples: [{ channel: '#deal-flow' }] })

export type SlackSettings = z.output<typeof slackSettings>
export type SlackReceiver = z.output<typeof slackReceiver>

/** Slack's own servers, for every plan and for its government cloud. */
export function isSlackHost(hostname: string): boolean {
  return /(?:^|\.)(?:slack|slack-gov)\.com$/.test(hostname)
}
