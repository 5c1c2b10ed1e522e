import { isChannel, newAppUrl, slackManifest } from '../channels/slack/manifest.ts'
import { readDocument } from '../config/file/document.ts'
import { formatProblem } from '../config/problem.ts'
import { isObject, ownProperty } from '../core/json.ts'
import { type Context, type Register, summary } from './context.ts'
import { CommandError, printable } from './terminal.ts'

const OPTIONAL = `
With the scope channels:history as well (groups:history for private channels), a message whose attempt ended without an answer
is looked up before it is sent again. The app may then read the channels that it is in.
`

export const registerSlackManifest: Register = (hookbridge, context) => {
  hookbridge
    .command('slack-manifest')
    .description(
      'print the manifest of a Slack app with the scopes that the configuration needs, and its link',
    )
    .action(() => printManifest(context))
}

/** Reads the file alone: there is no token yet. */
function printManifest({ terminal, file }: Context): void {
  const read = readDocument(file())
  if (!read.ok) {
    for (const problem of read.problems) terminal.err.write(`${printable(formatProblem(problem))}\n`)
    throw new CommandError(summary(read.problems))
  }
  const receivers = ownProperty(read.document.value, 'receivers')
  const slacks = Object.values(isObject(receivers) ? receivers : {}).map((receiver) =>
    ownProperty(receiver, 'slack'),
  )
  const channels = slacks
    .map((slack) => ownProperty(slack, 'channel'))
    .filter((name) => typeof name === 'string')
  const manifest = slackManifest(
    channels,
    slacks.some((slack) => ownProperty(slack, 'webhook_url') !== undefined),
  )
  terminal.out.write(manifest)
  terminal.err.write(`\nCreate the app with it: ${newAppUrl(manifest)}\n`)
  if (channels.some(isChannel)) terminal.err.write(OPTIONAL)
}
