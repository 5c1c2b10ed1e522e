/** A real SMTP server on the loopback interface, which misbehaves where a test asks for it. */
import type { AddressInfo, BoundSocket } from 'node:net'
import { SMTPServer, type SMTPServerSession } from 'smtp-server'

export interface ReceivedMail {
  /** The envelope, whatever the headers say. */
  readonly from: string
  readonly to: readonly string[]
  /** The name that the client gave. */
  readonly ehlo: string
  /** Whether the client asked for SMTPUTF8. */
  readonly utf8: boolean
  /** The message as it came over the wire, not parsed. */
  readonly raw: Buffer
  /** Milliseconds since the epoch. */
  readonly at: number
}

/**
 * The moments at which the server can misbehave. `data` is when a whole message has arrived and before it is
 * kept; `accepted` is when it has been kept and before the client hears of it.
 */
export type MailStep = 'connect' | 'hello' | 'starttls' | 'auth' | 'mail' | 'rcpt' | 'data' | 'accepted'

export interface MailReply {
  readonly code: number
  /** Without the code; a line break makes it a reply of many lines. */
  readonly message: string
}

export type MailBehaviour =
  | MailReply
  /** Never answers. */
  | 'stall'
  /** Closes the socket without a word. */
  | 'drop'

export interface MailServerOptions {
  /** 0, the default, takes a free one. */
  readonly port?: number
  /** A port that is held for it, instead. */
  readonly socket?: BoundSocket
  /** What a client must present; without it nobody is asked, and AUTH is not offered. */
  readonly auth?: { readonly user: string; readonly pass: string }
  /** Offers STARTTLS, with the self-signed certificate of smtp-server. */
  readonly tls?: boolean
  /** Milliseconds between the end of a message and the answer. */
  readonly delay?: number
  /** Milliseconds between the connection and the greeting. */
  readonly greetAfter?: number
  /** Connections at once; more are refused as `tooMany` says. */
  readonly connectionLimit?: number
  /** `hangs_up`: without a word; `accepts`: the refusal comes after the message, as Exchange Online does. */
  readonly tooMany?: MailReply | 'hangs_up' | 'accepts'
  /** Does not offer SMTPUTF8. */
  readonly asciiOnly?: boolean
}

export interface MailServer {
  /** `smtp://127.0.0.1:PORT`, with the credentials where some are needed. */
  readonly url: string
  readonly port: number
  /** In the order of arrival; a caller may empty it. */
  readonly messages: ReceivedMail[]
  /** Connections open now, ever, refused because of the limit, and the most that were admitted at once. */
  readonly connections: {
    readonly open: number
    readonly total: number
    readonly refused: number
    readonly most: number
  }
  /** Is asked at each step; undefined means all is well. `detail` is the address, the user or nothing. */
  behave: (step: MailStep, detail: string) => MailBehaviour | undefined
  /** Cuts every connection, and takes others. */
  cut(): void
  /** Cuts every connection. Idempotent. */
  close(): Promise<void>
}

type Answer = (error?: Error | null) => void

/** Greets at once, as most servers do; the library waits for 100 ms to see whether the client talks first. */
class PromptServer extends SMTPServer {
  override connect(...[socket, options]: Parameters<SMTPServer['connect']>): void {
    super.connect(socket, options)
    const connection = [...this.connections].at(-1)
    if (connection === undefined) return
    connection.connectionReady()
    connection.connectionReady = () => {}
  }
}

/** Resolves when the server listens on 127.0.0.1; rejects where the port is taken. */
export async function startMailServer(options: MailServerOptions = {}): Promise<MailServer> {
  const messages: ReceivedMail[] = []
  const admitted = new Set<string>()
  const overLimit = new Set<string>()
  const connections = { total: 0, refused: 0, most: 0 }

  const smtp = new PromptServer({
    logger: false,
    name: 'mail.localhost',
    disableReverseLookup: true,
    authOptional: options.auth === undefined,
    allowInsecureAuth: true,
    hideSMTPUTF8: options.asciiOnly === true,
    disabledCommands: [...(options.auth ? [] : ['AUTH']), ...(options.tls ? [] : ['STARTTLS'])],
    onConnect(session, answer) {
      connections.total++
      interceptCommands(session)
      if (!admit(session, answer)) return
      const greet = () => step('connect', session.remoteAddress, session, answer)
      if (options.greetAfter) setTimeout(greet, options.greetAfter)
      else greet()
    },
    onClose: ({ id }) => {
      admitted.delete(id)
      overLimit.delete(id)
    },
    onAuth(auth, session, answer) {
      const user = auth.username ?? ''
      step('auth', user, session, (error) => {
        if (error) return answer(error)
        if (user === options.auth?.user && auth.password === options.auth.pass) return answer(null, { user })
        answer(refusal(535, 'Authentication credentials invalid'))
      })
    },
    onMailFrom: (address, session, answer) => step('mail', address.address, session, answer),
    onRcptTo: (address, session, answer) => step('rcpt', address.address, session, answer),
    onData(stream, session, answer) {
      const chunks: Buffer[] = []
      const from = session.envelope.mailFrom ? session.envelope.mailFrom.address : ''
      const to = session.envelope.rcptTo.map((recipient) => recipient.address)
      stream.on('data', (chunk: Buffer) => chunks.push(chunk))
      stream.on('end', () => {
        step('data', from, session, (error) => {
          if (error) return answer(error)
          if (overLimit.has(session.id)) {
            return answer(refusal(432, '4.3.2 Concurrent connections limit exceeded.'))
          }
          const ehlo = String(session.hostNameAppearsAs)
          const utf8 = session.envelope.smtpUtf8 === true
          messages.push({ from, to, ehlo, utf8, raw: Buffer.concat(chunks), at: Date.now() })
          const accept = () => step('accepted', from, session, answer)
          if (options.delay) setTimeout(accept, options.delay)
          else accept()
        })
      })
    },
  })

  function step(name: MailStep, detail: string, session: SMTPServerSession, answer: Answer): void {
    const behaviour = server.behave(name, detail)
    if (behaviour === 'stall') return
    if (behaviour === undefined) answer()
    else if (behaviour === 'drop') socketOf(smtp, session)?.destroy()
    else answer(refusal(behaviour.code, behaviour.message))
  }

  /** False where the connection is refused because there are too many. */
  function admit(session: SMTPServerSession, answer: Answer): boolean {
    if (options.connectionLimit !== undefined && admitted.size >= options.connectionLimit) {
      connections.refused++
      if (options.tooMany === 'accepts') {
        overLimit.add(session.id)
        return true
      }
      if (options.tooMany === 'hangs_up') socketOf(smtp, session)?.destroy()
      else answer(refusal(options.tooMany?.code ?? 421, options.tooMany?.message ?? 'Too many connections'))
      return false
    }
    admitted.add(session.id)
    connections.most = Math.max(connections.most, admitted.size)
    return true
  }

  /** The library asks nobody about these commands. */
  function interceptCommands(session: SMTPServerSession): void {
    for (const connection of smtp.connections) {
      if (connection.id !== session.id) continue
      const { handler_EHLO: hello, handler_STARTTLS: starttls } = connection
      const refuse = (name: MailStep, command: Buffer, done: () => void): boolean => {
        const behaviour = server.behave(name, String(command))
        if (behaviour === undefined) return false
        if (behaviour === 'drop') connection._socket.destroy()
        else if (behaviour !== 'stall') {
          connection.send(behaviour.code, behaviour.message, false)
          done()
        }
        return true
      }
      connection.handler_EHLO = (command, done) => {
        if (!refuse('hello', command, done)) hello.call(connection, command, done)
      }
      connection.handler_HELO = connection.handler_EHLO
      connection.handler_STARTTLS = (command, done) => {
        if (!refuse('starttls', command, done)) starttls.call(connection, command, done)
      }
    }
  }

  // A client that is cut off in the middle of a line is part of the exercise.
  smtp.on('error', () => {})
  await new Promise<void>((resolve, reject) => {
    smtp.server.once('error', reject)
    if (options.socket !== undefined) smtp.server.listen(options.socket, () => resolve())
    else smtp.listen(options.port ?? 0, '127.0.0.1', () => resolve())
  })
  const { port } = smtp.server.address() as AddressInfo
  const user = options.auth
    ? `${encodeURIComponent(options.auth.user)}:${encodeURIComponent(options.auth.pass)}@`
    : ''

  const server: MailServer = {
    url: `smtp://${user}127.0.0.1:${port}`,
    port,
    messages,
    connections: {
      get open() {
        return smtp.connections.size
      },
      get total() {
        return connections.total
      },
      get refused() {
        return connections.refused
      },
      get most() {
        return connections.most
      },
    },
    behave: () => undefined,
    cut: () => cut(smtp),
    close: () => close(smtp),
  }
  return server
}

function refusal(responseCode: number, message: string): Error {
  return Object.assign(new Error(message), { responseCode })
}

function socketOf(smtp: SMTPServer, session: SMTPServerSession) {
  for (const connection of smtp.connections) if (connection.id === session.id) return connection._socket
  return undefined
}

function close(smtp: SMTPServer): Promise<void> {
  return new Promise((resolve) => {
    if (!smtp.server.listening) return resolve()
    smtp.close(() => resolve())
    cut(smtp)
  })
}

function cut({ connections }: SMTPServer): void {
  for (const connection of connections) connection._socket.destroy()
}
