/** All channels. A new one is a folder, and a line here: docs/channels.md. */
import type { Channel } from './channel.ts'
import { consoleChannel } from './console/console.ts'
import { email } from './email/email.ts'
import { slack } from './slack/slack.ts'

export const channels: readonly Channel[] = [slack, email, consoleChannel]
