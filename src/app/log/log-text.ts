/** The log for a person at a terminal: one line for each event and each attempt, and for everything else. */
import { styleText } from 'node:util'
import { isObject, parseJson } from '../../core/json/json.ts'

type Entry = Readonly<Record<string, unknown>>
type Style = 'dim' | 'green' | 'yellow' | 'red' | 'cyan'

// pino's numbers of levels.
const WARN = 40
const ERROR = 50

/** A line of pino's JSON, as text with its line break. */
export function logText(json: string, colours: boolean): string {
  const parsed = parseJson(json)
  if (!isObject(parsed)) return `${harmless(json)}\n`
  const paint = (style: Style, text: string) =>
    colours && text !== '' ? styleText(style, text, { validateStream: false }) : text
  const level = typeof parsed.level === 'number' ? parsed.level : 0
  const [head, style, rest] = partsOf(parsed, level)
  const words = [paint(style, harmless(head)), ...rest.filter((text) => text !== '').map(harmless)]
  const mark =
    level >= ERROR ? `${paint('red', 'ERROR')} ` : level >= WARN ? `${paint('yellow', 'WARN')} ` : ''
  return `${paint('dim', clockOf(parsed.time))} ${mark}${words.join('  ')}\n${stackOf(parsed)}`
}

/** The subject of the line, and its text. */
function partsOf(entry: Entry, level: number): readonly [string, Style, readonly string[]] {
  const style = level >= ERROR ? 'red' : level >= WARN ? 'yellow' : 'green'
  if (typeof entry.delivery === 'string' && typeof entry.target === 'string')
    return attemptParts(entry, style)
  const isEvent = typeof entry.message_id === 'string' || isObject(entry.steps)
  if (isEvent && typeof entry.deliveries === 'number') return eventParts(entry, style)
  return [textOf(entry.msg), level >= WARN ? style : 'cyan', [fieldsOf(entry)]]
}

/** `event  analysis.completed  2 messages  evt_…`, and the result of each step if the event was enriched. */
function eventParts(entry: Entry, style: Style): readonly [string, Style, readonly string[]] {
  const { msg, type, subject, deliveries, deferred, dropped, steps, id } = entry
  // An event that waits for its enrichment has not been planned.
  const isPlanned = msg !== 'event stored, to be enriched'
  const messages = isPlanned ? `${textOf(deliveries)} ${deliveries === 1 ? 'message' : 'messages'}` : ''
  const results = isObject(steps) ? Object.entries(steps).map((result) => result.map(textOf).join(' ')) : []
  const muted = Object.entries({ deferred, dropped }).flatMap(([what, count]) =>
    typeof count === 'number' && count > 0 ? [`${count} ${what}`] : [],
  )
  const isPlain = msg === 'event stored'
  return [
    isPlain ? 'event' : textOf(msg),
    isPlain ? 'cyan' : style,
    [textOf(type), messages, ...muted, ...results, textOf(id), textOf(subject)],
  ]
}

/** `delivered  slack #deal-flow  attempt 1, 212 ms  dlv_…` */
function attemptParts(entry: Entry, style: Style): readonly [string, Style, readonly string[]] {
  const { msg, channel, target, attempt, duration_ms, delivery, notes, next_attempt } = entry
  const [, state = '', reason = ''] = /^delivery (\w+)(?:: (.*))?$/s.exec(textOf(msg)) ?? []
  const next = next_attempt === undefined ? '' : `, next at ${clockOf(next_attempt)}`
  return [
    state === '' ? textOf(msg) : state,
    style,
    [
      `${textOf(channel)} ${textOf(target)}`,
      `attempt ${textOf(attempt)}, ${textOf(duration_ms)} ms${next}`,
      textOf(delivery),
      reason,
      ...(Array.isArray(notes) ? notes.map((note) => `note: ${textOf(note)}`) : []),
    ],
  ]
}

const OWN_FIELDS = ['level', 'time', 'msg', 'err']

function fieldsOf(entry: Entry): string {
  return Object.entries(entry)
    .filter(([key, value]) => !OWN_FIELDS.includes(key) && value !== '' && value !== undefined)
    .map(([key, value]) => `${key}=${Array.isArray(value) ? value.map(textOf).join(', ') : textOf(value)}`)
    .join(' ')
}

/** The stack of an unexpected error, below the line. */
function stackOf({ err }: Entry): string {
  if (!isObject(err)) return ''
  const stack = typeof err.stack === 'string' ? err.stack : textOf(err.message)
  return stack
    .split('\n')
    .map((line) => `    ${harmless(line)}\n`)
    .join('')
}

/** `12:00:01Z` of an ISO time. */
function clockOf(time: unknown): string {
  const [, clock] = /T(\d\d:\d\d:\d\d)/.exec(textOf(time)) ?? []
  return clock === undefined ? textOf(time) : `${clock}Z`
}

function textOf(value: unknown): string {
  if (value === null || value === undefined) return ''
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}

/** Text from outside is stripped of control characters, so that it cannot control a terminal or fake a line. */
function harmless(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Bidi_Control}\u2028\u2029]+/gu, ' ').trim()
}
