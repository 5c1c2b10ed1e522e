import type { Claimed, ClaimRequest } from '../../store.ts'
import type { StoreClock } from '../clock.ts'
import type { Database } from '../connection/database.ts'
import type { ServerClock } from '../server-clock.ts'
import { type ClaimedHere, claim, readRates } from './claim.ts'
import { giveBack } from './lease.ts'
import { UnknownClaims } from './unknown-claims.ts'

export interface ClaimsOptions {
  /** The number of the instance that claims. */
  readonly instance: number
  readonly serverClock: ServerClock
  readonly clock: StoreClock
  /** Called with how many milliseconds a commit took that leased something. */
  readonly committed: (durationMs: number) => void
  /** Called where something can be sent that this instance has no room for. */
  readonly leavesSome: () => void
}

/** The claims of one instance. */
export class Claims {
  readonly #database: Database
  readonly #options: ClaimsOptions
  readonly #unknown: UnknownClaims<ClaimRequest>

  constructor(database: Database, options: ClaimsOptions) {
    this.#database = database
    this.#options = options
    this.#unknown = new UnknownClaims((request) =>
      database.write((session) => giveBack(session, request, options.instance)),
    )
  }

  async claim(request: ClaimRequest): Promise<Claimed> {
    const { clock, leavesSome } = this.#options
    await this.#unknown.giveBack(request.now)
    const { leavesSome: isLeft, ...claimed } = await this.#unknown.run(request, () => this.#claim(request))
    if (claimed.leased.length > 0) await clock.keep(request.now)
    if (isLeft) leavesSome()
    return claimed
  }

  async #claim(request: ClaimRequest): Promise<ClaimedHere> {
    const { instance, serverClock, clock, committed } = this.#options
    const read = () => readRates(this.#database, request, instance)
    const asked = serverClock.now()
    const rates = await read()
    const [first] = rates
    // By a clock that was wrong, leases could be over before they are stored: the next claim is by the right one.
    if (first !== undefined && !serverClock.agrees(first.server_time, asked))
      return { leased: [], nextDueAt: request.now, leavesSome: false }
    const isMoved = await clock.follow(request.now)
    return claim(this.#database, request, { instance, committed, rates: isMoved ? await read() : rates })
  }
}
