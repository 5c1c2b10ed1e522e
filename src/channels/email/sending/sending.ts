/** Sends mails over connections that are kept for the next one. */
import type { Outcome } from '../../../core/delivery/outcome.ts'
import type { Addressed } from '../../channel.ts'
import { remoteWords } from '../../remote-words.ts'
import type { Sender } from '../../sender.ts'
import { type Mailbox, parseMailbox, wireAddress } from '../address.ts'
import type { Tokens } from '../oauth/tokens.ts'
import type { Pace } from '../pace.ts'
import type { EmailReceiver, EmailSettings, SmtpServer } from '../settings.ts'
import type { Mail } from '../template/rendering.ts'
import { sessionSettings, setupOf } from './connection.ts'
import { Connections } from './connections.ts'
import { compose, fixedHeaders, messageId } from './mail/mime.ts'
import { threadOf } from './mail/thread.ts'
import { diagnose, type MailSetup } from './outcome.ts'
import { parseReply, SERVICE_CLOSING } from './replies/reply.ts'
import { type Envelope, Session, type SmtpResult, type SmtpTimeouts } from './session.ts'
import { NO_UTF8_RECIPIENT, NO_UTF8_SENDER, type SmtpFailure } from './smtp-failure.ts'

/** Servers may be slow to greet and to check an address, for new clients even on purpose: RFC 5321, 4.5.3.2. */
const SHORTEST_ANSWER_TIMEOUT_MS = 60_000
const ACCEPT_TIMEOUT_MS = 10 * 60_000
/** Claims are at most about a second ahead of the rate. A mail that was claimed further ahead is returned to the store. */
const LONGEST_PACE_MS = 2_000
const PACED = 'held back by channels.email.rate'
const ALONE = 'sent as a mail of its own: the earlier mails of the conversation have no Message-ID'
/** On how many connections one mail is tried, if the server says only when it gets the mail that there are too many. */
const MOST_CONNECTIONS_TRIED = 5
/** The session has sent as many mails as the server allows; servers say so with 4yz as well as 5yz. */
const SESSION_IS_USED_UP = /\b(?:per|in (?:one|this|a single)|this) (?:smtp )?(?:connection|session)\b/i

export function patientTimeouts(timeout: number): SmtpTimeouts {
  return {
    connectMs: timeout,
    answerMs: Math.max(timeout, SHORTEST_ANSWER_TIMEOUT_MS),
    acceptMs: ACCEPT_TIMEOUT_MS,
  }
}

export class MailSender implements Sender<Mail> {
  readonly #settings: EmailSettings
  readonly #receivers: ReadonlyMap<string, EmailReceiver>
  readonly #pace: Pace | null
  readonly #setup: MailSetup
  readonly #connections: Connections<Session>
  readonly #tokens: Tokens | null
  readonly #headers = new Map<string, string>()

  constructor(
    settings: EmailSettings,
    server: SmtpServer,
    receivers: ReadonlyMap<string, EmailReceiver>,
    timeouts: SmtpTimeouts,
    pace: Pace | null,
    tokens: Tokens | null,
  ) {
    this.#settings = settings
    this.#receivers = receivers
    this.#pace = pace
    this.#tokens = tokens
    this.#setup = setupOf(settings, server)
    const session = sessionSettings(settings, server, timeouts, tokens)
    this.#connections = new Connections({
      create: () => new Session(session),
      max: settings.connections,
      waitMs: timeouts.answerMs,
      isLimit: (failure, others) => isConnectionLimit(failure, others, this.#setup),
      now: () => performance.now(),
    })
  }

  /** How many connections the server allows, as far as is known. */
  concurrency(): number {
    return this.#connections.limit
  }

  async send(mail: Mail, delivery: Addressed): Promise<Outcome> {
    const to = this.#mailbox(delivery)
    if (to === null) return { kind: 'refuse', reason: `${delivery.target} is not a mail address` }
    const paced = this.#pace?.waitMs() ?? 0
    if (paced > LONGEST_PACE_MS) return { kind: 'retry', reason: PACED, after: paced, counts: false }
    await sleep(this.#pace?.take() ?? 0)
    const id = messageId(delivery.id, this.#settings.from)
    const { headers: thread, subject } = threadOf(mail.subject, delivery.follows)
    const message = compose({
      ...mail,
      subject,
      thread,
      fixed: this.#fixedHeaders(to, delivery.receiver),
      messageId: id,
      deliveryId: delivery.id,
      date: new Date(),
    })
    const envelope = { from: wireAddress(this.#settings.from.address), to: wireAddress(to.address) }
    const result = await this.#exchange(envelope, message)
    if (!result.ok) {
      const { outcome } = diagnose(result, this.#setup)
      return outcome.kind === 'retry' && result.repeats ? { ...outcome, counts: false } : outcome
    }
    const response = remoteWords(result.response, this.#setup.secrets)
    const reference = { message_id: id, response, subject }
    const restarts = delivery.follows !== null && thread === null
    return restarts ? { kind: 'sent', reference, restarts, notes: [ALONE] } : { kind: 'sent', reference }
  }

  async close(): Promise<void> {
    this.#connections.close()
    await this.#tokens?.close()
  }

  async #exchange(envelope: Envelope, message: Buffer): Promise<Exchanged> {
    for (let tried = 1; ; ) {
      const taken = await this.#connections.take()
      if (!taken.ok) return { ok: false, ...taken.failure, repeats: taken.repeats }
      const { session, reused } = taken
      const result = await session.send(envelope, message)
      if (!result.ok && reused && isStale(result)) {
        this.#connections.discard(session)
        continue
      }
      if (!result.ok && diagnose(result, this.#setup).concern === 'connections') {
        if (this.#connections.discardAsTooMany(session) && tried++ < MOST_CONNECTIONS_TRIED) continue
        return { ...result, repeats: false }
      }
      if (result.ok || (isRefusal(result) && (await session.reset()))) this.#connections.giveBack(session)
      else this.#connections.discard(session)
      return result.ok ? result : { ...result, repeats: false }
    }
  }

  /** As the receiver writes it; without the name if the configuration has changed since. */
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

function sleep(ms: number): Promise<void> | undefined {
  return ms <= 0 ? undefined : new Promise((resolve) => setTimeout(resolve, ms))
}

type Exchanged =
  | (SmtpResult & { readonly ok: true })
  | (SmtpFailure & { readonly ok: false; readonly repeats: boolean })

/** The server had closed the idle connection, or accepts no more over it. None of the message was sent. */
function isStale({ begun, code, response, responseCode }: SmtpFailure): boolean {
  if (begun) return false
  if (response !== undefined) return responseCode === SERVICE_CLOSING || SESSION_IS_USED_UP.test(response)
  return code === 'ECONNECTION' || code === 'ESOCKET'
}

/** The server refused this mail, and the connection can carry another one. */
function isRefusal({ code, response = '', responseCode }: SmtpFailure): boolean {
  if (code === NO_UTF8_SENDER || code === NO_UTF8_RECIPIENT) return true
  return parseReply(response) !== null && responseCode !== SERVICE_CLOSING
}

/** Whether the server allows no further connection: some servers say so, some say "not now", and some hang up. */
function isConnectionLimit(
  failure: SmtpFailure,
  others: 'none' | 'opening' | 'open',
  setup: MailSetup,
): boolean {
  const { concern, outcome } = diagnose(failure, setup)
  if (concern === 'connections') return true
  if (others === 'none' || outcome.kind !== 'retry') return false
  if (failure.response !== undefined) return failure.step === 'greeting' || failure.step === 'hello'
  if (failure.step !== 'greeting' || failure.code === 'EDNS') return false
  // The server is up: it has other connections open, or accepted this one before it hung up.
  return others === 'open' || failure.code === 'ECONNECTION' || failure.originalCode === 'ECONNRESET'
}
