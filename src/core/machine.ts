/** Decides whether measurements of the machine are good enough for the service. */
import { type Finding, fine, unknown, warning, wrong } from './finding.ts'
import { LONGER_SECRET, SHORT_SECRET, SHORTEST_SECRET_BYTES } from './receiving/signing-secret.ts'

const GIB = 2 ** 30
const LEAST_FREE_BYTES = GIB
const LEAST_FREE_SHARE = 0.05
const SLOW_SYNC_MS = 20
const SKEW_WARNED_MS = 60_000
// Requests more than five minutes off are refused: this is a minute before.
const SKEW_WRONG_MS = 240_000

/** `free` and `total` in bytes. */
export function classifySpace(free: number, total: number, folder: string): Finding {
  const share = total > 0 ? free / total : 1
  const summary = `${gib(free)} of ${gib(total)} GiB free (${Math.floor(share * 100)} %) in ${folder}`
  if (free >= LEAST_FREE_BYTES && share >= LEAST_FREE_SHARE) return fine('disk_space_ok', summary)
  return warning(
    'disk_space_low',
    summary,
    'On a full disk the service cannot accept events: it answers 503, and senders try again later.',
    'free some space, or keep finished events for a shorter time (store.retain)',
  )
}

/** `times`: milliseconds until each of several small writes was on the disk. */
export function classifySync(times: readonly number[]): Finding {
  const typical = median(times)
  const summary = `a write is on the disk after ${typical.toFixed(1)} ms (median of ${times.length})`
  if (typical <= SLOW_SYNC_MS) return fine('disk_sync_ok', summary)
  return warning(
    'disk_sync_slow',
    summary,
    `Each answer waits for such a write, and the disk does about ${Math.max(1, Math.floor(1000 / typical))} of them a second. ` +
      'Events that arrive together share one write.',
    'put the store on a local SSD; network disks and SD cards are slow at this',
  )
}

/** `skews`: by how many milliseconds our clock was ahead of the sender's at each of its last requests. */
export function classifyClock(source: string, skews: readonly number[], newest: number): Finding {
  if (skews.length === 0) {
    return unknown(
      'clock_unknown',
      `the clock cannot be compared with that of ${source}: no request has arrived yet`,
      'A request whose timestamp is more than five minutes off is refused, and not stored.',
      '',
    )
  }
  const skew = median(skews)
  const seconds = (Math.abs(skew) / 1000).toFixed(1)
  const at = minute(newest)
  const summary =
    Math.abs(skew) < 2_000
      ? `the clock agrees with that of ${source} (last request: ${at})`
      : `the clock is ${seconds} s ${skew > 0 ? 'ahead of' : 'behind'} that of ${source} (last request: ${at})`
  if (Math.abs(skew) <= SKEW_WARNED_MS) return fine('clock_ok', summary)
  const finding = Math.abs(skew) > SKEW_WRONG_MS ? wrong : warning
  return finding(
    'clock_skewed',
    summary,
    'Requests more than 300 s off are refused, and their events arrive late or never.',
    'set the clock by NTP: timedatectl set-ntp true',
  )
}

/** `skew`: by how many milliseconds our clock was ahead of the timestamp of a request that was refused for it. */
export function refusedClock(source: string, skew: number, at: number): Finding {
  const seconds = Math.round(Math.abs(skew) / 1000)
  const [where, which] = skew > 0 ? ['before', 'ahead'] : ['after', 'behind']
  return wrong(
    'clock_refused',
    `the last request that ${source} signed was refused (${minute(at)}): it was signed ${seconds} s ${where} the time of this machine`,
    `The clock of this machine is ${which}, or the sender's is wrong${skew > 0 ? ', or an old request was sent again' : ''}. Requests more than 300 s off are not stored.`,
    'compare `date -u` with another clock, and set it by NTP: timedatectl set-ntp true',
  )
}

/** `sizes`: the bytes of each of a source's secrets. */
export function classifySecrets(source: string, sizes: readonly number[]): Finding {
  const short = sizes.flatMap((size, index) => (size < SHORTEST_SECRET_BYTES ? [`secrets[${index}]`] : []))
  const number = sizes.length === 1 ? 'its signing secret is' : `its ${sizes.length} signing secrets are`
  if (short.length === 0) return fine('secrets_ok', `${source}: ${number} well-formed and long enough`)
  return warning(
    'secret_short',
    `${source}: ${short.join(', ')} ${short.length === 1 ? 'has' : 'have'} fewer than ${SHORTEST_SECRET_BYTES} bytes`,
    SHORT_SECRET,
    LONGER_SECRET,
  )
}

function minute(at: number): string {
  return `${new Date(at).toISOString().slice(0, 16).replace('T', ' ')} UTC`
}

function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle] ?? 0
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2
}

function gib(bytes: number): string {
  return (bytes / GIB).toFixed(1)
}
