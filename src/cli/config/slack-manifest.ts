import { isChannel, newAppUrl, slackManifest, type Wanted } from '../../channels/slack/manifest.ts'
import { readDocument } from '../../config/file/document.ts'
import type { YamlDocument } from '../../config/file/yaml-document.ts'
import { formatProblem } from '../../config/problem.ts'
import { schema } from '../../config/schema/schema.ts'
import { fill } from '../../config/validate/fill.ts'
import { isObject, ownProperty } from '../../core/json/json.ts'
import { type Context, type Define, summary } from '../context.ts'
import { CommandError, printable, textWidth, wrap } from '../terminal/terminal.ts'

const TOKEN =
  'Install it to the workspace (OAuth & Permissions), and put its bot token, xoxb-…, into channels.slack.token.'
const WEBHOOK =
  'Slack asks for the channel of the webhook when you install the app; the URL is then under Incoming Webhooks, where further ' +
  'channels get webhooks of their own. A receiver takes it as webhook_url.'
const lookingUp = (scopes: string, what: string) =>
  `With the scope ${scopes} as well, a message whose attempt ended without an answer is looked up before it is sent again. ` +
  `The app may then read ${what}.`
const IN_CHANNELS = lookingUp(
  'channels:history (groups:history for private channels)',
  'the channels that it is in',
)
const WITH_PEOPLE = lookingUp('im:history', 'what people write to it')

export const defineSlackManifest: Define = (command, context) => {
  command.action(() => printManifest(context))
}

/** Reads only the file: there is no token yet, and the rest of the configuration may be unfinished. */
function printManifest({ terminal, file }: Context): void {
  const path = file()
  const read = readDocument(path)
  if (!read.ok) {
    for (const problem of read.problems) terminal.err.write(`${printable(formatProblem(problem))}\n`)
    throw new CommandError(summary(read.problems))
  }
  const wanted = wantedBy(read.document, terminal.env)
  const { channels, webhooks } = wanted
  if (channels.length === 0 && !webhooks) {
    throw new CommandError(
      'no receiver of this configuration sends to Slack, so no app is needed: give one slack: { channel: "#name" } and run this again',
    )
  }
  const manifest = slackManifest(wanted)
  terminal.out.write(manifest)
  terminal.err.write(`\nCreate the app with it: ${newAppUrl(manifest)}\n`)
  const remarks = [
    ...(channels.length > 0 ? [TOKEN] : []),
    ...(webhooks ? [WEBHOOK] : []),
    ...(channels.some(isChannel) ? [IN_CHANNELS] : []),
    ...(channels.some((name) => !isChannel(name)) ? [WITH_PEOPLE] : []),
  ]
  for (const remark of remarks) terminal.err.write(`\n${wrap(remark, textWidth(terminal)).join('\n')}\n`)
}

function wantedBy(document: YamlDocument, env: Context['terminal']['env']): Wanted {
  const slacks = slacksOf(document.value)
  const named = slacks.map((slack) => ownProperty(slack, 'channel'))
  const value = {
    receivers: Object.fromEntries(named.map((channel, at) => [`${at}`, { slack: { channel } }])),
  }
  // A variable that is not set here is kept as written, and counts as a channel.
  const filled = fill(schema, { ...document, value }, env, () => {})
  return {
    channels: slacksOf(filled.value)
      .map((slack) => ownProperty(slack, 'channel'))
      .filter((channel) => typeof channel === 'string'),
    webhooks: slacks.some((slack) => ownProperty(slack, 'webhook_url') !== undefined),
  }
}

/** The `slack` settings of the receivers. */
function slacksOf(config: unknown): unknown[] {
  const receivers = ownProperty(config, 'receivers')
  return Object.values(isObject(receivers) ? receivers : {}).map((receiver) => ownProperty(receiver, 'slack'))
}
