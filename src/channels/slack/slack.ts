import type { Channel } from '../channel.ts'
import type { SlackMessage } from './message.ts'
import { openSlack, targetOf } from './sending.ts'
import { type SlackReceiver, type SlackSettings, slackReceiver, slackSettings } from './settings.ts'
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
  open: openSlack,
}
