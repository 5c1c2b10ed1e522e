/** One connection to the mail server: opened, used for one mail after another, closed. */
import { Readable } from 'node:stream'
import SMTPConnection, { type SMTPConnectionOptions } from 'nodemailer/lib/smtp-connection'
import { needsUtf8 } from '../address.ts'
import { type CertificateFailure, withCertificate } from './certificate.ts'
import type { Step } from './reply.ts'

export interface SessionSettings extends SmtpTimeouts {
  readonly connection: SMTPConnectionOptions
  readonly credentials: { readonly user: string; readonly pass: string } | null
}

/** Addresses as they go over the wire. */
export interface Envelope {
  readonly from: string
  readonly to: string
}

/** Codes of our own, beside nodemailer's. */
export const NO_UTF8_SENDER = 'EUTF8SENDER'
export const NO_UTF8_RECIPIENT = 'EUTF8RECIPIENT'

/** Milliseconds. */
export interface SmtpTimeouts {
  /** For a server to take the connection. */
  readonly connectMs: number
  /** From then on to the end of greeting and TLS; for the login; for MAIL, RCPT and DATA together. */
  readonly answerMs: number
  /**
   * For the message and the answer to its final dot. A server that has taken a message and is slow to say so would get
   * it twice from a client that gives up: RFC 5321, 4.5.3.2.6.
   */
  readonly acceptMs: number
}

/** Why a step failed, in nodemailer's words; see its errors.js for the codes. */
export interface SmtpFailure extends CertificateFailure {
  readonly message: string
  readonly code?: string | undefined
  /** The code of the system's or OpenSSL's error behind this one. */
  readonly originalCode?: string | undefined
  /** The server's own words. */
  readonly response?: string | undefined
  readonly responseCode?: number | undefined
  /** Where in the dialogue it happened. */
  readonly step: Step
  /** What was waited for in vain, where it took too long. */
  readonly timeout?: 'connection' | 'greeting' | 'answer' | undefined
  /** Whether any of the message may have left this machine. */
  readonly begun: boolean
}

export type SmtpResult =
  | { readonly ok: true; readonly response: string }
  | ({ readonly ok: false } & SmtpFailure)

type Done<T> = (error?: Error | null, value?: T) => void

export class Session {
  readonly #connection: SMTPConnection
  readonly #settings: SessionSettings
  /** Fails the step that is under way. */
  #fail: ((error: Error) => void) | null = null
  /** Gives the step that is under way this long from now. */
  #extend: (ms: number) => void = () => {}
  #begun = false
  #sending = false
  #hasUtf8 = false
  #ended = false

  constructor(settings: SessionSettings) {
    this.#settings = settings
    this.#connection = new SMTPConnection(settings.connection)
    // An error without a listener would end the process, also one of an idle connection.
    this.#connection.on('error', (error: Error) => this.#fail?.(error))
    this.#connection.once('end', () => {
      this.#ended = true
      // The reason usually arrives before this event, or within this turn.
      setImmediate(() => this.#fail?.(new Error('the connection was closed')))
    })
  }

  get usable(): boolean {
    return !this.#ended
  }

  get #waitedFor(): SmtpFailure['timeout'] {
    const socket = this.#connection._socket
    if (!socket || socket.connecting) return 'connection'
    return this.#connection.lastServerResponse === false ? 'greeting' : 'answer'
  }

  get encrypted(): boolean {
    return this.#connection.secure
  }

  /** Connects and logs in. */
  async open(): Promise<SmtpFailure | null> {
    const { connectMs, answerMs } = this.#settings
    const connected = await this.#step<unknown>(
      (done) => this.#connection.connect(done),
      connectMs,
      // Taken, so somebody is there: many servers let strangers wait for their greeting.
      () => (this.#waitedFor === 'connection' ? null : answerMs),
    )
    if (!connected.ok) return withCertificate(connected, this.#settings.connection)
    // The answer to EHLO.
    this.#hasUtf8 = /^250[ -]SMTPUTF8\b/im.test(String(this.#connection.lastServerResponse))
    const { credentials } = this.#settings
    if (credentials === null) return null
    if (!this.#connection.allowsAuth) {
      this.close()
      return { message: 'the server offers no login', code: 'ENOAUTH', step: 'auth', begun: false }
    }
    const login = await this.#step<unknown>((done) =>
      this.#connection.login({ credentials: { ...credentials } }, done),
    )
    return login.ok ? null : login
  }

  async send(envelope: Envelope, message: Buffer): Promise<SmtpResult> {
    this.#begun = false
    this.#sending = true
    const code = needsUtf8(envelope.from) ? NO_UTF8_SENDER : needsUtf8(envelope.to) ? NO_UTF8_RECIPIENT : null
    // Nodemailer would send such an address to any server.
    if (code !== null && !this.#hasUtf8) {
      return { ok: false, message: 'the server does not offer SMTPUTF8', code, step: 'mail', begun: false }
    }
    // Nodemailer reads the message when the server has asked for it, and not before.
    const body = new Readable({
      read: () => {
        this.#begun = true
        this.#extend(this.#settings.acceptMs)
        body.push(message)
        body.push(null)
      },
    })
    const sent = await this.#step<{ response: string }>((done) =>
      this.#connection.send({ ...envelope, size: message.length }, body, done),
    )
    return sent.ok ? { ok: true, response: sent.value?.response ?? '' } : sent
  }

  /** Makes it ready for another mail after one was refused. False where that fails. */
  async reset(): Promise<boolean> {
    if (!this.usable) return false
    const reset = await this.#step<unknown>((done) => this.#connection.reset(done))
    return reset.ok
  }

  /** Sends QUIT and closes, without waiting for an answer. Idempotent. */
  close(): void {
    if (this.usable && this.#connection.stage === 'connected') this.#connection.quit()
    this.#connection.close()
  }

  /** `more`: how much longer it may take when its time is over; null ends it. */
  #step<T>(
    action: (done: Done<T>) => void,
    timeoutMs = this.#settings.answerMs,
    more: () => number | null = () => null,
  ): Promise<{ ok: true; value: T | undefined } | ({ ok: false } & SmtpFailure)> {
    return new Promise((resolve) => {
      let timer: NodeJS.Timeout | undefined
      const settle = (error: Error | null | undefined, value?: T) => {
        // One failure may be reported twice, and the second time another step can be under way.
        if (this.#fail !== settle) return
        clearTimeout(timer)
        this.#fail = null
        resolve(error ? { ok: false, ...this.#failure(error) } : { ok: true, value })
      }
      const expire = (extension: number | null) => {
        if (extension !== null) return limit(extension, () => null)
        settle(Object.assign(new Error('the server did not answer in time'), { code: 'ETIMEDOUT' }))
        this.#connection.close()
      }
      const limit = (ms: number, then: () => number | null) => {
        clearTimeout(timer)
        timer = setTimeout(() => expire(then()), ms)
      }
      this.#extend = (ms) => limit(ms, () => null)
      this.#fail = settle
      limit(timeoutMs, more)
      action(settle)
    })
  }

  #failure(error: StepError): SmtpFailure {
    const { message, code, originalCode, response, responseCode } = error
    const step = stepOf(error, this.#begun, this.#sending)
    const timeout = code === 'ETIMEDOUT' ? this.#waitedFor : undefined
    return { message, code, originalCode, response, responseCode, step, timeout, begun: this.#begun }
  }
}

/** As nodemailer reports it: its errors.js has the codes. */
interface StepError extends Error {
  readonly code?: string
  readonly originalCode?: string
  readonly command?: string
  readonly response?: string
  readonly responseCode?: number
}

const STEPS: Readonly<Record<string, Step>> = {
  CONN: 'greeting',
  EHLO: 'hello',
  HELO: 'hello',
  STARTTLS: 'starttls',
  'MAIL FROM': 'mail',
  'RCPT TO': 'rcpt',
}

function stepOf({ command = '', code }: StepError, begun: boolean, sending: boolean): Step {
  if (begun) return 'message'
  if (command.startsWith('AUTH')) return 'auth'
  if (command === 'DATA') return code === 'EMESSAGE' ? 'message' : 'data'
  // A reply that nothing waited for, as 421 between two commands.
  if (sending && command === 'CONN') return 'mail'
  return STEPS[command] ?? (sending ? 'mail' : 'greeting')
}
