/**
 * Notices: messages about problems of the service itself, as events of a built-in source. This file composes them; see
 * pipeline/notices.
 */
import type { JsonObject } from '../json/json.ts'
import { placeOf, type RecordedNotice, type Trouble } from './noticed.ts'

/** The source of notices. No source of a configuration has this name. */
export const NOTICE_SOURCE = 'hookbridge'

/** The template of a notice if its route names none. */
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
  /** What it is about, and what distinguishes it from others of its type. */
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
  /** Why, in the words of the server that refused. */
  readonly reason: string
  readonly since: string
  /** What waits because of it; empty if nothing does. */
  readonly waits: string
  /** What to do. */
  readonly hint: string
  /** A command that shows more; empty if there is none. */
  readonly command: string
}

export function failing(trouble: Trouble, reason: string, now: number): Notice {
  const { channel, state, waiting, parked } = trouble
  const since = iso(state?.failingSince ?? now)
  const place = placeOf(trouble)
  const isFailing = (state?.failures ?? 0) > 0
  return {
    type: 'destination.failing',
    key: `${channel} ${trouble.rateKey}`,
    data: {
      id: place,
      title: isFailing ? `${atStart(place)} does not take messages` : `Messages to ${place} are parked`,
      reason,
      since,
      waits: waitingAndParked(waiting, parked),
      hint:
        parked > 0
          ? 'Correct the cause, then resend what is parked. What waits goes out by itself.'
          : 'What waits goes out by itself once it works again.',
      command:
        parked > 0
          ? `hookbridge resend --state parked ${chosen(trouble)} --dry-run`
          : 'hookbridge destinations',
      waiting,
      parked,
      // A success after this time ends it.
      last_success_at: state?.lastSuccessAt ?? null,
    },
  }
}

/** `failed`: the notice of the failure that is over now; `wentOut`: what was delivered since. */
export function recovered(trouble: Trouble, failed: RecordedNotice, wentOut: string, now: number): Notice {
  const place = placeOf(trouble)
  const { waiting, parked } = trouble
  return {
    type: 'destination.recovered',
    key: `${failed.eventId} ${trouble.rateKey}`,
    data: {
      id: place,
      title: `${atStart(place)} takes messages again`,
      reason: wentOut,
      since: iso(trouble.state?.lastSuccessAt ?? now),
      waits: waiting > 0 ? `${messages(waiting)} still ${waiting === 1 ? 'waits' : 'wait'}` : '',
      hint:
        parked > 0
          ? `${messages(parked)} ${parked === 1 ? 'is' : 'are'} parked: resend or dismiss ${parked === 1 ? 'it' : 'them'}.`
          : '',
      command: parked > 0 ? `hookbridge resend --state parked ${chosen(trouble)} --dry-run` : '',
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
    key: `${trouble.channel} ${trouble.rateKey}`,
    data: {
      id: place,
      title: `${messages(more)} to ${place} ${more === 1 ? 'was' : 'were'} given up`,
      reason: reasons.map(({ reason }) => reason).join('; '),
      since: iso(now),
      waits: '',
      hint: 'They are not sent again by themselves: resend or dismiss them.',
      command: `hookbridge deliveries --state dead ${chosen(trouble)}`,
      total: trouble.dead,
    },
  }
}

export function reloadFailed(file: string, reason: string, now: number): Notice {
  return {
    type: 'reload.failed',
    key: file,
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
    key: step,
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

export function waitingAndParked(waiting: number, parked: number): string {
  return [
    ...(waiting > 0 ? [`${messages(waiting)} ${waiting === 1 ? 'waits' : 'wait'}`] : []),
    ...(parked > 0 ? [`${messages(parked)} ${parked === 1 ? 'is' : 'are'} parked`] : []),
  ].join(', ')
}

/** The options with which a command selects what goes there, quoted because # starts a comment in a shell. */
function chosen({ channel, targets }: Trouble): string {
  const [target = '', ...others] = targets
  if (others.length > 0 || target.includes("'")) return `--channel ${channel}`
  return `--destination ${/^[\w.@+-]+$/.test(target) ? target : `'${target}'`}`
}

/** At the start of a sentence: channels are named in lower case. */
function atStart(place: string): string {
  return place.charAt(0).toUpperCase() + place.slice(1)
}

export function messages(count: number): string {
  return count === 1 ? '1 message' : `${count} messages`
}

export function iso(time: number): string {
  return new Date(time).toISOString()
}
