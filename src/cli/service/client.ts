/** Requests from a command to the running service. */
import { CommandError } from '../terminal.ts'

// As in src/http/hardening.ts: an import would load Node's WebSocket, also for `serve`.
const { request } = process.getBuiltinModule('node:http')

const TIMEOUT_MS = 15_000

export interface Answer {
  readonly status: number
  readonly text: string
  /** The parsed text, or the text itself if it is not JSON. */
  readonly body: unknown
}

/** The address at which the service can be reached on this machine. */
export function serviceUrl({ host, port }: { readonly host: string; readonly port: number }): string {
  const reachable = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host
  return `http://${reachable.includes(':') ? `[${reachable}]` : reachable}:${port}`
}

/** Posts to a path of the service. If nothing answers, it fails with a message that ends with `hint`. */
export async function postTo(
  target: string,
  headers: Readonly<Record<string, string>>,
  body = '',
  hint = '',
): Promise<Answer> {
  try {
    const signal = AbortSignal.timeout(TIMEOUT_MS)
    const response = await fetch(target, { method: 'POST', headers, body, signal })
    const text = await response.text()
    return { status: response.status, text, body: parse(text) }
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error)
    throw new CommandError(
      `nothing answers at ${target} (${cause}); is "hookbridge serve" running there? --url names another address${hint === '' ? '' : ` (${hint})`}`,
    )
  }
}

/** The same over the service's admin socket. */
export function postToSocket(socketPath: string, path: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error & { code?: string }) => {
      const why =
        error.code === 'EACCES'
          ? "only root and the service's own user may open it"
          : 'is "hookbridge serve" running with this server.admin_socket?'
      reject(new CommandError(`nothing answers at ${socketPath} (${error.code ?? error.message}); ${why}`))
    }
    const signal = AbortSignal.timeout(TIMEOUT_MS)
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

/** Joins the address of the service and a path. */
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
