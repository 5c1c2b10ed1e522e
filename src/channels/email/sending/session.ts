/** One connection to the mail server: opened, used for one mail after another, closed. */
import { Readable } from 'node:stream'
import SMTPConnection, { type SMTPConnectionOptions, type SMTPEnvelope } from 'nodemailer/lib/smtp-connection'
import { type CertificateFailure, withCertificate } from './certificate.ts'

export interface SessionSettings extends SmtpTimeouts {
  readonly connection: SMTPConnectionOptions
  readonly credentials: { readonly user: string; readonly pass: string } | null
}

/** Milliseconds. */
export interface SmtpTimeouts {
  /** For connecting with greeting and TLS, for the login, and for MAIL, RCPT and DATA together. */
  readonly stepTimeoutMs: number
  /**
   * For the message and the answer to its final dot. A server that has taken a message and is slow to say so would get
   * it twice from a client that gives up: RFC 5321, 4.5.3.2.6.
   */
  readonly acceptTimeoutMs: number
}

/** Why a step failed, in nodemailer's words; see its errors.js for the codes. */
export interface SmtpFailure extends CertificateFailure {
  readonly message: string
  readonly code?: string | undefined
  /** The code of the system's or OpenSSL's error behind this one. */
  readonly originalCode?: string | undefined
  readonly command?: string | undefined
  /** The server's own words. */
  readonly response?: string | undefined
  readonly responseCode?: number | undefined
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

  get encrypted(): boolean {
    return this.#connection.secure
  }

  /** Connects and logs in. */
  async open(): Promise<SmtpFailure | null> {
    const connected = await this.#step<unknown>((done) => this.#connection.connect(done))
    if (!connected.ok) return withCertificate(connected, this.#settings.connection)
    const { credentials } = this.#settings
    if (credentials === null) return null
    if (!this.#connection.allowsAuth) {
      this.close()
      return { message: 'the server offers no login', code: 'ENOAUTH', begun: false }
    }
    const login = await this.#step<unknown>((done) =>
      this.#connection.login({ credentials: { ...credentials } }, done),
    )
    return login.ok ? null : login
  }

  async send(envelope: SMTPEnvelope, message: Buffer): Promise<SmtpResult> {
    this.#begun = false
    // Nodemailer reads the message when the server has asked for it, and not before.
    const body = new Readable({
      read: () => {
        this.#begun = true
        this.#extend(this.#settings.acceptTimeoutMs)
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

  #step<T>(
    action: (done: Done<T>) => void,
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
      this.#extend = (ms) => {
        clearTimeout(timer)
        timer = setTimeout(() => {
          settle(Object.assign(new Error('the server did not answer in time'), { code: 'ETIMEDOUT' }))
          this.#connection.close()
        }, ms)
      }
      this.#fail = settle
      this.#extend(this.#settings.stepTimeoutMs)
      action(settle)
    })
  }

  #failure(error: Error & Partial<SmtpFailure>): SmtpFailure {
    const { message, code, originalCode, command, response, responseCode } = error
    return { message, code, originalCode, command, response, responseCode, begun: this.#begun }
  }
}
