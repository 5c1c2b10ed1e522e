/** One event, or one delivery, with everything that happened to it, for a person to read. */
import type { DeliveryRecord, EventRecord, PlanRecord } from '../../store/store.ts'
import { colour, printable, printableLines, type Terminal, textWidth, wrap } from '../terminal.ts'
import { type Attempts, foldAttempts } from './attempts.ts'
import { nameOf, stateStyles, when } from './words.ts'

export function describeEvent(terminal: Terminal, event: EventRecord): string[] {
  const { problem, takenUpBy, takesUp } = event
  return [
    colour(terminal, 'bold', `event ${event.id}`),
    `  type      ${printable(event.type ?? '(none: the request is in quarantine)')}`,
    ...(event.subject === null ? [] : [`  subject   ${printable(event.subject)}`]),
    `  source    ${event.source}, message ${printable(event.messageId)}, verified with secret ${event.secretIndex + 1}`,
    `  received  ${when(event.receivedAt)} (sent ${when(event.sentAt)})`,
    ...(problem === null ? [] : indented(terminal, `  problem   `, problem)),
    ...(takenUpBy === null ? [] : [`  now       ${takenUpBy}, which has taken it up`]),
    ...(takesUp === null ? [] : [`  takes up  ${takesUp}, which was in quarantine`]),
    `  body      ${printableLines(bodyText(event.body))}`,
    ...event.plans.flatMap((plan) => ['', ...describePlan(terminal, plan)]),
  ]
}

export function describeDelivery(terminal: Terminal, delivery: DeliveryRecord): string[] {
  const { id, state, reason, dueAt, receiver, route } = delivery
  return [
    `  ${id}  ${nameOf(delivery.destination)}  ${colour(terminal, stateStyles[state], state)}`,
    `    for receiver ${receiver}, by route ${printable(route)}`,
    ...(reason === null ? [] : indented(terminal, '    ', reason)),
    // While it is being sent, it is due when its lease ends.
    ...(dueAt === null || state === 'sending' ? [] : [`    next attempt ${when(dueAt)}`]),
    ...foldAttempts(delivery.history).flatMap(attemptLines),
  ]
}

const causes = {
  received: 'as it was received',
  quarantine: 'as it was taken out of quarantine',
  replay: 'as it was replayed',
} as const satisfies Record<PlanRecord['cause'], string>

const FINGERPRINT_LENGTH = 8

function describePlan(terminal: Terminal, plan: PlanRecord): string[] {
  const { number, cause, at, fingerprint, routes, unrouted, deliveries } = plan
  const by = fingerprint === null ? '' : `, by configuration ${fingerprint.slice(0, FINGERPRINT_LENGTH)}`
  const taken = routes.map(({ route, path, receivers }) => {
    const name = route === path ? path : `${printable(route)} (${path})`
    return `  route     ${name} -> ${receivers.length === 0 ? 'no one' : receivers.join(', ')}`
  })
  return [
    `${colour(terminal, 'bold', `plan ${number}`)}  ${when(at)}, ${causes[cause]}${by}`,
    ...(unrouted ? ['  route     none took it (unrouted)'] : []),
    ...taken,
    ...deliveries.flatMap((delivery) => describeDelivery(terminal, delivery)),
  ]
}

function attemptLines({ first, last, from, to, durationMs, outcome, notes }: Attempts): string[] {
  const words = outcome.kind === 'sent' ? Object.values(outcome.reference).join(' ') : outcome.reason
  const [begun, ended] = [when(from), when(to)]
  const isSameDay = begun.slice(0, 10) === ended.slice(0, 10)
  const which =
    first === last
      ? `attempt ${first}  ${begun}  ${durationMs} ms`
      : `attempts ${first}-${last}  ${begun} to ${isSameDay ? ended.slice(11) : ended}`
  return [
    `    ${which}  ${outcome.kind}  ${printable(words)}`,
    ...notes.map((note) => `      note: ${printable(note)}`),
  ]
}

/** Wrapped, every line indented like the first. */
function indented(terminal: Terminal, start: string, text: string): string[] {
  const lines = wrap(printable(text), textWidth(terminal) - start.length, true)
  return lines.map((line, at) => `${at === 0 ? start : ' '.repeat(start.length)}${line}`)
}

const LONGEST_BODY = 2_000

function bodyText(body: Uint8Array): string {
  const text = new TextDecoder().decode(body)
  return text.length > LONGEST_BODY ? `${text.slice(0, LONGEST_BODY)}… (${body.length} bytes)` : text
}
