/** `preview --to`: sends through the configured channel as the service does, without a record in the history. */
import { randomUUID } from 'node:crypto'
import type { Channel } from '../../channels/channel.ts'
import { channels } from '../../channels/channels.ts'
import type { ChannelPreview } from '../../channels/preview.ts'
import type { CompiledConfig } from '../../config/compiled.ts'
import type { Outcome } from '../../core/delivery/outcome.ts'
import type { Preview } from '../../core/template/preview.ts'
import { proxiesOf } from '../context.ts'
import { CommandError, colour, print, printable, type Terminal } from '../terminal/terminal.ts'
import { nameOf } from './text.ts'

export interface Addressee {
  readonly channel: Channel
  readonly preview: ChannelPreview
  readonly receiver: unknown
}

export interface Sending {
  readonly channel: string
  readonly target: string
  readonly outcome: Outcome
}

const RECEIVER = 'preview'

/** Parses `slack:#test`; fails with the right format. `only`: the only channel that is previewed, if there is one. */
export function parseAddressee(
  { config }: CompiledConfig,
  previews: ReadonlyMap<string, ChannelPreview>,
  text: string,
  only: string | undefined,
): Addressee {
  const [, name = '', address = ''] = /^([^:]*):(.*)$/s.exec(text) ?? []
  const channel = channels.find((one) => one.name === name)
  const preview = previews.get(name)
  if (channel === undefined || preview === undefined) {
    const forms = [...previews.keys()].map((one) => `${one}:…`).join(', ')
    throw new CommandError(`--to takes ${forms}, as in email:me@example.com, not "${text}"`, 2)
  }
  if (only !== undefined && only !== name) {
    throw new CommandError(`--channel ${only} leaves nothing to send --to ${text}; give one of them`, 2)
  }
  const settings = config.channels[name]
  const found = preview.receiverAt(address, settings)
  if (!found.ok) throw new CommandError(`--to ${text}: ${found.reason}`, 2)
  const missing = channel.missingSettings?.(settings, found.receiver) ?? null
  if (missing !== null) throw new CommandError(`--to ${text}: ${missing}`)
  return { channel, preview, receiver: found.receiver }
}

/** Sends every message of a channel to its addressees; equal messages for several receivers are sent once. */
export async function sendPreviews(
  terminal: Terminal,
  compiled: CompiledConfig,
  { messages }: Preview,
  addressees: readonly Addressee[],
): Promise<readonly Sending[]> {
  const sendings: Sending[] = []
  const proxies = proxiesOf(terminal)
  for (const { channel, preview, receiver } of addressees) {
    const rendered = messages.flatMap((one) =>
      one.channel === channel.name && one.rendered.ok ? [one.rendered.message] : [],
    )
    const unique = new Map(rendered.map((message) => [JSON.stringify(message), message]))
    const open = channel.open(compiled.config.channels[channel.name], new Map([[RECEIVER, receiver]]), {
      timeout: compiled.config.delivery.timeout,
      proxies,
      // Standard output may be JSON or the page.
      print: (text) => terminal.err.write(`${text}\n`),
      now: Date.now,
      beganAt: performance.timeOrigin,
    })
    try {
      for (const message of unique.values()) {
        for (const { target } of channel.targets(receiver, RECEIVER)) {
          const id = `preview_${randomUUID()}`
          const addressed = { id, receiver: RECEIVER, target, follows: null, unanswered: null }
          const outcome = await open.send(preview.withPreviewBanner(message), addressed)
          sendings.push({ channel: channel.name, target, outcome })
        }
      }
    } finally {
      await open.close()
    }
  }
  return sendings
}

export function printSendings(terminal: Terminal, sendings: readonly Sending[]): void {
  for (const { outcome, ...destination } of sendings) {
    const sent = outcome.kind === 'sent'
    const words = sent ? referenceWords(outcome.reference) : outcome.reason
    const verdict = colour(terminal, sent ? 'green' : 'red', sent ? 'sent' : verdicts[outcome.kind])
    print(terminal, `${nameOf(destination)}: ${verdict}  ${printable(words)}`)
  }
}

const verdicts = {
  retry: 'not sent (trying again may help)',
  ambiguous: 'unknown whether it was sent',
  park: 'not sent',
  refuse: 'refused',
} as const satisfies Record<Exclude<Outcome['kind'], 'sent'>, string>

/** How to find the message: its link, if there is one. */
function referenceWords(reference: Readonly<Record<string, string>>): string {
  return reference.permalink ?? Object.values(reference).join('  ')
}
