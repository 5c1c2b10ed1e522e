/** The access token of one channel: kept until shortly before it expires, and fetched by one request at a time. */
import type { Secret } from '../../../core/secret.ts'
import { type HttpClient, openHttp } from '../../../network/http.ts'
import type { Proxies } from '../../../network/proxies.ts'
import type { LoginProblem } from './problem.ts'
import { type IssuedToken, requestToken } from './request.ts'
import type { OAuth2Settings } from './settings.ts'

export interface AccessToken {
  readonly value: Secret
  /** On the clock of `performance.now()`. */
  readonly issuedAt: number
  /** In milliseconds, as the server or a default says. */
  readonly lifetimeMs: number
}

export type TokenResult =
  | { readonly ok: true; readonly token: AccessToken }
  | { readonly ok: false; readonly problem: LoginProblem }

/** Used if the server does not say how long a token is valid. */
const DEFAULT_LIFETIME_MS = 10 * 60_000
/** A new token is fetched this long before the old one expires; for a short-lived token, only after four fifths of its life. */
const RENEW_BEFORE_MS = 5 * 60_000
const RENEW_AT_LEAST = 0.8
/** A token with less time left is not used, because it could expire during the login. */
const USELESS_MS = 10_000
/** A refused token is not replaced more often than this: if new ones are refused too, the token is not the cause. */
const REPLACE_EVERY_MS = 30_000
/** A failure is the result for all calls within this time, so that a burst of messages makes one request. */
const FAILURE_HOLD_MS = 2_000

const LARGEST_ANSWER_BYTES = 65_536

/** `from`: the user who logs in, unless the settings name one. `timeout`: milliseconds for a request. Connects to nothing yet. */
export function openTokens(
  settings: OAuth2Settings,
  from: string,
  { timeout, proxies }: { readonly timeout: number; readonly proxies: Proxies },
): Tokens {
  const http = openHttp({
    proxies,
    timeoutMs: timeout,
    hostSetting: 'channels.email.oauth2',
    largestAnswerBytes: LARGEST_ANSWER_BYTES,
  })
  return new Tokens(settings, settings.user ?? from, http)
}

export class Tokens {
  readonly #settings: OAuth2Settings
  readonly #user: string
  readonly #http: HttpClient
  readonly #now: () => number
  #token: AccessToken | null = null
  #refreshToken: Secret | null
  #failure: { readonly until: number; readonly problem: LoginProblem } | null = null
  #request: Promise<TokenResult> | null = null
  #replacedAt = Number.NEGATIVE_INFINITY

  /** `now`: a clock in milliseconds that never goes back. */
  constructor(settings: OAuth2Settings, user: string, http: HttpClient, now = () => performance.now()) {
    this.#settings = settings
    this.#user = user
    this.#http = http
    this.#now = now
    this.#refreshToken = settings.provider === 'generic' ? (settings.refresh_token ?? null) : null
  }

  get user(): string {
    return this.#user
  }

  get settings(): OAuth2Settings {
    return this.#settings
  }

  /** A token that is valid long enough for a login. */
  async get(): Promise<TokenResult> {
    const token = this.#token
    if (token === null) return this.#fetch()
    const age = this.#now() - token.issuedAt
    if (age < Math.max(token.lifetimeMs - RENEW_BEFORE_MS, token.lifetimeMs * RENEW_AT_LEAST))
      return { ok: true, token }
    const renewed = await this.#fetch()
    // While the token server is unavailable, the present token is used until it expires.
    const left = token.issuedAt + token.lifetimeMs - this.#now()
    return !renewed.ok && this.#token === token && left > USELESS_MS ? { ok: true, token } : renewed
  }

  /** A replacement for a token that the mail server refused; null if that would not help. */
  async replace(refused: AccessToken): Promise<TokenResult | null> {
    if (this.#token !== null && this.#token !== refused) return { ok: true, token: this.#token }
    if (this.#token === refused) {
      if (this.#now() - this.#replacedAt < REPLACE_EVERY_MS) return null
      this.#replacedAt = this.#now()
      this.#token = null
    }
    return this.#fetch()
  }

  /** The mail server accepted a token: the next one that is refused is replaced at once. */
  accepted(): void {
    this.#replacedAt = Number.NEGATIVE_INFINITY
  }

  close(): Promise<void> {
    return this.#http.close()
  }

  async #fetch(): Promise<TokenResult> {
    const held = this.#failure
    if (held !== null && this.#now() < held.until) {
      const { after, ...problem } = held.problem
      return {
        ok: false,
        problem: after === undefined ? problem : { ...problem, after: held.until - this.#now() },
      }
    }
    this.#request ??= this.#ask().finally(() => {
      this.#request = null
    })
    return this.#request
  }

  async #ask(): Promise<TokenResult> {
    const context = { user: this.#user, refreshToken: this.#refreshToken, http: this.#http }
    const issued = await requestToken(this.#settings, context)
    if (issued.ok) return { ok: true, token: this.#keep(issued.token) }
    const hold = Math.max(FAILURE_HOLD_MS, issued.problem.after ?? 0)
    this.#failure = { until: this.#now() + hold, problem: issued.problem }
    return issued
  }

  #keep({ value, lifetimeMs, refreshToken }: IssuedToken): AccessToken {
    this.#failure = null
    this.#refreshToken =
      refreshToken === null || this.#refreshToken === null ? this.#refreshToken : refreshToken
    this.#token = { value, issuedAt: this.#now(), lifetimeMs: lifetimeMs ?? DEFAULT_LIFETIME_MS }
    return this.#token
  }
}
