/** One request and its answer. */
import type { IncomingHttpHeaders } from 'node:http'
import type { Dispatcher } from 'undici'

export interface Request {
  readonly url: URL
  readonly method: 'GET' | 'POST'
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

export interface Response {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
  /** False if the rest of the body did not arrive or was not read, so that only the status counts. */
  readonly isWhole: boolean
}

/** The request failed before a byte of it was written to a connection. */
export class NotSent extends Error {
  override readonly name = 'NotSent'
  override readonly cause: Error

  constructor(cause: Error) {
    super(cause.message)
    this.cause = cause
  }
}

/**
 * Like undici's `request`, but without creating a stream for every answer. A failure is NotSent unless the request began: what
 * failed before that (a proxy, a handshake) did not receive the message. Otherwise it is what undici throws, or a TimeoutError. An
 * answer that breaks off is an error if its status is a success: whether it is one depends on the body.
 */
export function exchange(dispatcher: Dispatcher, sent: Request, timeoutMs: number): Promise<Response> {
  const { url, method, headers, body } = sent
  return new Promise((resolve, reject) => {
    let begun: Dispatcher.DispatchController | null = null
    let expired: Error | null = null
    const timer = setTimeout(() => {
      expired = new DOMException('The operation was aborted due to timeout', 'TimeoutError')
      begun?.abort(expired)
    }, timeoutMs)
    const chunks: Buffer[] = []
    let status = 0
    let received: IncomingHttpHeaders = {}
    dispatcher.dispatch(
      { origin: url.origin, path: url.pathname + url.search, method, headers, body },
      {
        onRequestStart(controller) {
          if (expired === null) begun = controller
          else controller.abort(expired)
        },
        onResponseStart(_controller, statusCode, headers) {
          status = statusCode
          received = headers
        },
        onResponseData(_controller, chunk) {
          chunks.push(chunk)
        },
        onResponseEnd() {
          clearTimeout(timer)
          resolve({ status, headers: received, text: textOf(chunks), isWhole: true })
        },
        onResponseError(_controller, error) {
          clearTimeout(timer)
          if (status >= 300) resolve({ status, headers: received, text: textOf(chunks), isWhole: false })
          else reject(begun === null ? new NotSent(error) : error)
        },
      },
    )
  })
}

/** Without the byte order mark that some servers send. */
function textOf(chunks: readonly Buffer[]): string {
  const [first = Buffer.alloc(0)] = chunks
  return (chunks.length > 1 ? Buffer.concat(chunks) : first).toString().replace(/^\ufeff/, '')
}
