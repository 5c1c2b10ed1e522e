import { readFileSync } from 'node:fs'
import type { CompiledConfig } from '../../config/compiled.ts'
import type { Secret } from '../../core/secret.ts'
import { sign } from '../../sources/svix.ts'
import { load, type Register } from '../context.ts'
import { eventBody } from '../event-input.ts'
import { CommandError, colour, print, printJson, type Terminal } from '../terminal.ts'
import { at, postTo, serviceUrl } from './client.ts'

interface SendFlags {
  readonly type?: string
  readonly data?: readonly string[]
  readonly file?: string
  readonly source?: string
  readonly url?: string
  readonly id?: string
  readonly json?: boolean
}

async function sendCommand(terminal: Terminal, { config }: CompiledConfig, flags: SendFlags): Promise<void> {
  const names = Object.keys(config.sources)
  const source = flags.source ?? names[0] ?? ''
  const secret = config.sources[source]?.svix.secrets[0]
  if (secret === undefined)
    throw new CommandError(`no source "${source}"; the configuration has ${names.join(', ')}`, 2)
  await send(terminal, {
    url: flags.url ?? serviceUrl(config.server),
    source,
    secret,
    body: bodyOf(flags, config.sources[source]?.event_type),
    messageId: flags.id ?? `msg_${crypto.randomUUID()}`,
    ...(flags.json && { json: true }),
  })
}

export const registerSend: Register = (hookbridge, context) => {
  hookbridge
    .command('send')
    .description('sign one event as the sender would, and post it to a running service')
    .option('--type <type>', 'the event type, as in analysis.completed')
    .option('--data <key=value...>', "the payload's data (default: a random id); key:=value takes JSON")
    .option('--file <file>', 'a whole body instead, - for standard input')
    .option('--source <name>', 'the source to send as (default: the first)')
    .option('--url <url>', 'the service (default: where the configuration says it listens)')
    .option('--id <id>', "the message's id (default: a new one)")
    .option('--json', 'print the answer as JSON')
    .action((options: SendFlags) => sendCommand(context.terminal, load(context), options))
}

interface SendOptions {
  /** The service's address, without a path. */
  readonly url: string
  readonly source: string
  readonly secret: Secret
  readonly body: string
  readonly messageId: string
  readonly json?: boolean
}

/** `hookbridge send`: signs one event as the sender would, and posts it to a running service. */
async function send(terminal: Terminal, options: SendOptions): Promise<void> {
  const { url, source, secret, body, messageId } = options
  const target = at(url, `/webhooks/${encodeURIComponent(source)}`)
  const headers = { 'content-type': 'application/json', ...sign(secret, messageId, new Date(), body) }
  const { status, text, body: answer } = await postTo(target, headers, body)
  const ok = status >= 200 && status < 300
  if (options.json) printJson(terminal, { status, message_id: messageId, answer })
  else print(terminal, `POST ${target}  ${colour(terminal, ok ? 'green' : 'red', String(status))}\n${text}`)
  if (!ok) throw new CommandError(`the service refused the event (${status})`)
}

/** The body of an event: a file's content, or one that is made. */
function bodyOf({ type, data = [], file }: SendFlags, eventType: string | undefined): string {
  if (file !== undefined) {
    try {
      return readFileSync(file === '-' ? 0 : file, 'utf8')
    } catch (error) {
      throw new CommandError(`cannot read ${file}: ${error instanceof Error ? error.message : error}`, 2)
    }
  }
  if (type === undefined)
    throw new CommandError('pass --type (as in --type analysis.completed), or --file with a whole body', 2)
  return eventBody(type, data, eventType)
}
