/** One connection of a sender at a time, kept alive, with requests one after the other. It takes less of the processor than node:http. */
import { connect, type Socket } from 'node:net'
import { statusOf } from '../support/siege.ts'

// As long as Svix waits.
const TIMEOUT_MS = 15_000
const END_OF_HEAD = '\r\n\r\n'

export interface Answer {
  readonly status: number
  /** As the service's clock has it. */
  readonly date: string
  readonly body: string
}

export interface Connection {
  /** Null where no whole answer came. `isCut`: hangs up as soon as the request is sent. */
  exchange(request: string, isCut: boolean): Promise<Answer | null>
  end(): void
}

export function createConnection(port: number): Connection {
  let socket: Socket | undefined
  let received = ''
  let settle: (answer: Answer | null) => void = () => {}

  function open(): Socket {
    const opened = connect({ port, host: '127.0.0.1', noDelay: true })
    opened.setEncoding('latin1')
    opened.setTimeout(TIMEOUT_MS, () => opened.destroy())
    opened.on('data', (chunk: string) => {
      received += chunk
      const answer = readAnswer(received)
      if (answer !== null) settle(answer)
    })
    opened.on('error', () => {})
    opened.once('close', () => {
      if (socket !== opened) return
      socket = undefined
      settle(null)
    })
    return opened
  }

  return {
    exchange(request, isCut) {
      const { promise, resolve } = Promise.withResolvers<Answer | null>()
      settle = resolve
      received = ''
      socket ??= open()
      const used = socket
      used.write(request, 'latin1', () => {
        if (isCut) setImmediate(() => used.destroy())
      })
      return promise
    },
    end: () => socket?.destroy(),
  }
}

/** Null while there is more to come. */
function readAnswer(text: string): Answer | null {
  const headEnd = text.indexOf(END_OF_HEAD)
  if (headEnd < 0) return null
  const head = text.slice(0, headEnd)
  const body = text.slice(headEnd + END_OF_HEAD.length)
  if (body.length < Number(/^content-length: (\d+)/im.exec(head)?.[1] ?? 0)) return null
  return { status: statusOf(head), date: /^date: (.+)$/im.exec(head)?.[1] ?? '', body }
}
