/** Mail over SMTP: one message for each recipient, with a text part and an HTML part. */
import { type Channel, UNLIMITED } from '../channel.ts'
import { openOnFirstUse, type Sender } from '../sender.ts'
import { addressKey, wireAddress } from './address.ts'
import { Pace } from './pace.ts'
import {
  type EmailReceiver,
  type EmailSettings,
  emailReceiver,
  emailSettings,
  FIRST_CONNECTIONS,
  parseSmtpUrl,
} from './settings.ts'
import { compile, type Mail, sharedFiles, templateFiles } from './template/rendering.ts'
import { warnings } from './warnings.ts'

const NOT_CONFIGURED = 'channels.email is not configured: set its smtp and from'

export const email: Channel<EmailSettings, EmailReceiver, Mail> = {
  name: 'email',
  settings: emailSettings,
  receiver: emailReceiver,
  templateFiles,
  sharedFiles,
  missingSettings: (settings) =>
    settings === undefined ? 'channels.email is missing: set its `smtp` and `from`' : null,
  warnings,
  targets: ({ to }) =>
    to.map(({ address }) => ({ target: address, rateKey: `email:${addressKey(address)}` })),
  followUp: ({ follow_up }) => ({ how: follow_up ?? 'reply', broadcast: 'never' }),
  compile,
  toText: ({ subject, text }) => `Subject: ${subject}\n\n${text.trim()}`,
  open(settings, receivers, env) {
    const server = settings && parseSmtpUrl(settings.smtp.reveal())
    const connections = settings?.connections ?? 1
    const pace = settings?.rate === undefined ? null : new Pace(settings.rate, () => performance.now())
    const concurrency = Math.min(connections, FIRST_CONNECTIONS)
    const limits = { rateLimit: UNLIMITED, perDestination: connections, concurrency }
    return openOnFirstUse({ ...limits, ...(pace && { room: () => pace.room() }) }, async () => {
      if (!settings || !server) return unconfigured
      const { MailSender, patientTimeouts } = await import('./sending/sending.ts')
      const { openTokens } = await import('./oauth/tokens.ts')
      const tokens = settings.oauth2
        ? openTokens(settings.oauth2, wireAddress(settings.from.address), env)
        : null
      return new MailSender(settings, server, receivers, patientTimeouts(env.timeout), pace, tokens)
    })
  },
  preview: async () => (await import('./preview.ts')).emailPreview,
  doctor: async () => (await import('./doctor.ts')).emailDoctor,
}

/** For deliveries that were planned before the channel was removed from the configuration. */
const unconfigured: Sender<Mail> = {
  send: () => Promise.resolve({ kind: 'park', reason: NOT_CONFIGURED }),
  close: () => Promise.resolve(),
}
