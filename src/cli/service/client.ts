/** The client that commands use for the running service. */
import { CommandError, type Terminal } from '../terminal/terminal.ts'

// As in src/http/hardening.ts: an import would load Node's WebSocket, also for `serve`.
const { request } = process.getBuiltinModule('node:http')

const PATIENCE = 15_000

export interface Answer {
  readonly status: number
  readonly text: string
  /** The text parsed as JSON, or unchanged if it is not JSON. */
  readonly body: unknown
}

/** Its address, from the configuration. */
export function serviceUrl({ host, port }: { readonly host: string; readonly port: number }): string {
  const reachable = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host
  return `http://${reachable.includes(':') ? `[${reachable}]` : reachable}:${port}`
}

/** Posts to a path of the service; fails if nothing answers. */
export async function postTo(
  target: string,
  headers: Readonly<Record<string, string>>,
  body = '',
): Promise<Answer> {
  try {
    const signal = AbortSignal.timeout(PATIENCE)
    const response = await fetch(target, { method: 'POST', headers, body, signal })
    const text = await response.text()
    return { status: response.status, text, body: parse(text) }
  } catch (error) {
    throw noAnswer(target, error)
  }
}

/** `error`: what fetch threw. */
export function noAnswer(target: string, error: unknown): CommandError {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error)
  return new CommandError(
    `nothing answers at ${target} (${cause}); is "hookbridge serve" running there? --url names another address, such as the old one where server.host or server.port was changed after the start`,
  )
}

/** Posts to a path of the service over its admin socket; fails if nothing answers. */
export function postToSocket({ command }: Terminal, socketPath: string, path: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error & { code?: string }) => {
      const why =
        error.code === 'EACCES'
          ? "only root and the service's user may open it: run this with sudo"
          : `is "${command} serve" running with this server.admin_socket?`
      reject(new CommandError(`nothing answers at ${socketPath} (${error.code ?? error.message}); ${why}`))
    }
    const signal = AbortSignal.timeout(PATIENCE)
    const sent = request({ socketPath, path, method: 'POST', signal }, async (response) => {
      try {
        let text = ''
        for await (const chunk of response.setEncoding('utf8')) text += chunk
        resolve({ status: response.statusCode ?? 0, text, body: parse(text) })
      } catch (error) {
        fail(error instanceof Error ? error : new Error(String(error)))
      }
    })
    sent.once('error', fail)
    sent.end()
  })
}

const WEBHOOK = /\/webhooks\/([^/]+)\/*$/

/** The service's address, from what a person enters: that address, or the URL of a webhook, as the log prints it. */
export function baseOf(url: string): string {
  const parsed = parsedUrl(url)
  return `${parsed.origin}${parsed.pathname.replace(WEBHOOK, '')}`.replace(/\/+$/, '')
}

/** The source whose webhook has this URL, if any. */
export function sourceOf(url: string): string | undefined {
  const [, name] = WEBHOOK.exec(parsedUrl(url).pathname) ?? []
  return name === undefined ? undefined : decoded(name)
}

function parsedUrl(url: string): URL {
  const parsed = URL.parse(url)
  if (parsed !== null && /^https?:$/.test(parsed.protocol)) return parsed
  const meant =
    URL.canParse(`http://${url}`) && !url.includes('//') ? `http://${url}` : 'http://127.0.0.1:8080'
  throw new CommandError(`--url takes a URL such as ${meant}, not "${url}"`, 2)
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** The path of the service at this address. */
export function at(url: string, path: string): string {
  return `${url.replace(/\/$/, '')}${path}`
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
