import { readFileSync } from 'node:fs'
import type { CompiledConfig } from '../../config/compiled.ts'
import { ownProperty } from '../../core/json/json.ts'
import { sign } from '../../sources/svix.ts'
import { load } from '../config/load.ts'
import { type Context, type Define, duration, fromHere } from '../context.ts'
import { eventBody } from '../event-input.ts'
import { deliveryJson } from '../history/json.ts'
import { reading } from '../named-file.ts'
import { CommandError, colour, print, printableLines, printJson } from '../terminal/terminal.ts'
import { withStore } from '../with-store.ts'
import { followArrival, printDelivery } from './arrival.ts'
import { at, baseOf, postTo, serviceUrl, sourceOf } from './client.ts'

interface SendFlags {
  readonly type?: string
  readonly data?: readonly string[]
  readonly file?: string
  readonly source?: string
  readonly url?: string
  readonly id?: string
  readonly json?: boolean
  /** Milliseconds; true if no duration is given. */
  readonly wait?: number | true
}

const DEFAULT_WAIT_MS = 30_000

export const defineSend: Define = (command, context) => {
  command
    .option('--type <type>', 'the event type, as in analysis.completed')
    .option('--data <key=value...>', 'fields of its data: key=text, or key:=JSON (default: a random id)')
    .option('--file <file>', 'send this file as the body instead (- for standard input)')
    .option('--source <name>', 'the source to send as (default: that of --url, else the first)')
    .option('--url <url>', 'the URL of the service or of a webhook (default: where the service listens)')
    .option('--id <id>', 'the message id, sent as svix-id (default: a new one)')
    .option(
      '--wait [duration]',
      'wait for the messages of the event, and report them; exit 1 unless each is delivered or skipped (default: 30s)',
      duration,
    )
    .option('--json', 'print the answer as JSON')
    .action((options: SendFlags) => send(context, load(context), options))
}

async function send(context: Context, { config }: CompiledConfig, flags: SendFlags): Promise<void> {
  const { terminal } = context
  const { source, target } = addressee(config, flags)
  const settings = config.sources[source]
  const secret = settings?.svix.secrets[0]
  if (secret === undefined)
    throw new CommandError(
      `no source "${source}"; the configuration has ${Object.keys(config.sources).join(', ')}`,
      2,
    )
  const body = bodyOf(context, flags, settings?.event_type)
  const messageId = flags.id ?? `msg_${crypto.randomUUID()}`
  const headers = { 'content-type': 'application/json', ...sign(secret, messageId, new Date(), body) }
  const { status, text, body: answer } = await postTo(target, headers, body)
  const ok = status >= 200 && status < 300
  const result = { status, message_id: messageId, answer }
  if (!flags.json) {
    print(
      terminal,
      `POST ${target}  ${colour(terminal, ok ? 'green' : 'red', String(status))}\n${printableLines(text)}`,
    )
  } else if (!ok || flags.wait === undefined) printJson(terminal, result)
  if (!ok) throw new CommandError(`the service refused the event (${status})`)
  if (flags.wait !== undefined) await wait(context, flags, result)
}

/** The source to send as, and its webhook. */
function addressee(
  { sources, server }: CompiledConfig['config'],
  { url, source: named }: SendFlags,
): { readonly source: string; readonly target: string } {
  const base = url === undefined ? serviceUrl(server) : baseOf(url)
  const ofUrl = url === undefined ? undefined : sourceOf(url)
  if (named !== undefined && ofUrl !== undefined && named !== ofUrl)
    throw new CommandError(
      `--url is the webhook of "${ofUrl}", and --source is "${named}": give one of them`,
      2,
    )
  const source = named ?? ofUrl ?? Object.keys(sources)[0] ?? ''
  return { source, target: at(base, `/webhooks/${encodeURIComponent(source)}`) }
}

async function wait(
  context: Context,
  { wait: limit, json }: SendFlags,
  result: { readonly answer: unknown },
): Promise<void> {
  const { terminal } = context
  const id = ownProperty(result.answer, 'id')
  if (typeof id !== 'string')
    throw new CommandError(
      'the answer has no event id, so it is not from Hookbridge; check --url, or server.host and server.port',
    )
  const limitMs = limit === true || limit === undefined ? DEFAULT_WAIT_MS : limit
  const { deliveries, arrived, verdict } = await withStore(context, (store) =>
    followArrival(terminal, store, id, limitMs, (delivery) => {
      if (!json) printDelivery(terminal, delivery)
    }),
  )
  if (json)
    printJson(terminal, {
      ...result,
      arrived,
      deliveries: deliveries.map((one) => deliveryJson(one, deliveries)),
    })
  if (!arrived) throw new CommandError(verdict)
  if (!json) print(terminal, colour(terminal, 'green', verdict))
}

/** The body of an event: the content of a file, or a generated one. */
function bodyOf(
  context: Context,
  { type, data = [], file }: SendFlags,
  eventType: string | undefined,
): string {
  if (file !== undefined) {
    if (file === '-') return readFileSync(0, 'utf8')
    const path = fromHere(context, file)
    return reading(path, () => readFileSync(path, 'utf8'), 2)
  }
  if (type === undefined)
    throw new CommandError('pass --type (as in --type analysis.completed), or --file with a whole body', 2)
  return eventBody(type, data, eventType)
}
