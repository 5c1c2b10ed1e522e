/** A preview in the terminal: each message in a frame, and under it the notes for its author. */
import { channels } from '../../channels/channels.ts'
import type { Event } from '../../core/event.ts'
import { skippedBecause } from '../../core/routing/plan.ts'
import type { Preview, PreviewedMessage, Wanted } from '../../core/template/preview.ts'
import { type Conversations, inWords } from '../conversations.ts'
import {
  colour,
  print,
  printable,
  printFramed,
  type Terminal,
  textWidth,
  wrap,
} from '../terminal/terminal.ts'

export interface PreviewText {
  readonly wanted: Wanted
  /** The fields of enrich that have sample values. */
  readonly madeUp: readonly string[]
  /** The messages and the notes about them; otherwise the notes alone. */
  readonly framed: boolean
  readonly conversations: Conversations
}

export function printPreview(
  terminal: Terminal,
  event: Event,
  preview: Preview,
  { wanted, madeUp, framed, conversations }: PreviewText,
): void {
  for (const notice of noticesOf(event, preview, wanted, madeUp))
    print(terminal, colour(terminal, 'yellow', printable(notice)))
  if (conversations.remark !== '')
    print(terminal, colour(terminal, 'yellow', printable(conversations.remark)))
  for (const message of preview.messages) {
    const { rendered, channel } = message
    const { toText } = channels.find(({ name }) => name === channel) ?? {}
    if (rendered.ok && framed && toText) printFramed(terminal, titleOf(message), toText(rendered.message))
    else if (!rendered.ok) {
      print(terminal, `\n${colour(terminal, 'bold', printable(titleOf(message)))}`)
      print(terminal, colour(terminal, 'red', printable(`   ${rendered.reason}`)))
    }
    const does = framed ? inWords(conversations.decisionOf(message.delivery)) : ''
    if (does !== '') print(terminal, `   ${wrap(printable(does), textWidth(terminal) - 3).join('\n   ')}`)
    for (const note of rendered.ok ? rendered.notes : []) {
      const name = framed ? '' : `${nameOf(message)}: `
      print(terminal, colour(terminal, 'yellow', printable(`   note: ${name}${note}`)))
    }
  }
  for (const delivery of preview.skipped) {
    const text = `${nameOf(delivery.destination)}: skipped, ${skippedBecause(delivery)}`
    print(terminal, colour(terminal, 'dim', `\n${printable(text)}`))
  }
}

/** How the preview differs from what the routes send for a real event. */
export function noticesOf(
  event: Event,
  preview: Preview,
  wanted: Wanted,
  madeUp: readonly string[],
): readonly string[] {
  const notice = routingNotice(event, preview, wanted)
  return [
    ...(notice === null ? [] : [notice]),
    ...(madeUp.length === 0 ? [] : [`Sample values stand for what enrich fetches: ${madeUp.join(', ')}.`]),
  ]
}

/** Why the preview differs from what the routes send; null if it does not. */
function routingNotice(
  { type }: Event,
  { unrouted, planned }: Preview,
  { template, channel, receiver }: Wanted,
): string | null {
  if (planned) return unrouted ? `No route takes ${type}; it goes where \`unrouted\` says.` : null
  if (template !== undefined) return null
  const way = `${channel === undefined ? '' : ` by ${channel}`}${receiver === undefined ? '' : ` to ${receiver}`}`
  const reason = unrouted ? `No route takes ${type}` : `No route sends ${type}${way}`
  return `${reason}; this is how it would look.`
}

/** `slack #deal-flow · receiver deal-flow · route completed analyses` */
function titleOf(message: PreviewedMessage): string {
  const { route, receiver, rendered } = message
  return [
    nameOf(message),
    ...(receiver === null ? [] : [`receiver ${receiver}`]),
    ...(route === null ? [] : [`route ${route}`]),
    ...(route === null && rendered.ok ? [`template ${rendered.template}`] : []),
  ].join(' · ')
}

/** `slack #deal-flow` */
export function nameOf({ channel, target }: Pick<PreviewedMessage, 'channel' | 'target'>): string {
  // The only target of the console has the name of the channel.
  return target === null || target === channel ? channel : `${channel} ${target}`
}
