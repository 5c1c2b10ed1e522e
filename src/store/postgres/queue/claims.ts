import type { Claimed, ClaimRequest, Leased } from '../../store.ts'
import type { Appends } from '../batched.ts'
import type { StoreClock } from '../clock/clock.ts'
import type { ServerClock } from '../clock/server-clock.ts'
import type { Configurations } from '../configurations.ts'
import type { Database } from '../connection/database.ts'
import type { DueNotifier } from '../due-notifier.ts'
import { type ClaimedHere, claim, mayClaim } from './claim.ts'
import { giveBack } from './lease.ts'
import { type RateSnapshot, readRates } from './rate-snapshots.ts'
import { UnknownClaims } from './unknown-claims.ts'

export interface ClaimsOptions {
  /** The number of the instance that claims. */
  readonly instance: number
  /** Where this instance says what it has. */
  readonly configurations: Pick<Configurations, 'own' | 'isChannelLeft'>
  readonly serverClock: ServerClock
  readonly clock: StoreClock
  /** Called with how many milliseconds a commit took that leased something. */
  readonly committed: (durationMs: number) => void
  readonly due: Pick<DueNotifier, 'changed' | 'changesSoFar' | 'takeChanges' | 'settled' | 'notifyOthers'>
  readonly appends: Pick<Appends, 'claim'>
}

/** Changes of other instances are looked for so often, should their notifications be lost. */
const LOOK_EVERY_MS = 1_000

/** What the last look at everything found: until something changes, a claim before `nothingUntil` finds nothing. */
interface Found {
  /** How many changes there were before. */
  readonly changes: number
  /** By the times of requests. */
  readonly at: number
  readonly nothingUntil: number
}

function holds({ at, nothingUntil }: Found, now: number): boolean {
  return now >= at && now < nothingUntil
}

/** The claims of one instance. */
export class Claims {
  readonly #database: Database
  readonly #options: ClaimsOptions
  readonly #unknown: UnknownClaims<ClaimRequest>
  #mayClaimNew = false
  /** What the next claim may begin with, where the last one left something due. */
  #rates: readonly RateSnapshot[] | null = null
  /** Null where it is not known. */
  #found: Found | null = null
  #kept = Promise.resolve()

  constructor(database: Database, options: ClaimsOptions) {
    this.#database = database
    this.#options = options
    this.#unknown = new UnknownClaims(async (request) => {
      const given = await database.write((session) => giveBack(session, request, options.instance))
      if (given > 0) options.due.changed()
      return given
    })
  }

  /** `Queue.idleUntil`. */
  idleUntil(now: number): number | null {
    const { due, clock } = this.#options
    const found = this.#found
    if (found === null || this.#unknown.areAny || found.changes !== due.changesSoFar) return null
    return holds(found, now) && !clock.mayFollow(now) ? found.nothingUntil : null
  }

  async claim(request: ClaimRequest): Promise<Claimed> {
    const kept = this.#kept
    this.#kept = Promise.resolve()
    await kept
    await this.#unknown.giveBack(request.now)
    this.#announce(request)
    const time = new ClaimTime(this.#options.serverClock)
    const found = this.#found
    this.#found = null
    const claimed = await this.#unknown.run(request, async () => {
      const leased = await this.#claimNew(request, time, found)
      // There may be more: then the next claim looks at everything.
      return leased.length > 0 ? { leased, nextDueAt: request.now } : this.#claimAny(request, time)
    })
    if (!time.isWrong) this.#options.clock.saw(request.now)
    if (claimed.leased.length > 0) this.#keepClock(request.now)
    return claimed
  }

  #announce({ configuration, channels: limits }: ClaimRequest): void {
    const { configurations } = this.#options
    const channels = JSON.stringify([...limits.keys()])
    const { own } = configurations
    if (own.configuration === configuration && own.channels === channels) return
    configurations.own = { configuration, channels }
  }

  /** What is being appended, which is then leased by the commit that stores it. */
  async #claimNew(
    request: ClaimRequest,
    { agrees }: ClaimTime,
    found: Found | null,
  ): Promise<readonly Leased[]> {
    if (!this.#mayClaimNew) return []
    this.#mayClaimNew = false
    const { instance, clock, appends } = this.#options
    if (clock.mayFollow(request.now)) return []
    const claimed = await appends.claim({ request, instance, agrees })
    if (claimed === null) return []
    const { leased, firstDueAt, changes, changesSoFar } = claimed
    // There was no other change.
    if (found !== null && found.changes + changes === changesSoFar) {
      const nothingUntil = Math.min(found.nothingUntil, firstDueAt ?? request.leaseUntil, request.leaseUntil)
      this.#found = { ...found, changes: changesSoFar, nothingUntil }
      this.#mayClaimNew = holds(this.#found, request.now)
    }
    return leased
  }

  /** What is leased is to be sent meanwhile: the next claim waits for it, and fails where this does. */
  #keepClock(now: number): void {
    this.#kept = this.#options.clock.keep(now)
    this.#kept.catch(() => {})
  }

  async #claimAny(request: ClaimRequest, time: ClaimTime): Promise<Claimed> {
    const again = time.isWrong ? null : await this.#claimAgain(request, time)
    const found = again !== null && again.leased.length > 0 ? again : await this.#claimAll(request, time)
    // The next claim is by the right clock.
    if (found === null) return { leased: [], nextDueAt: request.now }
    const { leavesSome, leavesDue, next, firstDueAt: _, ...claimed } = found
    this.#mayClaimNew = !leavesDue
    this.#rates = leavesDue ? next : null
    // One that another has woken, and that has no room either, must not wake it in turn.
    const isNews = this.#options.due.takeChanges() || claimed.leased.length > 0
    if (leavesSome && isNews) this.#options.due.notifyOthers()
    return claimed
  }

  /**
   * Where the last claim left something due, it knows what the next one may begin with, which then needs no look at the rates before its
   * transaction, and does not wait for what is being appended. Null where nothing can be claimed so.
   */
  async #claimAgain(request: ClaimRequest, { agrees }: ClaimTime): Promise<ClaimedHere | null> {
    const rates = this.#rates
    this.#rates = null
    const { instance, configurations, clock, committed } = this.#options
    if (rates === null || clock.mayFollow(request.now) || !mayClaim(rates, request)) return null
    return claim(this.#database, request, { instance, configurations, committed, rates, agrees })
  }

  /** Null where the time of the request is wrong: its leases could be over before they are stored. */
  async #claimAll(request: ClaimRequest, time: ClaimTime): Promise<ClaimedHere | null> {
    const { instance, configurations, clock, committed, due } = this.#options
    if (time.isWrong) return null
    const { changesSoFar: changes } = due
    await due.settled('deliveries')
    const read = () => readRates(this.#database, request, { instance, configurations })
    const rates = await read()
    const [first] = rates
    if (first !== undefined && !time.agrees(first.server_time)) return null
    const isMoved = await clock.follow(request.now)
    const all = isMoved ? await read() : rates
    const claimed = await claim(this.#database, request, { instance, configurations, committed, rates: all })
    const { now, leaseUntil } = request
    const until = [claimed.firstDueAt ?? leaseUntil, leaseUntil, now + LOOK_EVERY_MS]
    this.#found = { changes, at: now, nothingUntil: Math.min(...until) }
    return claimed
  }
}

/** The time of a claim's request, which is by the clock as it was then. */
class ClaimTime {
  readonly #clock: ServerClock
  readonly #asked: number
  isWrong = false

  constructor(clock: ServerClock) {
    this.#clock = clock
    this.#asked = clock.now()
  }

  /** Whether it is right, by the server's time that came with an answer. If not, the clock is set. */
  readonly agrees = (serverTime: number): boolean => {
    if (!this.isWrong) this.isWrong = !this.#clock.agrees(serverTime, this.#asked)
    return !this.isWrong
  }
}
