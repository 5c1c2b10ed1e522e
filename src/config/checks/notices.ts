/** Whether a person would be notified when messages cannot be delivered. For `check` alone: a service runs without notices. */
import { channels } from '../../channels/channels.ts'
import type { Event } from '../../core/event.ts'
import { NOTICE_SOURCE } from '../../core/notice/notice.ts'
import { plan } from '../../core/plan.ts'
import type { CompiledConfig } from '../compiled.ts'
import { type Problem, START, warning } from '../problem.ts'

// It prints where the service runs, which cannot fail.
const CONSOLE = 'console'

/** What fails as a whole: a channel with its token or server, or one place that needs neither. */
interface Way {
  readonly id: string
  readonly channel: string
}

/** A receiver that gets nothing says that none are wanted. */
export function checkNotices(compiled: CompiledConfig): readonly Problem[] {
  const { document, notices } = compiled
  const ordinary = waysOf(compiled, ordinaryReceivers(compiled)).filter(({ channel }) => channel !== CONSOLE)
  if (ordinary.length === 0) return []
  const only = ordinary.length === 1 ? ordinary[0] : undefined
  const silencedWith = (names: readonly string[]) => {
    const ways = waysOf(compiled, names)
    return ways.length > 0 && ways.every(({ id }) => id === only?.id)
  }
  if (notices === null) {
    const message = 'notices is missing: no one is notified when messages cannot be delivered'
    const hint = whatToWrite(compiled, silencedWith)
    return [warning('doubtful_setting', document.file, START, message, hint)]
  }
  if (!silencedWith(receiversOfNotices(compiled))) return []
  const channel = only?.channel ?? ''
  const message = `notices go through ${channel} alone, as all messages do: if it refuses them, no one is notified`
  const hint =
    channel === 'slack'
      ? 'add a receiver with email, or one with a webhook_url of Slack, which needs no token'
      : 'add a receiver in another channel, such as slack with a webhook_url'
  return [warning('doubtful_setting', document.file, document.keyAt(['notices']), message, hint)]
}

/** With a receiver that gets them also while messages cannot be delivered, if there is one. */
function whatToWrite(compiled: CompiledConfig, silencedWith: (names: readonly string[]) => boolean): string {
  const reaching = Object.keys(compiled.config.receivers).filter((name) =>
    waysOf(compiled, [name]).some(({ channel }) => channel !== CONSOLE),
  )
  const name = reaching.findLast((one) => !silencedWith([one]))
  if (name !== undefined) return `write notices: { receivers: [${name}] }`
  const any = reaching.at(-1) ?? 'NAME'
  return `write notices: { receivers: [${any}] }, best with a receiver in another channel`
}

function ordinaryReceivers({ router }: CompiledConfig): readonly string[] {
  const below = (node: (typeof router.routes)[number]): readonly string[] => [
    ...node.taken.receivers,
    ...node.routes.flatMap(below),
  ]
  return [...router.routes.flatMap(below), ...(router.unrouted?.receivers ?? [])]
}

/** Of the notice that matters most: routes may divide them by type. */
function receiversOfNotices(compiled: CompiledConfig): readonly string[] {
  const type = 'destination.failing'
  const event: Event = {
    id: 'evt_0',
    messageId: type,
    source: NOTICE_SOURCE,
    type,
    subject: 'slack #channel',
    receivedAt: 0,
    sentAt: 0,
    secretIndex: 0,
    payload: { type, data: { id: 'slack #channel' } },
    enriched: {},
  }
  return plan(compiled, event).deliveries.map(({ receiver }) => receiver)
}

/** Where the receivers' messages go, or else those that their fallbacks get; each way once. */
function waysOf(
  { config, destinations, fallbacks }: CompiledConfig,
  names: readonly string[],
): readonly Way[] {
  const all = new Set(names.flatMap((name) => [name, fallbacks.get(name)?.receiver ?? name]))
  const ways = [...all].flatMap((name) =>
    (destinations.get(name) ?? []).map(({ channel: used, rateKey }): Way => {
      const channel = channels.find((one) => one.name === used)
      const needs = channel?.missingSettings?.(undefined, config.receivers[name]?.[used]) ?? null
      return { channel: used, id: needs === null ? `${used} ${rateKey}` : used }
    }),
  )
  return [...new Map(ways.map((way) => [way.id, way])).values()]
}
