import type { Channel } from '../channel.ts'
import { openOnFirstUse } from '../sender.ts'
import type { SlackMessage } from './message.ts'
import { toText } from './plain-text.ts'
import { type SlackReceiver, type SlackSettings, slackReceiver, slackSettings } from './settings.ts'
import { canLookUp, slackTarget } from './target.ts'
import { TEMPLATE_FILE } from './template/leaf.ts'
import { compileTemplate } from './template/template.ts'

export const slack: Channel<SlackSettings, SlackReceiver, SlackMessage> = {
  name: 'slack',
  settings: slackSettings,
  receiver: slackReceiver,
  templateFiles: [TEMPLATE_FILE],
  missingSettings(settings, receiver) {
    if (receiver.channel === undefined || settings?.token !== undefined) return null
    return 'channels.slack.token is missing; a Slack channel needs it (or give the receiver a webhook_url)'
  },
  targets(receiver, receiverName) {
    const target = slackTarget(receiver, receiverName)
    return [{ target, rateKey: `slack:${target}` }]
  },
  followUp: ({ follow_up: how, broadcast }) => ({ how, broadcast }),
  compile: compileTemplate,
  toText,
  open(given, receivers, env) {
    const settings = given ?? slackSettings.parse({})
    const { rate, burst, concurrency } = settings
    // Half of all attempts, so that one slow channel with many messages does not delay the others.
    const limits = { rateLimit: { rate, burst }, perDestination: Math.ceil(concurrency / 2), concurrency }
    const lookingUp = { canLookUp: (target: string) => canLookUp(settings, target) }
    return openOnFirstUse({ ...limits, ...lookingUp }, async () => {
      const { openSender } = await import('./sending/sending.ts')
      return openSender(settings, receivers, env)
    })
  },
  preview: async () => (await import('./preview/preview.ts')).slackPreview,
  doctor: async () => (await import('./doctor/doctor.ts')).slackDoctor,
}
