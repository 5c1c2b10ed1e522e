/** Notices about incoming requests. */
import { codeOf, type QuarantineCode, wordsOf } from '../receiving/quarantine.ts'
import { shortened } from '../template/summary/fact.ts'
import { iso, type Notice } from './notice.ts'

// A title is also a notification, and a phone shows about this much of it.
const LONGEST_TITLE = 80
const MOST_NAMED = 10

export interface Unrouted {
  readonly source: string
  readonly type: string
}

/** `first`: types whose events no route took, and that were in no notice yet; `more`: how many others there are. */
export function unrouted(first: readonly Unrouted[], more: number, now: number): Notice {
  const count = first.length + more
  return {
    type: 'event.unrouted',
    key: '',
    data: {
      id: count === 1 ? (first[0]?.type ?? '') : `${count} event types`,
      title: unroutedTitle(
        first.map(({ type }) => type),
        count,
      ),
      reason: 'The events are stored, and sent to no one.',
      since: iso(now),
      waits: '',
      hint: 'Add a route for them, then replay them. Further events of these types make no notice.',
      command: 'hookbridge events --kind unrouted',
      types: first.map(({ source, type }) => [source, type]),
    },
  }
}

/** Names as many types as a notification has room for, but at least one. */
function unroutedTitle(types: readonly string[], count: number): string {
  const start = `No route takes the event ${count === 1 ? 'type' : 'types'} `
  const others = (named: number) => (count > named ? ` and ${count - named} more` : '')
  const names = types.slice(0, MOST_NAMED).map((type) => shortened(type, LONGEST_TITLE))
  for (let named = names.length; named > 0; named -= 1) {
    const title = start + names.slice(0, named).join(', ') + others(named)
    if (title.length <= LONGEST_TITLE) return title
  }
  const room = LONGEST_TITLE - start.length - others(1).length
  return start + shortened(types[0] ?? '', room) + others(1)
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
      reason: problems.map(wordsOf).join('; '),
      since: iso(now),
      waits: `${one ? 'It waits' : 'They wait'} in quarantine`,
      hint: [...new Set(hints)].join(' ').trim(),
      command: `hookbridge events --kind quarantined --source ${source}`,
    },
  }
}
