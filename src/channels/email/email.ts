/** Mail over SMTP: one message for each recipient, with a text part and an HTML part. */
import type { Channel } from '../channel.ts'
import { compile, type Mail, sharedFiles, templateFiles } from './rendering.ts'
import { open } from './sending.ts'
import { type EmailReceiver, type EmailSettings, emailReceiver, emailSettings } from './settings.ts'

export const email: Channel<EmailSettings, EmailReceiver, Mail> = {
  name: 'email',
  settings: emailSettings,
  receiver: emailReceiver,
  templateFiles,
  sharedFiles,
  missingSettings: (settings) =>
    settings === undefined ? 'channels.email is missing: set its `smtp` and `from`' : null,
  targets: ({ to }) => to.map(({ address }) => ({ target: address, lane: `email:${address.toLowerCase()}` })),
  compile,
  open,
}
