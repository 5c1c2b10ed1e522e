/** One connection to the mail server: opened, used for one mail after another, closed. */
import SMTPConnection, { type SMTPConnectionOptions } from 'nodemailer/lib/smtp-connection'
import { redact, Secret } from '../../../core/secret.ts'
import { remoteWords } from '../../remote-words.ts'
import { needsUtf8 } from '../address.ts'
import {
  BEARER_LOGIN,
  type BearerMechanism,
  bearerMechanism,
  initialResponse,
  mechanismsOf,
  Refusal,
  takesPassword,
} from '../oauth/mechanism.ts'
import { notOffered, refusalProblem } from '../oauth/refusal.ts'
import type { AccessToken, Tokens } from '../oauth/tokens.ts'
import { withCertificate } from './certificate.ts'
import { Dialogue } from './dialogue.ts'
import { MessageBody } from './mail/message-body.ts'
import { hostNames } from './replies/echoes.ts'
import {
  NO_UTF8_RECIPIENT,
  NO_UTF8_SENDER,
  type SmtpFailure,
  type StepError,
  stepOf,
  withoutLogin,
} from './smtp-failure.ts'

export interface SessionSettings extends SmtpTimeouts {
  readonly connection: SMTPConnectionOptions
  readonly credentials: { readonly user: string; readonly pass: string } | null
  /** What logs in instead of a password; null if a password or nothing does. */
  readonly tokens: Tokens | null
}

/** Addresses as they are sent. */
export interface Envelope {
  readonly from: string
  readonly to: string
}

/** Milliseconds. */
export interface SmtpTimeouts {
  /** For a server to accept the connection. */
  readonly connectMs: number
  /** Each for: greeting, EHLO and TLS, once connected; the login; MAIL, RCPT and DATA together. */
  readonly answerMs: number
  /**
   * For the message and the answer to its final dot. A client that gives up on a server that is slow to confirm a message
   * sends it twice: RFC 5321, 4.5.3.2.6.
   */
  readonly acceptMs: number
}

const LOGIN_REFUSED = 535

export type SmtpResult =
  | { readonly ok: true; readonly response: string }
  | ({ readonly ok: false } & SmtpFailure)

type Done<T> = (error?: Error | null, value?: T) => void

export class Session {
  readonly #connection: SMTPConnection
  readonly #dialogue = new Dialogue()
  readonly #settings: SessionSettings
  /** Fails the current step. */
  #fail: ((error: Error) => void) | null = null
  /** Sets how much longer the current step may take. */
  #extend: (ms: number) => void = () => {}
  #begun = false
  #sending = false
  #envelope: Envelope = { from: '', to: '' }
  #hasUtf8 = false
  #ended = false
  /** What was sent to log in with a token; removed from the replies, which may repeat it. */
  #said: readonly Secret[] = []

  constructor(settings: SessionSettings) {
    this.#settings = settings
    const log = { logger: this.#dialogue, transactionLog: true }
    this.#connection = new SMTPConnection({ ...settings.connection, ...log })
    // An error without a listener would end the process, even on an idle connection.
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
    const { connectMs, answerMs, credentials, tokens } = this.#settings
    // Before connecting, or the mail server would have to wait for the token server.
    const token = await tokens?.get()
    if (token?.ok === false) return withoutLogin(token.problem)
    const connected = await this.#step<unknown>(
      (done) => this.#connection.connect(done),
      connectMs,
      // Many servers delay their greeting to new clients on purpose: an open connection is worth waiting for.
      () => (this.#waitedFor === 'connection' ? null : answerMs),
    )
    if (!connected.ok) return withCertificate(connected, this.#settings.connection)
    // The answer to EHLO.
    this.#hasUtf8 = /^250[ -]SMTPUTF8\b/im.test(String(this.#connection.lastServerResponse))
    if (credentials === null && tokens === null) return null
    const offered = this.#offered()
    const mechanism = bearerMechanism(offered)
    if (tokens === null ? !takesPassword(offered) : mechanism === null) {
      this.close()
      return withoutLogin(notOffered(offered, tokens === null ? 'password' : 'token'))
    }
    if (tokens !== null && token !== undefined && mechanism !== null)
      return this.#loginWithToken(tokens, token.token, mechanism)
    const login = await this.#step<unknown>((done) =>
      this.#connection.login({ credentials: { ...credentials } }, done),
    )
    return login.ok ? null : login
  }

  /** The mechanisms in the answer to EHLO; none if opportunistic STARTTLS failed, after which nodemailer allows no login. */
  #offered(): readonly string[] {
    return this.#connection.allowsAuth ? mechanismsOf(String(this.#connection.lastServerResponse)) : []
  }

  /** A token may have been revoked: one that is refused is replaced once. */
  async #loginWithToken(
    tokens: Tokens,
    token: AccessToken,
    mechanism: BearerMechanism,
    isReplacement = false,
  ): Promise<SmtpFailure | null> {
    const { host = '', port = 0 } = this.#settings.connection
    const options = { mechanism, host, port: Number(port) }
    const [user, pass] = [tokens.user, token.value.reveal()]
    this.#said = [token.value, new Secret(initialResponse({ ...options, user, token: pass }))]
    const login = await this.#step<unknown>((done) =>
      this.#connection.login({ method: BEARER_LOGIN, credentials: { user, pass, options } }, done),
    )
    if (login.ok) {
      tokens.accepted()
      return null
    }
    if (login.responseCode === undefined || login.responseCode < 500) return login
    if (login.responseCode === LOGIN_REFUSED && !isReplacement) {
      const other = await tokens.replace(token)
      if (other?.ok === false) return withoutLogin(other.problem)
      if (other?.ok === true) return this.#loginWithToken(tokens, other.token, mechanism, true)
    }
    const { settings } = tokens
    const reason = remoteWords(login.response ?? login.message, [])
    return { ...login, login: refusalProblem({ settings, user, token: token.value, reason }) }
  }

  async send(envelope: Envelope, message: Buffer): Promise<SmtpResult> {
    this.#begun = false
    this.#sending = true
    this.#envelope = envelope
    const code = needsUtf8(envelope.from) ? NO_UTF8_SENDER : needsUtf8(envelope.to) ? NO_UTF8_RECIPIENT : null
    // Nodemailer would send such an address to any server.
    if (code !== null && !this.#hasUtf8) {
      return { ok: false, message: 'the server does not offer SMTPUTF8', code, step: 'mail', begun: false }
    }
    const body = new MessageBody(message, () => {
      this.#begun = true
      this.#extend(this.#settings.acceptMs)
      return this.#connection._socket || null
    })
    const sent = await this.#step<{ response: string }>((done) =>
      this.#connection.send({ ...envelope, size: message.length }, body, done),
    )
    return sent.ok ? { ok: true, response: redact(sent.value?.response ?? '', this.#said) } : sent
  }

  /** Makes it ready for another mail after one was refused. False if that fails. */
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

  /** `more`: called when its time is over, returns how much longer it may take; null ends it. */
  #step<T>(
    action: (done: Done<T>) => void,
    timeoutMs = this.#settings.answerMs,
    more: () => number | null = () => null,
  ): Promise<{ ok: true; value: T | undefined } | ({ ok: false } & SmtpFailure)> {
    return new Promise((resolve) => {
      let timer: NodeJS.Timeout | undefined
      const settle = (error: Error | null | undefined, value?: T) => {
        // A failure may be reported twice, and the next step may have begun by then.
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
    const { code, originalCode, responseCode } = error
    const words = error instanceof Refusal && error.explanation !== '' ? ` ${error.explanation}` : ''
    const message = redact(error.message, this.#said)
    const response = error.response === undefined ? undefined : redact(error.response + words, this.#said)
    const step = stepOf(error, this.#begun, this.#sending, this.#dialogue.answered)
    const timeout = code === 'ETIMEDOUT' ? this.#waitedFor : undefined
    const { host = '', name = '' } = this.#settings.connection
    const names = hostNames([host, name], [this.#envelope.from, this.#envelope.to])
    return { message, code, originalCode, response, responseCode, names, step, timeout, begun: this.#begun }
  }
}
