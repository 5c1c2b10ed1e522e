/** The checks of a configuration, for one answer to `init` at a time. */
import type { ZodType } from 'zod'
import { emailReceiver, emailSettings } from '../channels/email/settings.ts'
import { slackReceiver, slackSettings } from '../channels/slack/settings.ts'
import { svixSecret } from './schema/kinds.ts'

/** Why the text cannot be used, as `check` would report it; null if it can. */
export type Mistake = (text: string) => string | null

export const mistakes = {
  signingSecret: (text) => mistakeOf(svixSecret, text),
  slackToken: (text) => mistakeOf(slackSettings, { token: text }),
  slackWebhook: (text) => mistakeOf(slackReceiver, { webhook_url: text }),
  slackChannel: (text) => mistakeOf(slackReceiver, { channel: text }),
  smtp: (text) => mistakeOf(emailSettings, { smtp: text, from: 'a@localhost' }),
  from: (text) => mistakeOf(emailSettings, { smtp: 'smtp://localhost', from: text }),
  to: (text) => mistakeOf(emailReceiver, { to: [text] }),
} satisfies Readonly<Record<string, Mistake>>

function mistakeOf(schema: ZodType, value: unknown): string | null {
  return schema.safeParse(value).error?.issues[0]?.message ?? null
}
