/** What arrived at the stand-ins, by event. Takes it from them, so that they do not keep a million messages. */
import type { Sinks } from '../support/sinks.ts'
import type { Arrival } from './account.ts'

/** The stand-in for Slack needs the latest ones for look-ups and threads: those of some minutes. */
const KEPT_MESSAGES = 20_000

export interface ArrivalLog {
  /** Messages that arrived. */
  readonly total: number
  /** Takes what came since the last time. */
  collect(): void
  /** Of one event, in their order. */
  of(n: number): readonly Arrival[]
}

export function createArrivalLog({ slack, mail }: Sinks): ArrivalLog {
  const byEvent = new Map<number, Arrival[]>()
  let [total, seen] = [0, 0]

  function note(text: string, target: string, delivery: string | undefined): void {
    const n = Number(/^n=(\d+) /.exec(text)?.[1] ?? Number.NaN)
    if (Number.isNaN(n) || delivery === undefined)
      throw new Error(`a message came to ${target} without its number: ${text}`)
    const arrivals = byEvent.get(n)
    const arrival = { target, delivery, place: total, at: Date.now() }
    if (arrivals === undefined) byEvent.set(n, [arrival])
    else arrivals.push(arrival)
    total += 1
  }

  return {
    get total() {
      return total
    },
    collect() {
      for (const message of slack.messages.slice(seen)) {
        note(message.text, message.channel, /dlv_\w+/.exec(JSON.stringify(message.metadata ?? ''))?.[0])
        message.blocks = null
      }
      slack.messages.splice(0, Math.max(0, slack.messages.length - KEPT_MESSAGES))
      seen = slack.messages.length
      for (const { raw, to } of mail.messages.splice(0)) {
        const head = raw.toString('latin1', 0, raw.indexOf('\r\n\r\n'))
        const subject = /^Subject: (.+)$/m.exec(head)?.[1] ?? ''
        note(subject, to.join(), /^X-Hookbridge-Delivery: (\S+)/im.exec(head)?.[1])
      }
    },
    of: (n) => byEvent.get(n) ?? [],
  }
}
