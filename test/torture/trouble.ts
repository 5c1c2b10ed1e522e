/** What goes wrong at the destinations: one kind of trouble for some seconds, drawn from the seed, and then another. */
import type { MailBehaviour, MailServer, MailStep } from '../support/mail-server.ts'
import type { Sinks } from '../support/sinks.ts'
import type { Misbehaviour, SlackServer } from '../support/slack/server.ts'
import { channels, regionOf } from './traffic.ts'

const troubles = ['limits', 'fails', 'drops', 'tarpit', 'away'] as const
type Trouble = 'calm' | (typeof troubles)[number]

const SHORTEST_MS = 500
/** Longer where all is well: a destination that failed for long is tried at growing intervals. */
const LONGEST_MS = { trouble: 2_000, calm: 8_000 } as const
const CALM_SHARE = 0.5

export interface Troubles {
  /** Requests and steps that met with it, by kind. */
  readonly met: ReadonlyMap<string, number>
  /** Ends all trouble. */
  clear(): void
}

/** Each region of Slack's channels has its own trouble, and so have look-ups; the mail server has one for all. */
export function startTroubles({ slack, mail }: Sinks, random: () => number): Troubles {
  const met = new Map<string, number>()
  const counted = <Behaviour>(name: string, behaviour: Behaviour | undefined): Behaviour | undefined => {
    if (behaviour !== undefined) met.set(name, (met.get(name) ?? 0) + 1)
    return behaviour
  }
  const timers = new Map<string, NodeJS.Timeout>()
  const now = new Map<string, Trouble>()
  const change = (place: string) => {
    const isCalm = random() < CALM_SHARE
    const drawn = troubles[Math.floor(random() * troubles.length)] ?? 'away'
    now.set(place, isCalm ? 'calm' : drawn)
    // Ends what hangs: a mail server may take ten minutes for its answer to a whole message.
    if (place === 'mail') mail.cut()
    const longest = isCalm ? LONGEST_MS.calm : LONGEST_MS.trouble
    const lasts = SHORTEST_MS + random() * (longest - SHORTEST_MS)
    timers.set(
      place,
      setTimeout(() => change(place), lasts),
    )
  }
  for (const place of new Set(['mail', 'lookups', ...channels.map(regionOf)])) change(place)
  slack.behave = ({ method, channel = '' }) => {
    const trouble = now.get(method === 'chat.postMessage' ? regionOf(channel) : 'lookups') ?? 'calm'
    return counted(`slack ${trouble}`, slackBehaviour(trouble, random))
  }
  mail.behave = (step) => {
    const trouble = now.get('mail') ?? 'calm'
    return counted(`mail ${trouble}`, mailBehaviour(trouble, step, random))
  }
  return {
    met,
    clear() {
      for (const timer of timers.values()) clearTimeout(timer)
      clear({ slack, mail })
    },
  }
}

function clear({ slack, mail }: { readonly slack: SlackServer; readonly mail: MailServer }): void {
  slack.behave = () => undefined
  mail.behave = () => undefined
  mail.cut()
}

function slackBehaviour(trouble: Trouble, random: () => number): Misbehaviour | undefined {
  const chance = random()
  switch (trouble) {
    case 'calm':
      return undefined
    case 'limits':
      return chance < 0.3 ? { status: 429, headers: { 'retry-after': '1' }, body: 'ratelimited' } : undefined
    case 'fails':
      return chance < 0.4 ? { status: 500, body: 'oops', accept: chance < 0.1 } : undefined
    case 'drops':
      return chance < 0.1
        ? 'accept-and-reset'
        : chance < 0.2
          ? 'accept-and-cut'
          : chance < 0.4
            ? 'reset'
            : undefined
    case 'tarpit':
      return chance < 0.1 ? 'accept-and-hang' : chance < 0.2 ? 'hang' : undefined
    case 'away':
      return 'reset'
  }
}

const REFUSALS = { mail: 421, rcpt: 451, data: 452 } as const

function mailBehaviour(trouble: Trouble, step: MailStep, random: () => number): MailBehaviour | undefined {
  const chance = random()
  switch (trouble) {
    case 'calm':
      return undefined
    case 'limits':
    case 'fails': {
      const code = step === 'mail' || step === 'rcpt' || step === 'data' ? REFUSALS[step] : null
      return code !== null && chance < 0.15 ? { code, message: 'Try again later' } : undefined
    }
    case 'drops':
      return chance < 0.07 ? 'drop' : undefined
    case 'tarpit':
      return chance < 0.05 ? 'stall' : undefined
    case 'away':
      return step === 'connect' ? 'drop' : undefined
  }
}
