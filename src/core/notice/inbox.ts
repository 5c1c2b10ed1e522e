/** Notices about incoming requests. */
import { codeOf, type QuarantineCode } from '../quarantine.ts'
import { iso, type Notice } from './notice.ts'

export interface Unrouted {
  readonly source: string
  readonly type: string
}

/** `first`: types whose events no route took, and that were in no notice yet; `more`: how many others there are. */
export function unrouted(first: readonly Unrouted[], more: number, now: number): Notice {
  const SHOWN = 10
  const shown = first.map(({ type }) => type).slice(0, SHOWN)
  const count = first.length + more
  const rest = count > SHOWN ? ` and ${count - SHOWN} more` : ''
  const one = count === 1
  return {
    type: 'event.unrouted',
    key: '',
    data: {
      id: one ? shown.join() : `${count} event types`,
      title: `No route takes ${one ? 'the event type' : 'the event types'} ${shown.join(', ')}${rest}`,
      reason: 'The events are stored, and sent to no one.',
      since: iso(now),
      waits: '',
      hint: 'Add a route for them, then replay them. Further events of these types make no notice.',
      command: 'hookbridge events --kind unrouted',
      types: first.map(({ source, type }) => [source, type]),
    },
  }
}

const UNREADABLE_HINT =
  'A body that cannot be read as JSON must be corrected by its sender, and sent as a new message: no setting here makes it readable.'

const quarantineHints: ReadonlyMap<string, string> = new Map<QuarantineCode, string>([
  ['invalid_utf8', UNREADABLE_HINT],
  ['invalid_json', UNREADABLE_HINT],
  [
    'no_event_type',
    'Correct event_type of the source, then reload: requests in which it finds a type become events automatically.',
  ],
  [
    'not_planned',
    'not_planned is a bug of Hookbridge: please report it. The first start after an upgrade that fixes it makes events of such requests.',
  ],
])

/** `problems`: as they are stored, one of each code. */
export function quarantined(source: string, count: number, problems: readonly string[], now: number): Notice {
  const one = count === 1
  const hints = problems.map((problem) => quarantineHints.get(codeOf(problem)) ?? '')
  return {
    type: 'event.quarantined',
    key: source,
    data: {
      id: source,
      title: `${one ? 'A request' : `${count} requests`} of ${source} could not be read as ${one ? 'an event' : 'events'}`,
      reason: problems.join('; '),
      since: iso(now),
      waits: `${one ? 'It waits' : 'They wait'} in quarantine`,
      hint: [...new Set(hints)].join(' ').trim(),
      command: `hookbridge events --kind quarantined --source ${source}`,
    },
  }
}
