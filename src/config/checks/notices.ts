/** Whether a person would be notified when messages cannot be delivered. Only for `check`: a service can run without notices. */
import { channels } from '../../channels/channels.ts'
import type { Event } from '../../core/event.ts'
import { NOTICE_SOURCE } from '../../core/notice/notice.ts'
import { type Plan, plan } from '../../core/routing/plan.ts'
import type { CompiledConfig } from '../compiled.ts'
import { type Problem, quote, START, warning } from '../problem.ts'

// It prints to standard output, which cannot fail.
const CONSOLE = 'console'
/** The most important notice: routes may treat notices differently by type. */
const FAILING = 'destination.failing'
const NO_ONE = 'no one is notified when messages cannot be delivered'

/** What fails together: a channel with its token or server, or a single destination that needs neither. */
interface Way {
  readonly id: string
  readonly channel: string
}

/** Warns even if that is intended, so that later readers of the configuration know it. */
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
    const message = `notices is missing: ${NO_ONE}`
    const hint = whatToWrite(compiled, silencedWith)
    return [warning('doubtful_setting', document.file, START, message, hint)]
  }
  const place = document.keyAt(['notices'])
  const { routes, deliveries } = planOfNotice(compiled)
  if (deliveries.length === 0) {
    const mutes = [...new Set(routes.flatMap(({ receivers }) => receivers))].map(quote)
    const why =
      routes.length === 0
        ? `no route of notices takes ${FAILING}`
        : `notices go to ${mutes.join(' and ')}, which ${mutes.length === 1 ? 'has' : 'have'} no channel`
    const message = `${why}: ${NO_ONE}`
    const hint =
      routes.length === 0
        ? `add a last route without match: { receivers: [${bestReceiver(compiled, silencedWith).name}] }`
        : whatToWrite(compiled, silencedWith)
    return [warning('doubtful_setting', document.file, place, message, hint)]
  }
  if (!silencedWith(deliveries.map(({ receiver }) => receiver))) return []
  const channel = only?.channel ?? ''
  const message = `notices are sent only through ${channel}, like all other messages: if ${channel} fails, no one is notified`
  const hint =
    channel === 'slack'
      ? 'add a receiver with email, or one with a Slack webhook_url, which needs no token'
      : 'add a receiver in another channel, such as slack with a webhook_url'
  return [warning('doubtful_setting', document.file, place, message, hint)]
}

function whatToWrite(compiled: CompiledConfig, silencedWith: (names: readonly string[]) => boolean): string {
  const { name, isSilenced } = bestReceiver(compiled, silencedWith)
  const best = isSilenced ? ', preferably with a receiver in another channel' : ''
  return `write notices: { receivers: [${name}] }${best}`
}

/** A receiver that still gets notices when messages cannot be delivered, if there is one. */
function bestReceiver(
  compiled: CompiledConfig,
  silencedWith: (names: readonly string[]) => boolean,
): { readonly name: string; readonly isSilenced: boolean } {
  const reaching = Object.keys(compiled.config.receivers).filter((name) =>
    waysOf(compiled, [name]).some(({ channel }) => channel !== CONSOLE),
  )
  const name = reaching.findLast((one) => !silencedWith([one]))
  return name === undefined
    ? { name: reaching.at(-1) ?? 'NAME', isSilenced: true }
    : { name, isSilenced: false }
}

function ordinaryReceivers({ router }: CompiledConfig): readonly string[] {
  const below = (node: (typeof router.routes)[number]): readonly string[] => [
    ...node.taken.receivers,
    ...node.routes.flatMap(below),
  ]
  return [...router.routes.flatMap(below), ...(router.unrouted?.receivers ?? [])]
}

function planOfNotice(compiled: CompiledConfig): Plan {
  const event: Event = {
    id: 'evt_0',
    messageId: FAILING,
    source: NOTICE_SOURCE,
    type: FAILING,
    subject: 'slack #channel',
    receivedAt: 0,
    sentAt: 0,
    secretIndex: 0,
    payload: { type: FAILING, data: { id: 'slack #channel' } },
    enriched: {},
  }
  return plan(compiled, event)
}

/** The ways of the receivers and of their fallbacks, each once. */
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
