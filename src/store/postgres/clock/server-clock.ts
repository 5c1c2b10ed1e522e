import type { Reader } from '../connection/session.ts'

// Between two readings, clocks that are kept in time go apart by less.
const TOLERATED_MS = 1_000
const READ_EVERY_MS = 10_000
// A reading is exact to half of its round trip, which a stall of this process, or of the network, makes long.
const SLOW_READING_MS = 200
const GOOD_FOR_MS = 60_000

interface Reading {
  /** The server's time, in milliseconds since the epoch. */
  readonly time: number
  /** When that was, by the clock of this machine that nobody sets, and by the one that people and NTP may set. */
  readonly monotonic: number
  readonly wall: number
}

interface Clocks {
  readonly monotonic: () => number
  readonly wall: () => number
}

const machine: Clocks = { monotonic: () => performance.now(), wall: () => Date.now() }

/** The time of the database server, which all instances and commands go by: the clocks of their machines may differ. */
export class ServerClock {
  readonly #clocks: Clocks
  #reading: Reading
  #isRead = false

  constructor(clocks: Clocks = machine) {
    this.#clocks = clocks
    this.#reading = { time: clocks.wall(), monotonic: clocks.monotonic(), wall: clocks.wall() }
  }

  now(): number {
    const { time, monotonic, wall } = this.#reading
    const passed = this.#clocks.monotonic() - monotonic
    const byWall = this.#clocks.wall() - wall
    // The monotonic clock stands still while the machine is suspended. Where somebody set the other one, the next reading corrects it.
    return Math.round(time + (this.#hasJumped() ? byWall : passed))
  }

  /** To be called now and then: reads it where the last reading is old, or may be wrong. */
  async keep(reader: Pick<Reader, 'query'>): Promise<void> {
    const age = this.#clocks.monotonic() - this.#reading.monotonic
    if (!this.#isRead || age >= READ_EVERY_MS || this.#hasJumped()) await this.read(reader)
  }

  async read(reader: Pick<Reader, 'query'>): Promise<void> {
    const asked = this.#clocks.monotonic()
    const [row] = await reader.query<{ time: number }>(`SELECT ${SERVER_TIME} AS time`)
    const answered = this.#clocks.monotonic()
    const isGood = this.#isRead && !this.#hasJumped() && asked - this.#reading.monotonic < GOOD_FOR_MS
    if (row === undefined || (isGood && answered - asked > SLOW_READING_MS)) return
    this.#set(row.time + (answered - asked) / 2)
  }

  /**
   * Whether the clock is right, by the server's time that came with an answer to what was asked when the clock said `asked`. If not,
   * it is set: the machine was suspended since the last reading, or somebody has set a clock.
   */
  agrees(time: number, asked: number): boolean {
    if (time <= this.now() + TOLERATED_MS && time >= asked - TOLERATED_MS) return true
    this.#set(time)
    return false
  }

  #set(time: number): void {
    this.#reading = { time, monotonic: this.#clocks.monotonic(), wall: this.#clocks.wall() }
    this.#isRead = true
  }

  #hasJumped(): boolean {
    const { monotonic, wall } = this.#reading
    return this.#clocks.wall() - wall - (this.#clocks.monotonic() - monotonic) > TOLERATED_MS
  }
}

/** In milliseconds since the epoch, when the statement runs. */
export const SERVER_TIME = '(extract(epoch FROM clock_timestamp()) * 1000)::bigint'
