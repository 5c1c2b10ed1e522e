/** Notices: what the service itself has to say, as events of a built-in source. This file composes them; see pipeline/notices. */
import type { JsonObject } from '../json.ts'
import { placeOf, type RecordedNotice, type Trouble } from './noticed.ts'

/** The source of notices. No source of a configuration has this name. */
export const NOTICE_SOURCE = 'hookbridge'

/** The template of a notice for which no route names one. */
export const NOTICE_TEMPLATE = 'notice'

export const noticeTypes = [
  'destination.failing',
  'destination.recovered',
  'delivery.dead',
  'event.unrouted',
  'event.quarantined',
  'reload.failed',
  'enrichment.refused',
] as const

export type NoticeType = (typeof noticeTypes)[number]

export interface Notice {
  readonly type: NoticeType
  /** The same for the same news: it is stored once. */
  readonly key: string
  /** What it is about, and what its template shows. */
  readonly data: NoticeData
}

/** In the order in which a reader needs it. Times are in ISO 8601. */
export interface NoticeData extends JsonObject {
  /** The subject: a destination, a source, an event type, a file. */
  readonly id: string
  /** What does not work, in one line. */
  readonly title: string
  /** Why, in the words of who refused. */
  readonly reason: string
  readonly since: string
  /** What waits because of it; empty where nothing does. */
  readonly waits: string
  /** What to do. */
  readonly hint: string
  /** A command that shows more; empty where there is none. */
  readonly command: string
}

export function failing(trouble: Trouble, reason: string, now: number): Notice {
  const { channel, state, waiting, parked } = trouble
  const since = iso(state?.failingSince ?? now)
  const place = placeOf(trouble)
  const counts = [
    ...(waiting > 0 ? [`${messages(waiting)} ${waiting === 1 ? 'waits' : 'wait'}`] : []),
    ...(parked > 0 ? [`${messages(parked)} ${parked === 1 ? 'is' : 'are'} parked`] : []),
  ]
  const isFailing = (state?.failures ?? 0) > 0
  return {
    type: 'destination.failing',
    key: `${channel} ${trouble.rateKey} ${since}`,
    data: {
      id: place,
      title: isFailing ? `${place} does not take messages` : `Messages to ${place} are parked`,
      reason,
      since,
      waits: counts.join(', '),
      hint:
        parked > 0
          ? 'Correct the cause, then resend what is parked. What waits goes out by itself.'
          : 'What waits goes out by itself once it works again.',
      command:
        parked > 0
          ? `hookbridge resend --state parked --channel ${channel} --dry-run`
          : 'hookbridge destinations',
      waiting,
      parked,
      // A success after this one ends it.
      last_success_at: state?.lastSuccessAt ?? null,
    },
  }
}

/** `failed`: the notice that this one ends. */
export function recovered(trouble: Trouble, failed: RecordedNotice, wentOut: string, now: number): Notice {
  const place = placeOf(trouble)
  const { waiting, parked } = trouble
  return {
    type: 'destination.recovered',
    key: failed.eventId,
    data: {
      id: place,
      title: `${place} takes messages again`,
      reason: `${wentOut} went out`,
      since: iso(trouble.state?.lastSuccessAt ?? now),
      waits: waiting > 0 ? `${messages(waiting)} still ${waiting === 1 ? 'waits' : 'wait'}` : '',
      hint:
        parked > 0
          ? `${messages(parked)} ${parked === 1 ? 'is' : 'are'} parked: resend or dismiss ${parked === 1 ? 'it' : 'them'}.`
          : '',
      command: parked > 0 ? `hookbridge resend --state parked --channel ${trouble.channel} --dry-run` : '',
      parked,
    },
  }
}

export interface Count {
  readonly reason: string
  readonly count: number
}

/** `more`: how many are dead since the last notice; `reasons` are those of the latest ones. */
export function dead(trouble: Trouble, more: number, reasons: readonly Count[], now: number): Notice {
  const place = placeOf(trouble)
  return {
    type: 'delivery.dead',
    key: `${trouble.channel} ${trouble.rateKey} ${iso(now)}`,
    data: {
      id: place,
      title: `${messages(more)} to ${place} ${more === 1 ? 'was' : 'were'} given up`,
      reason: reasons.map(({ reason }) => reason).join('; '),
      since: iso(now),
      waits: '',
      hint: 'They are not sent again by themselves: resend or dismiss them.',
      command: `hookbridge deliveries --state dead --channel ${trouble.channel}`,
      total: trouble.dead,
    },
  }
}

export interface Unrouted {
  readonly source: string
  readonly type: string
}

/** `first`: types whose events no route took, and that were in no notice yet. */
export function unrouted(first: readonly Unrouted[], now: number): Notice {
  const names = first.map(({ type }) => type)
  const SHOWN = 10
  const shown = names.slice(0, SHOWN).join(', ')
  const rest = names.length > SHOWN ? ` and ${names.length - SHOWN} more` : ''
  const one = names.length === 1
  return {
    type: 'event.unrouted',
    key: iso(now),
    data: {
      id: names.length === 1 ? shown : `${names.length} event types`,
      title: `No route takes ${one ? 'the event type' : 'the event types'} ${shown}${rest}`,
      reason: 'The events are stored, and sent to no one.',
      since: iso(now),
      waits: '',
      hint: 'Add a route for them, then replay them. Further events of these types make no notice.',
      command: 'hookbridge events --kind unrouted',
      types: first.map(({ source, type }) => [source, type]),
    },
  }
}

export function quarantined(source: string, count: number, problem: string, now: number): Notice {
  const one = count === 1
  return {
    type: 'event.quarantined',
    key: `${source} ${iso(now)}`,
    data: {
      id: source,
      title: `${one ? 'A request' : `${count} requests`} of ${source} could not be read as ${one ? 'an event' : 'events'}`,
      reason: problem,
      since: iso(now),
      waits: `${one ? 'It waits' : 'They wait'} in quarantine`,
      hint: 'Correct event_type of the source; after a reload they are taken up by themselves.',
      command: `hookbridge events --kind quarantined --source ${source}`,
    },
  }
}

export function reloadFailed(file: string, reason: string, now: number): Notice {
  return {
    type: 'reload.failed',
    key: iso(now),
    data: {
      id: file,
      title: 'A changed configuration was not applied',
      reason,
      since: iso(now),
      waits: 'The service goes on with the configuration before it',
      hint: 'Correct the file, then reload. A restart would fail as well.',
      command: `hookbridge check --config ${file}`,
    },
  }
}

export function enrichmentRefused(step: string, host: string, reason: string, now: number): Notice {
  return {
    type: 'enrichment.refused',
    key: `${step} ${iso(now)}`,
    data: {
      id: step,
      title: `${host} refuses the step ${step} of enrich`,
      reason,
      since: iso(now),
      waits: 'Messages go without what it fetches',
      hint: "Correct the key in the step's headers, then reload.",
      command: '',
    },
  }
}

function messages(count: number): string {
  return count === 1 ? '1 message' : `${count} messages`
}

function iso(time: number): string {
  return new Date(time).toISOString()
}
