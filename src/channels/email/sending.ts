/** Sends mails over connections that are kept for the next one. */
import type { SMTPEnvelope } from 'nodemailer/lib/smtp-connection'
import type { Outcome } from '../../core/delivery.ts'
import type { Secret } from '../../core/secret.ts'
import type { Addressed, ChannelEnvironment } from '../channel.ts'
import type { Sender } from '../sender.ts'
import { type Mailbox, parseMailbox } from './address.ts'
import { secretsOf, sessionSettings } from './connection.ts'
import { compose, fixedHeaders, messageId } from './mime.ts'
import { cutReason, outcomeOf } from './outcome.ts'
import type { Mail } from './rendering.ts'
import { type Answer, type Failure, Session, type SessionSettings } from './session.ts'
import type { EmailReceiver, EmailSettings, SmtpServer } from './settings.ts'

/** A connection that rests longer says goodbye: servers count those that are open. */
const LONGEST_REST = 15_000
const SERVICE_CLOSING = 421

export class MailSender implements Sender<Mail> {
  readonly #settings: EmailSettings
  readonly #receivers: ReadonlyMap<string, EmailReceiver>
  readonly #session: SessionSettings
  readonly #timeout: number
  readonly #secrets: readonly Secret[]
  readonly #headers = new Map<string, string>()
  /** The one that rested least is last, and is taken first: the others reach their time. */
  readonly #resting: { readonly session: Session; readonly timer: NodeJS.Timeout }[] = []
  readonly #attempts = new Set<Promise<unknown>>()
  #closed = false

  constructor(
    settings: EmailSettings,
    server: SmtpServer,
    receivers: ReadonlyMap<string, EmailReceiver>,
    env: ChannelEnvironment,
  ) {
    this.#settings = settings
    this.#receivers = receivers
    this.#session = sessionSettings(settings, server, env)
    this.#timeout = env.timeout
    this.#secrets = secretsOf(settings, server)
  }

  async send(mail: Mail, delivery: Addressed): Promise<Outcome> {
    if (this.#closed) return { kind: 'retry', reason: 'the channel is closed' }
    const attempt = this.#attempt(mail, delivery)
    this.#attempts.add(attempt)
    try {
      return await attempt
    } finally {
      this.#attempts.delete(attempt)
    }
  }

  async close(): Promise<void> {
    this.#closed = true
    await Promise.allSettled(this.#attempts)
    for (const { session, timer } of this.#resting.splice(0)) {
      clearTimeout(timer)
      session.close()
    }
  }

  async #attempt(mail: Mail, delivery: Addressed): Promise<Outcome> {
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
    const answer = await this.#exchange(envelope, message, Date.now() + this.#timeout)
    if (!answer.ok) return outcomeOf(answer, this.#secrets)
    return {
      kind: 'sent',
      reference: { message_id: id, response: cutReason(answer.response, this.#secrets) },
    }
  }

  /** A connection is opened whenever none rests: the caller keeps to `concurrency`. */
  async #exchange(envelope: SMTPEnvelope, message: Buffer, deadline: number): Promise<Answer> {
    const rested = this.#take()
    if (rested !== null) {
      const answer = await this.#use(rested, envelope, message, deadline)
      if (answer.ok || !isStale(answer)) return answer
    }
    const session = new Session(this.#session)
    const failure = await session.open(deadline)
    if (failure !== null) {
      session.close()
      return { ok: false, ...failure }
    }
    return this.#use(session, envelope, message, deadline)
  }

  async #use(session: Session, envelope: SMTPEnvelope, message: Buffer, deadline: number): Promise<Answer> {
    const answer = await session.send(envelope, message, deadline)
    if (answer.ok) this.#rest(session)
    else if (isRefusal(answer) && (await session.reset(deadline))) this.#rest(session)
    else session.close()
    return answer
  }

  #take(): Session | null {
    for (let next = this.#resting.pop(); next !== undefined; next = this.#resting.pop()) {
      clearTimeout(next.timer)
      if (next.session.usable) return next.session
    }
    return null
  }

  #rest(session: Session): void {
    if (this.#closed || !session.usable) {
      session.close()
      return
    }
    const timer = setTimeout(() => {
      const index = this.#resting.findIndex((resting) => resting.session === session)
      if (index !== -1) this.#resting.splice(index, 1)
      session.close()
    }, LONGEST_REST)
    this.#resting.push({ session, timer })
  }

  /** As the receiver names it; its name is lost where the configuration has changed since. */
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
    const known = this.#headers.get(key)
    if (known !== undefined) return known
    const headers = fixedHeaders(this.#settings, to, receiver)
    this.#headers.set(key, headers)
    return headers
  }
}

/** A connection that the server had already given up, found out before any of the message was sent. */
function isStale(answer: Failure): boolean {
  if (answer.begun) return false
  if (answer.responseCode !== undefined) return answer.responseCode === SERVICE_CLOSING
  return answer.code === 'ECONNECTION' || answer.code === 'ESOCKET'
}

/** The server refused this mail in good order, and would take another one. */
function isRefusal(answer: Failure): boolean {
  return answer.responseCode !== undefined && answer.responseCode !== SERVICE_CLOSING
}
