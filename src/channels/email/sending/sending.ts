/** Sends mails over connections that are kept for the next one. */
import type { SMTPEnvelope } from 'nodemailer/lib/smtp-connection'
import type { Outcome } from '../../../core/outcome.ts'
import type { Secret } from '../../../core/secret.ts'
import type { Addressed, ChannelEnvironment } from '../../channel.ts'
import { remoteWords } from '../../remote-words.ts'
import type { Sender } from '../../sender.ts'
import { type Mailbox, parseMailbox } from '../address.ts'
import type { EmailReceiver, EmailSettings, SmtpServer } from '../settings.ts'
import type { Mail } from '../template/rendering.ts'
import { secretsOf, sessionSettings } from './connection.ts'
import { compose, fixedHeaders, messageId } from './mime.ts'
import { outcomeOf } from './outcome.ts'
import { Session, type SessionSettings, type SmtpFailure, type SmtpResult } from './session.ts'

/** A connection that is idle longer is closed: servers count those that are open. */
const IDLE_TIMEOUT_MS = 15_000
const ACCEPT_TIMEOUT_MS = 10 * 60_000
const SERVICE_CLOSING = 421

export class MailSender implements Sender<Mail> {
  readonly #settings: EmailSettings
  readonly #receivers: ReadonlyMap<string, EmailReceiver>
  readonly #session: SessionSettings
  readonly #secrets: readonly Secret[]
  readonly #headers = new Map<string, string>()
  /** The one that was used last is taken first, so that the others time out. */
  readonly #idle: { readonly session: Session; readonly timer: NodeJS.Timeout }[] = []

  constructor(
    settings: EmailSettings,
    server: SmtpServer,
    receivers: ReadonlyMap<string, EmailReceiver>,
    { timeout }: Pick<ChannelEnvironment, 'timeout'>,
    acceptTimeoutMs = ACCEPT_TIMEOUT_MS,
  ) {
    this.#settings = settings
    this.#receivers = receivers
    this.#session = sessionSettings(settings, server, { stepTimeoutMs: timeout, acceptTimeoutMs })
    this.#secrets = secretsOf(settings, server)
  }

  async send(mail: Mail, delivery: Addressed): Promise<Outcome> {
    const to = this.#mailbox(delivery)
    if (to === null) return { kind: 'refuse', reason: `${delivery.target} is no mail address` }
    const id = messageId(delivery.id, this.#settings.from)
    const message = compose({
      ...mail,
      fixed: this.#fixedHeaders(to, delivery.receiver),
      messageId: id,
      deliveryId: delivery.id,
      date: new Date(),
    })
    const envelope = { from: this.#settings.from.address, to: [to.address] }
    const result = await this.#exchange(envelope, message)
    if (!result.ok) return outcomeOf(result, this.#secrets)
    return {
      kind: 'sent',
      reference: { message_id: id, response: remoteWords(result.response, this.#secrets) },
    }
  }

  async close(): Promise<void> {
    for (const { session, timer } of this.#idle.splice(0)) {
      clearTimeout(timer)
      session.close()
    }
  }

  /** A connection is opened whenever none is idle: the caller keeps to `concurrency`. */
  async #exchange(envelope: SMTPEnvelope, message: Buffer): Promise<SmtpResult> {
    const idle = this.#take()
    if (idle !== null) {
      const result = await this.#use(idle, envelope, message)
      if (result.ok || !isStale(result)) return result
    }
    const session = new Session(this.#session)
    const failure = await session.open()
    if (failure !== null) {
      session.close()
      return { ok: false, ...failure }
    }
    return this.#use(session, envelope, message)
  }

  async #use(session: Session, envelope: SMTPEnvelope, message: Buffer): Promise<SmtpResult> {
    const result = await session.send(envelope, message)
    if (result.ok) this.#keep(session)
    else if (isRefusal(result) && (await session.reset())) this.#keep(session)
    else session.close()
    return result
  }

  #take(): Session | null {
    for (let next = this.#idle.pop(); next !== undefined; next = this.#idle.pop()) {
      clearTimeout(next.timer)
      if (next.session.usable) return next.session
    }
    return null
  }

  #keep(session: Session): void {
    if (!session.usable) {
      session.close()
      return
    }
    const timer = setTimeout(() => {
      const index = this.#idle.findIndex((idle) => idle.session === session)
      if (index !== -1) this.#idle.splice(index, 1)
      session.close()
    }, IDLE_TIMEOUT_MS)
    this.#idle.push({ session, timer })
  }

  /** As the receiver names it; without its name where the configuration has changed since. */
  #mailbox(delivery: Addressed): Mailbox | null {
    const named = this.#receivers
      .get(delivery.receiver)
      ?.to.find(({ address }) => address === delivery.target)
    if (named !== undefined) return named
    const parsed = parseMailbox(delivery.target)
    return parsed?.address === delivery.target ? parsed : null
  }

  #fixedHeaders(to: Mailbox, receiver: string): string {
    const key = `${receiver}\n${to.address}`
    const cached = this.#headers.get(key)
    if (cached !== undefined) return cached
    const headers = fixedHeaders(this.#settings, to, receiver)
    this.#headers.set(key, headers)
    return headers
  }
}

/** The server had closed the idle connection; none of the message was sent. */
function isStale({ begun, code, responseCode }: SmtpFailure): boolean {
  if (begun) return false
  if (responseCode !== undefined) return responseCode === SERVICE_CLOSING
  return code === 'ECONNECTION' || code === 'ESOCKET'
}

/** The server refused this mail, and the connection can carry another one. */
function isRefusal({ responseCode }: SmtpFailure): boolean {
  return responseCode !== undefined && responseCode !== SERVICE_CLOSING
}
