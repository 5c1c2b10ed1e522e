/** One connection to the mail server: opened, used for one mail after another, closed. */
import { Readable } from 'node:stream'
import SMTPConnection, { type SMTPConnectionOptions, type SMTPEnvelope } from 'nodemailer/lib/smtp-connection'

export interface SessionSettings {
  readonly connection: SMTPConnectionOptions
  readonly credentials: { readonly user: string; readonly pass: string } | null
}

/** Why a step failed, in nodemailer's words; see its errors.js for the codes. */
export interface Failure {
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

export type Answer = { readonly ok: true; readonly response: string } | ({ readonly ok: false } & Failure)

type Done<T> = (error?: Error | null, value?: T) => void

export class Session {
  readonly #connection: SMTPConnection
  readonly #credentials: SessionSettings['credentials']
  /** Fails the step that is under way. */
  #fail: ((error: Error) => void) | null = null
  #begun = false
  #ended = false

  constructor(settings: SessionSettings) {
    this.#credentials = settings.credentials
    this.#connection = new SMTPConnection(settings.connection)
    // An error without a listener would end the process, also one of a connection that rests.
    this.#connection.on('error', (error: Error) => this.#fail?.(error))
    this.#connection.once('end', () => {
      this.#ended = true
      // Whoever waits has usually been told why by now, or is told within this turn.
      setImmediate(() => this.#fail?.(new Error('the connection was closed')))
    })
  }

  get usable(): boolean {
    return !this.#ended
  }

  get encrypted(): boolean {
    return this.#connection.secure
  }

  /** Connects and logs in. `deadline` is in milliseconds since the epoch. */
  async open(deadline: number): Promise<Failure | null> {
    const connected = await this.#step<unknown>(deadline, (done) => this.#connection.connect(done))
    if (!connected.ok) return connected
    const credentials = this.#credentials
    if (credentials === null) return null
    if (!this.#connection.allowsAuth) {
      this.close()
      return { message: 'the server offers no login', code: 'ENOAUTH', begun: false }
    }
    const login = await this.#step<unknown>(deadline, (done) =>
      this.#connection.login({ credentials: { ...credentials } }, done),
    )
    return login.ok ? null : login
  }

  async send(envelope: SMTPEnvelope, message: Buffer, deadline: number): Promise<Answer> {
    this.#begun = false
    // Nodemailer reads the message when the server has asked for it, and not before.
    const body = new Readable({
      read: () => {
        this.#begun = true
        body.push(message)
        body.push(null)
      },
    })
    const sent = await this.#step<{ response: string }>(deadline, (done) =>
      this.#connection.send({ ...envelope, size: message.length }, body, done),
    )
    return sent.ok ? { ok: true, response: sent.value?.response ?? '' } : sent
  }

  /** Makes it fit for another mail after one was refused. False where it is not. */
  async reset(deadline: number): Promise<boolean> {
    if (!this.usable) return false
    const reset = await this.#step<unknown>(deadline, (done) => this.#connection.reset(done))
    return reset.ok
  }

  /** Says goodbye and closes, without waiting for an answer. Idempotent. */
  close(): void {
    if (this.usable && this.#connection.stage === 'connected') this.#connection.quit()
    this.#connection.close()
  }

  #step<T>(
    deadline: number,
    action: (done: Done<T>) => void,
  ): Promise<{ ok: true; value: T | undefined } | ({ ok: false } & Failure)> {
    return new Promise((resolve) => {
      const settle = (error: Error | null | undefined, value?: T) => {
        // One failure may be told twice, and the second time another step can be under way.
        if (this.#fail !== settle) return
        clearTimeout(timer)
        this.#fail = null
        resolve(error ? { ok: false, ...this.#failure(error) } : { ok: true, value })
      }
      const timer = setTimeout(
        () => {
          settle(Object.assign(new Error('the server did not answer in time'), { code: 'ETIMEDOUT' }))
          this.#connection.close()
        },
        Math.max(0, deadline - Date.now()),
      )
      this.#fail = settle
      action(settle)
    })
  }

  #failure(error: Error & Partial<Failure>): Failure {
    const { message, code, originalCode, command, response, responseCode } = error
    return { message, code, originalCode, command, response, responseCode, begun: this.#begun }
  }
}
