import type { Channel } from '../channel.ts'
import { openOnFirstUse } from '../sender.ts'
import { toHtml } from './html.ts'
import { type SlackMessage, withPreviewBanner } from './message.ts'
import { toText } from './preview.ts'
import { type SlackReceiver, type SlackSettings, slackReceiver, slackSettings } from './settings.ts'
import { css } from './style.ts'
import { receiverAt, targetOf } from './target.ts'
import { compileTemplate, TEMPLATE_FILE } from './template.ts'

export const slack: Channel<SlackSettings, SlackReceiver, SlackMessage> = {
  name: 'slack',
  settings: slackSettings,
  receiver: slackReceiver,
  templateFiles: [TEMPLATE_FILE],
  sharedFiles: [],
  missingSettings(settings, receiver) {
    if (receiver.channel === undefined || settings?.token !== undefined) return null
    return 'channels.slack.token is missing; a Slack channel needs it (or give the receiver a webhook_url)'
  },
  targets(receiver, receiverName) {
    const target = targetOf(receiver, receiverName)
    return [{ target, lane: `slack:${target}` }]
  },
  compile: compileTemplate,
  toText,
  async examine(given, receivers, env) {
    const { examineSlack } = await import('./doctor.ts')
    return examineSlack(given ?? slackSettings.parse({}), receivers, env)
  },
  toHtml,
  css,
  withPreviewBanner,
  receiverAt,
  open(given, receivers, env) {
    const settings = given ?? slackSettings.parse({})
    const { rate, burst, concurrency } = settings
    // Half of all attempts: however many messages one slow channel is owed, others get their turn.
    const pace = { rate, burst, concurrency: Math.ceil(concurrency / 2) }
    return openOnFirstUse({ pace, concurrency }, async () => {
      const { openSender } = await import('./sending.ts')
      return openSender(settings, receivers, env)
    })
  },
}
