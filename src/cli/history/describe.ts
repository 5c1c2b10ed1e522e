/** One event, or one delivery, with everything that happened to it, for a person to read. */

import type { Delivery } from '../../core/delivery/delivery.ts'
import type { Step } from '../../core/lifecycle/lifecycle.ts'
import type { DeliveryRecord, EventRecord, PlanRecord } from '../../store/store.ts'
import { colour, printable, printableLines, type Terminal, textWidth, wrap } from '../terminal/terminal.ts'
import { type Attempts, foldAttempts, nameAttempts, wordsOf } from './attempts.ts'
import { nameOf, shortly, stateStyles, when } from './words.ts'

export function describeEvent(terminal: Terminal, event: EventRecord): string[] {
  const { problem, releasedAs, releasedFrom, messageId } = event
  const line = (name: string, text: string) => hanging(terminal, `  ${name.padEnd(8)}  `, text)
  const verified = `verified with secret ${event.secretIndex + 1}`
  return [
    colour(terminal, 'bold', `event ${event.id}`),
    ...line('type', printable(event.type ?? '(none: the request is in quarantine)')),
    ...(event.subject === null ? [] : line('subject', printable(event.subject))),
    ...line('source', `${event.source}, message ${printable(messageId)}, ${verified}`),
    ...line('received', `${when(event.receivedAt)} (sent ${when(event.sentAt)})`),
    ...(problem === null ? [] : line('problem', printable(problem))),
    ...(releasedAs === null ? [] : line('now', `released from quarantine, as ${releasedAs}`)),
    ...(releasedFrom === null ? [] : line('was', `${releasedFrom}, in quarantine`)),
    `  body      ${printableLines(bodyText(event.body))}`,
    ...Object.entries(event.enriched).flatMap(([step, fields]) =>
      line('enriched', printable(`${step} ${JSON.stringify(fields)}`)),
    ),
    ...describeEnrichment(event).flatMap((text) => line('fetching', text)),
    ...event.plans.flatMap((plan) => ['', ...describePlan(terminal, plan)]),
  ]
}

/** How each step ended, and what the event is waiting for. */
function describeEnrichment({ enrichment }: EventRecord): string[] {
  if (enrichment === null) return []
  const { steps, waiting } = enrichment
  const count = (tries: number) => `${tries} ${tries === 1 ? 'try' : 'tries'}`
  const ended = steps.map(({ step, result, fields, tries, since, endedAt, reason }) => {
    const what = result === 'failed' ? 'failed' : `fetched ${fields.join(', ') || 'the answer'}`
    const how = `${count(tries)} in ${((endedAt - since) / 1000).toFixed(1)} s`
    return printable(`${step} ${what} (${how}${reason === null ? '' : `; ${reason}`})`)
  })
  if (waiting === null) return ended
  const { current, dueAt } = waiting
  const last =
    current === null
      ? 'waits for its turn'
      : `${current.step} after ${count(current.tries)}: ${current.reason}`
  return [...ended, printable(`${last}; next at ${when(dueAt)}`)]
}

/** `others`: the deliveries of its event, which include its fallbacks. */
export function describeDelivery(
  terminal: Terminal,
  delivery: DeliveryRecord,
  others: readonly DeliveryRecord[],
): string[] {
  const { id, state, reason, dueAt, receiver, route, createdAt, conversation, standsInFor } = delivery
  const line = (text: string) => hanging(terminal, '    ', text)
  const [head = '', ...rest] = hanging(
    terminal,
    '  ',
    `${id}  ${nameOf(delivery.destination)}  ${state}`,
    '    ',
  )
  const styled = [head, ...rest].map((text, at) =>
    at < rest.length ? text : `${text.slice(0, -state.length)}${colour(terminal, stateStyles[state], state)}`,
  )
  return [
    ...styled,
    ...line(`for receiver ${receiver}, by route ${printable(route)}, planned ${when(createdAt)}`),
    ...(conversation === null ? [] : line(`conversation ${printable(conversation)}`)),
    ...(standsInFor === null
      ? []
      : line(
          `fallback of ${standsInFor.delivery} (${standsInFor.receiver}): ${printable(standsInFor.reason)}`,
        )),
    ...(reason === null ? [] : line(printable(reason))),
    ...fallbacksOf(delivery, others).flatMap((fallback) =>
      line(`fallback ${fallback.id}, for receiver ${fallback.receiver}: ${fallback.state}`),
    ),
    // While it is being sent, it is due when its lease ends.
    ...(dueAt === null || state === 'sending' ? [] : line(`next attempt ${when(dueAt)}`)),
    ...foldAttempts(delivery.history).flatMap((attempts) => attemptLines(terminal, attempts, createdAt)),
  ]
}

export function fallbacksOf<T extends Delivery>({ id }: Delivery, others: readonly T[]): readonly T[] {
  return others.filter(({ standsInFor }) => standsInFor?.delivery === id)
}

const causes = {
  received: 'as it was received',
  quarantine: 'as it was released from quarantine',
  replay: 'as it was replayed',
} as const satisfies Record<PlanRecord['cause'], string>

const FINGERPRINT_LENGTH = 8

function describePlan(terminal: Terminal, plan: PlanRecord): string[] {
  const { number, cause, at, fingerprint, routes, unrouted, deliveries } = plan
  const by = fingerprint === null ? '' : `, by configuration ${fingerprint.slice(0, FINGERPRINT_LENGTH)}`
  const taken = routes.map(({ route, path, receivers }) => {
    const name = route === path ? path : `${printable(route)} (${path})`
    return `${name} -> ${receivers.length === 0 ? 'no one' : receivers.join(', ')}`
  })
  return [
    `${colour(terminal, 'bold', `plan ${number}`)}  ${when(at)}, ${causes[cause]}${by}`,
    ...(unrouted ? ['  route     none took it (unrouted)'] : []),
    ...taken.flatMap((text) => hanging(terminal, '  route     ', text)),
    ...deliveries.flatMap((delivery) => describeDelivery(terminal, delivery, deliveries)),
  ]
}

const stepWords = {
  first: 'its first message',
  restarted: 'posted in place of the first message',
  post: 'a message of its own',
  reply: 'replied to the first message',
  update: 'edited the first message',
  update_and_reply: 'edited the first message, and replied to it',
} as const satisfies Record<Step['how'], string>

/** `attempts 1-9, 12:00:05-13:07:00Z: retry, connect ECONNREFUSED`; with dates if the day differs from that of `planned`. */
function attemptLines(
  terminal: Terminal,
  { numbers, from, to, durationMs, outcome, notes, step }: Attempts,
  planned: number,
): string[] {
  const [first, last] = [timeSince(planned, from), timeSince(from, to)]
  const times = numbers.length === 1 ? `${first}Z, ${durationMs} ms` : `${first}-${last}Z`
  const words = `${nameAttempts(numbers)}, ${times}: ${outcome.kind}, ${printable(wordsOf(outcome))}`
  return [
    ...hanging(terminal, '    ', words, '      '),
    ...(step === undefined ? [] : hanging(terminal, '      ', `conversation: ${stepWords[step.how]}`)),
    ...notes.flatMap((note) => hanging(terminal, '      ', `note: ${printable(note)}`)),
  ]
}

/** `13:07:00`, or `11-24 13:07:00` if the day differs from that of `before`. */
function timeSince(before: number, time: number): string {
  const shown = shortly(time)
  const [day, clock = ''] = shown.split(' ')
  return shortly(before).startsWith(`${day} `) ? clock : shown
}

/** Wrapped on a terminal; the lines after the first are indented by `rest`, else as the first. */
export function hanging(
  terminal: Terminal,
  start: string,
  text: string,
  rest = ' '.repeat(start.length),
): string[] {
  if (terminal.out.isTTY !== true) return [`${start}${text}`]
  const lines = wrap(text, textWidth(terminal) - rest.length, true)
  return lines.map((line, at) => `${at === 0 ? start : rest}${line}`)
}

const LONGEST_BODY = 2_000

function bodyText(body: Uint8Array): string {
  const text = new TextDecoder().decode(body)
  return text.length > LONGEST_BODY ? `${text.slice(0, LONGEST_BODY)}… (${body.length} bytes)` : text
}
