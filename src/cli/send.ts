import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { Secret } from '../core/secret.ts'
import { sign } from '../sources/svix.ts'
import { CommandError, colour, print, printJson, type Terminal } from './terminal.ts'

export interface SendOptions {
  /** The service's address, without a path. */
  readonly url: string
  readonly source: string
  readonly secret: Secret
  readonly body: string
  readonly messageId: string
  readonly json?: boolean
}

/** `hookbridge send`: signs one event as the sender would, and posts it to a running service. */
export async function send(terminal: Terminal, options: SendOptions): Promise<void> {
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

/** The body of an event: a file's content, or one made as Cuuro makes them, from `key=value` pairs. */
export function eventBody(
  type: string | undefined,
  data: readonly string[],
  file: string | undefined,
): string {
  if (file !== undefined) {
    try {
      return readFileSync(file === '-' ? 0 : file, 'utf8')
    } catch (error) {
      throw new CommandError(`cannot read ${file}: ${error instanceof Error ? error.message : error}`, 2)
    }
  }
  if (type === undefined)
    throw new CommandError('say --type (as in --type analysis.completed), or --file with a whole body', 2)
  const pairs = data.map((pair) => {
    const at = pair.indexOf('=')
    if (at < 1) throw new CommandError(`--data takes key=value, not "${pair}"`, 2)
    return [pair.slice(0, at), pair.slice(at + 1)] as const
  })
  return JSON.stringify({
    data: pairs.length > 0 ? Object.fromEntries(pairs) : { id: randomUUID() },
    event: type,
  })
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
