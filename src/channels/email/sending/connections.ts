/**
 * The connections to the mail server: few at first, more while mails keep them busy. Servers limit how many may be open, and
 * refuse further ones in many ways. No more are opened then, and the mail waits for one of those that are open instead of failing.
 * After a while, one more is tried.
 */
import { FIRST_CONNECTIONS } from '../settings.ts'
import type { SmtpFailure } from './smtp-failure.ts'

/** A connection that is idle longer is closed: servers count those that are open. */
const IDLE_TIMEOUT_MS = 15_000
/** After a refusal, how long until one connection more is tried. */
const GROW_AFTER_MS = 60_000

/** Opened once, and closed once. */
export interface Connection {
  /** Null when it is ready for a mail. */
  open(): Promise<SmtpFailure | null>
  /** Whether it can carry another mail, as far as is known here. */
  readonly usable: boolean
  close(): void
}

export interface Taken<Session> {
  readonly session: Session
  /** Whether it has carried a mail before: the server may have closed it since. */
  readonly reused: boolean
}

export type TakeResult<Session> =
  | ({ readonly ok: true } & Taken<Session>)
  /** `repeats`: another attempt reports the same refusal. */
  | { readonly ok: false; readonly failure: SmtpFailure; readonly repeats: boolean }

export interface ConnectionsDeps<Session> {
  readonly create: () => Session
  /** The maximum number of connections. */
  readonly max: number
  /** How long to wait for one that is in use, in milliseconds. */
  readonly waitMs: number
  /** Whether the failure means that the server allows no further connection. `others`: our other open connections. */
  readonly isLimit: (failure: SmtpFailure, others: 'none' | 'opening' | 'open') => boolean
  /** Milliseconds that never go back. */
  readonly now: () => number
}

/** Null: something changed, so look again. */
type Wake<Session> = (result: TakeResult<Session> | null) => void

export class Connections<Session extends Connection> {
  readonly #deps: ConnectionsDeps<Session>
  /** The one that was used last is reused first, so that the others can time out. */
  readonly #idle: { readonly session: Session; readonly timer: NodeJS.Timeout }[] = []
  readonly #waiting = new Set<Wake<Session>>()
  #opening = 0
  /** In use, or idle. */
  #open = 0
  /** Open ones that have carried a mail. */
  readonly #proven = new Set<Session>()
  #refused: { readonly limit: number; readonly at: number } | null = null

  constructor(deps: ConnectionsDeps<Session>) {
    this.#deps = deps
  }

  /** How many there may be now. As long as none is refused, twice as many as have carried a mail. */
  get limit(): number {
    const { max, now } = this.#deps
    if (this.#refused === null) return Math.min(max, Math.max(FIRST_CONNECTIONS, 2 * this.#proven.size))
    const { limit, at } = this.#refused
    return Math.min(max, limit + Math.floor((now() - at) / GROW_AFTER_MS))
  }

  /** An idle connection, a new one, or the next that becomes free. */
  async take(): Promise<TakeResult<Session>> {
    for (;;) {
      const idle = this.#takeIdle()
      if (idle !== null) return { ok: true, session: idle, reused: true }
      const result =
        this.#open + this.#opening < Math.max(1, this.limit) ? await this.#openOne() : await this.#wait()
      if (result !== null) return result
    }
  }

  /** Keeps it for the next mail. */
  giveBack(session: Session): void {
    if (!session.usable) {
      this.discard(session)
      return
    }
    this.#proven.add(session)
    const timer = setTimeout(() => {
      this.#idle.splice(
        this.#idle.findIndex((idle) => idle.session === session),
        1,
      )
      this.discard(session)
    }, IDLE_TIMEOUT_MS)
    this.#idle.push({ session, timer })
    this.#wakeOne()
    // The limit may have grown by one.
    this.#wakeOne()
  }

  discard(session: Session): void {
    this.#close(session)
    this.#wakeOne()
  }

  /** The server refused this connection because of the others. Returns whether there are others to wait for. */
  discardAsTooMany(session: Session): boolean {
    this.#close(session)
    this.#shrink()
    const areOthersLeft = this.#open + this.#opening > 0
    if (!areOthersLeft) this.#wakeOne()
    return areOthersLeft
  }

  close(): void {
    for (const { session, timer } of this.#idle.splice(0)) {
      clearTimeout(timer)
      this.#close(session)
    }
  }

  #close(session: Session): void {
    session.close()
    this.#proven.delete(session)
    this.#open--
  }

  #takeIdle(): Session | null {
    for (let next = this.#idle.pop(); next !== undefined; next = this.#idle.pop()) {
      clearTimeout(next.timer)
      if (next.session.usable) return next.session
      this.#close(next.session)
    }
    return null
  }

  /** Null if the server refuses a further connection. */
  async #openOne(): Promise<TakeResult<Session> | null> {
    const session = this.#deps.create()
    this.#opening++
    const failure = await session.open()
    this.#opening--
    if (failure === null) {
      this.#open++
      return { ok: true, session, reused: false }
    }
    session.close()
    const others = this.#open > 0 ? 'open' : this.#opening > 0 ? 'opening' : 'none'
    if (!this.#deps.isLimit(failure, others)) {
      this.#wakeOne()
      return { ok: false, failure, repeats: false }
    }
    this.#shrink()
    if (others !== 'none') return null
    // All that are waiting get the same refusal: together they are one failure.
    for (const wake of [...this.#waiting]) wake({ ok: false, failure, repeats: true })
    return { ok: false, failure, repeats: false }
  }

  #shrink(): void {
    this.#refused = { limit: Math.max(1, this.#open + this.#opening), at: this.#deps.now() }
  }

  #wait(): Promise<TakeResult<Session> | null> {
    return new Promise((resolve) => {
      const wake: Wake<Session> = (result) => {
        clearTimeout(timer)
        this.#waiting.delete(wake)
        resolve(result)
      }
      const timer = setTimeout(() => {
        const message = `all ${this.#open} connections that the mail server allows were busy`
        wake({ ok: false, failure: { message, step: 'greeting', begun: false }, repeats: true })
      }, this.#deps.waitMs)
      this.#waiting.add(wake)
    })
  }

  #wakeOne(): void {
    const [first] = this.#waiting
    first?.(null)
  }
}
