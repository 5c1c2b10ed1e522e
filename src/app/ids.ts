/** The ids of events and deliveries. Both sort by the time at which they are made, so that indexes grow at their end. */
import { randomFillSync } from 'node:crypto'
import { monotonicFactory } from 'ulid'
import type { Ids } from '../pipeline/receive.ts'

// Crockford's base 32, as in ULIDs: no letter that looks like a digit.
const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
const EPOCH = Date.UTC(2024, 0, 1)
const TIME_CHARACTERS = 8
const RANDOM_CHARACTERS = 6
const RANDOM_LIMIT = 32 ** RANDOM_CHARACTERS

/** `now`: milliseconds since the epoch. */
export function createIds(now: () => number): Ids {
  const random = pooledRandom()
  const ulid = monotonicFactory(random)
  let time = 0
  let count = 0

  return {
    event: () => `evt_${ulid(now())}`,
    /** `dlv_`, the milliseconds, and a number: random for the first id of a millisecond, counted up for the others. */
    delivery() {
      const present = Math.max(now() - EPOCH, time)
      if (present > time) count = ((random() * 256 + random()) * 256 + random()) * (RANDOM_LIMIT / 65_536)
      else count += 1
      time = present
      // The numbers of this millisecond are used up: continue with those of the next one.
      if (count >= RANDOM_LIMIT) {
        time += 1
        count = 0
      }
      return `dlv_${encode(time, TIME_CHARACTERS)}${encode(count, RANDOM_CHARACTERS)}`
    },
  }
}

function encode(number: number, characters: number): string {
  let text = ''
  let rest = number
  for (let index = 0; index < characters; index += 1) {
    text = (ALPHABET[rest % 32] ?? '') + text
    rest = Math.floor(rest / 32)
  }
  return text
}

/** Random numbers in [0, 1) of eight bits each; ulid needs one for each character, so many are generated with one system call. */
function pooledRandom(): () => number {
  const pool = new Uint8Array(1024)
  let used = pool.length
  return () => {
    if (used === pool.length) {
      randomFillSync(pool)
      used = 0
    }
    return (pool[used++] ?? 0) / 256
  }
}
