/** Notices about many destinations of one channel at once, such as all those that use one token. */
import type { JsonObject } from '../json/json.ts'
import { type Count, iso, messages, type Notice, waitingAndParked } from './notice.ts'
import type { RecordedNotice, Trouble } from './noticed.ts'

/** More than this many at once are combined into one notice. */
export const MOST_ALONE = 3

/** `reason`: of each of them. */
export function failingTogether(
  channel: string,
  failed: readonly { readonly trouble: Trouble; readonly reason: string }[],
  now: number,
): Notice {
  const troubles = failed.map(({ trouble }) => trouble)
  const since = Math.min(...troubles.map(({ state }) => state?.failingSince ?? now))
  const parked = sum(troubles, (one) => one.parked)
  return {
    type: 'destination.failing',
    key: channel,
    data: {
      id: channel,
      title: `${failed.length} destinations of ${channel} do not take messages`,
      reason: inWords(countsOf(failed.map(({ reason }) => reason)), 'destinations'),
      since: iso(since),
      waits: waitingAndParked(
        sum(troubles, (one) => one.waiting),
        parked,
      ),
      hint:
        parked > 0
          ? 'Correct the cause, then resend what is parked. What waits goes out by itself.'
          : 'What waits goes out by itself once they work again.',
      command: 'hookbridge destinations',
      destinations: troubles.map((trouble) => ({
        rate_key: trouble.rateKey,
        target: trouble.targets[0] ?? '',
        since: iso(trouble.state?.failingSince ?? now),
        last_success_at: trouble.state?.lastSuccessAt ?? null,
        parked: trouble.parked,
      })),
    },
  }
}

export function recoveredTogether(
  channel: string,
  troubles: readonly Trouble[],
  wentOut: string,
  now: number,
): Notice {
  const parked = sum(troubles, (one) => one.parked)
  return {
    type: 'destination.recovered',
    key: channel,
    data: {
      id: channel,
      title: `${troubles.length} destinations of ${channel} take messages again`,
      reason: wentOut,
      since: iso(Math.min(...troubles.map(({ state }) => state?.lastSuccessAt ?? now))),
      waits: waitingAndParked(
        sum(troubles, (one) => one.waiting),
        parked,
      ),
      hint: parked > 0 ? 'Resend or dismiss what is parked.' : '',
      command: parked > 0 ? `hookbridge resend --state parked --channel ${channel} --dry-run` : '',
      destinations: troubles.map((trouble) => ({ rate_key: trouble.rateKey, parked: trouble.parked })),
    },
  }
}

export function deadTogether(
  channel: string,
  died: readonly { readonly trouble: Trouble; readonly more: number }[],
  reasons: readonly Count[],
  now: number,
): Notice {
  const more = sum(died, (one) => one.more)
  return {
    type: 'delivery.dead',
    key: channel,
    data: {
      id: channel,
      title: `${messages(more)} to ${died.length} destinations of ${channel} were given up`,
      reason: inWords(reasons, 'messages'),
      since: iso(now),
      waits: '',
      hint: 'They are not sent again by themselves: resend or dismiss them.',
      command: `hookbridge deliveries --state dead --channel ${channel}`,
      destinations: died.map(({ trouble }) => ({ rate_key: trouble.rateKey, total: trouble.dead })),
    },
  }
}

/** What a notice about several says about one of them; null if it is not among them. */
export function partOf(notice: RecordedNotice, rateKey: string): RecordedNotice | null {
  const { destinations } = notice.data
  if (!Array.isArray(destinations)) return null
  const isThis = (one: unknown): one is JsonObject =>
    typeof one === 'object' && one !== null && 'rate_key' in one && one.rate_key === rateKey
  const found = destinations.find(isThis)
  return found === undefined ? null : { ...notice, data: found }
}

/** The three most frequent. */
export function countsOf(reasons: readonly string[]): readonly Count[] {
  const groups = Map.groupBy(reasons, (reason) => reason)
  const counts = [...groups].map(([reason, { length: count }]) => ({ reason, count }))
  return counts.sort((one, other) => other.count - one.count).slice(0, 3)
}

function inWords(counts: readonly Count[], what: string): string {
  const [only, ...others] = counts
  if (only !== undefined && others.length === 0) return only.reason
  return counts.map(({ reason, count }) => `${reason} (${count} ${what})`).join('; ')
}

function sum<Item>(items: readonly Item[], of: (item: Item) => number): number {
  return items.reduce((total, item) => total + of(item), 0)
}
