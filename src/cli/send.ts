import { readFileSync } from 'node:fs'
import type { Setup } from '../config/load.ts'
import type { Secret } from '../core/secret.ts'
import { sign } from '../sources/svix.ts'
import { load, type Register } from './context.ts'
import { eventBody } from './event-input.ts'
import { CommandError, colour, print, printJson, type Terminal } from './terminal.ts'

interface SendFlags {
  readonly type?: string
  readonly data?: readonly string[]
  readonly file?: string
  readonly source?: string
  readonly url?: string
  readonly id?: string
  readonly json?: boolean
}

async function sendCommand(terminal: Terminal, { config }: Setup, flags: SendFlags): Promise<void> {
  const names = Object.keys(config.sources)
  const source = flags.source ?? names[0] ?? ''
  const secret = config.sources[source]?.svix.secrets[0]
  if (secret === undefined)
    throw new CommandError(`no source "${source}"; the configuration has ${names.join(', ')}`, 2)
  const host =
    config.server.host === '0.0.0.0' || config.server.host === '::' ? '127.0.0.1' : config.server.host
  await send(terminal, {
    url: flags.url ?? `http://${host}:${config.server.port}`,
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
  const target = `${url.replace(/\/$/, '')}/webhooks/${encodeURIComponent(source)}`
  const headers = { 'content-type': 'application/json', ...sign(secret, messageId, new Date(), body) }
  let response: Response
  try {
    response = await fetch(target, { method: 'POST', headers, body, signal: AbortSignal.timeout(15_000) })
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error)
    throw new CommandError(
      `nothing answers at ${target} (${cause}); is "hookbridge serve" running there? --url names another address`,
    )
  }
  const answer = await response.text()
  if (options.json)
    printJson(terminal, { status: response.status, message_id: messageId, answer: parse(answer) })
  else {
    const status = colour(terminal, response.ok ? 'green' : 'red', String(response.status))
    print(terminal, `POST ${target}  ${status}\n${answer}`)
  }
  if (!response.ok) throw new CommandError(`the service refused the event (${response.status})`)
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
    throw new CommandError('say --type (as in --type analysis.completed), or --file with a whole body', 2)
  return eventBody(type, data, eventType)
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
