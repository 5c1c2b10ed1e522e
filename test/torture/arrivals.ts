/** Notes what arrives at the stand-ins. Takes it from them, so that they do not keep a million messages. */
import type { Sinks } from '../support/sinks.ts'
import type { Progress } from './progress.ts'
import type { Arrivals } from './records.ts'

/** The stand-in for Slack needs the latest ones for look-ups and threads: those of some minutes. */
const KEPT_MESSAGES = 50_000

/** Returns what notes all that came since the last time. */
export function collector({ slack, mail }: Sinks, arrivals: Arrivals, progress: Progress): () => void {
  let seen = 0

  function note(text: string, target: string, delivery: string | undefined, at: number): void {
    const n = Number(/^n=(\d+) /.exec(text)?.[1] ?? Number.NaN)
    if (Number.isNaN(n) || delivery === undefined)
      throw new Error(`a message came to ${target} without its number: ${text}`)
    const isFirst = arrivals.add(n, { target, delivery, place: progress.get('arrived'), at })
    progress.add('arrived')
    if (isFirst) progress.add('delivered')
  }

  return () => {
    for (let index = seen; index < slack.messages.length; index += 1) {
      const message = slack.messages[index]
      if (message === undefined) continue
      const { text, channel, metadata, at } = message
      note(text, channel, /dlv_\w+/.exec(JSON.stringify(metadata ?? ''))?.[0], at)
      message.blocks = null
    }
    slack.messages.splice(0, Math.max(0, slack.messages.length - KEPT_MESSAGES))
    seen = slack.messages.length
    for (const { raw, to, at } of mail.messages.splice(0)) {
      const head = raw.toString('latin1', 0, raw.indexOf('\r\n\r\n'))
      const subject = /^Subject: (.+)$/m.exec(head)?.[1] ?? ''
      note(subject, to.join(), /^X-Hookbridge-Delivery: (\S+)/im.exec(head)?.[1], at)
    }
  }
}
