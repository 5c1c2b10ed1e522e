/** What an event would send, as the service decides it; or how a template looks where no route sends anything. */
import { type Event, viewOf } from './event.ts'
import { type OwedDelivery, owe, type ReceiverTarget } from './owe.ts'
import { type RenderDeps, type RenderedMessage, render } from './render.ts'
import type { Router } from './route.ts'

export interface PreviewDeps extends RenderDeps {
  readonly router: Pick<Router, 'route'>
  readonly targets: ReadonlyMap<string, readonly ReceiverTarget[]>
  /** The names of all channels. */
  readonly channels: readonly string[]
}

/** What to look at; without a template the routes decide. */
export interface Wanted {
  readonly template?: string | undefined
  readonly channel?: string | undefined
  readonly receiver?: string | undefined
}

export interface Preview {
  /** No configured route takes the event. */
  readonly unrouted: boolean
  /** The messages are those that the routes send; otherwise none of what is wanted is sent, and they show a template. */
  readonly owed: boolean
  readonly messages: readonly PreviewedMessage[]
  /** What is owed and not sent. */
  readonly skipped: readonly OwedDelivery[]
}

/** Where no route sends it, it has none; the template then sees the name `preview`. */
export interface PreviewedMessage {
  readonly route: string | null
  readonly receiver: string | null
  readonly channel: string
  readonly target: string | null
  readonly rendered: RenderedMessage
}

const NOBODY = 'preview'

export function preview(deps: PreviewDeps, event: Event, wanted: Wanted): Preview {
  const routing = deps.router.route(viewOf(event))
  const owed = owe(routing, deps.targets).filter(
    ({ channel, receiver }) =>
      wanted.template === undefined &&
      (wanted.channel ?? channel) === channel &&
      (wanted.receiver ?? receiver) === receiver,
  )
  if (owed.length === 0) {
    return { unrouted: routing.unrouted, owed: false, messages: sketches(deps, event, wanted), skipped: [] }
  }
  return {
    unrouted: routing.unrouted,
    owed: true,
    messages: owed
      .filter(({ skipped }) => skipped === undefined)
      .map((delivery) => {
        const { route, receiver, channel, target } = delivery
        return { route, receiver, channel, target, rendered: render(deps, event, delivery) }
      }),
    skipped: owed.filter(({ skipped }) => skipped !== undefined),
  }
}

function sketches(deps: PreviewDeps, event: Event, wanted: Wanted): readonly PreviewedMessage[] {
  const { receiver = null, template = null } = wanted
  return placesOf(deps, event, wanted).map(({ channel, target }) => ({
    route: null,
    receiver,
    channel,
    target,
    rendered: render(deps, event, { route: NOBODY, receiver: receiver ?? NOBODY, channel, template }),
  }))
}

interface Place {
  readonly channel: string
  readonly target: string | null
}

/** The wanted receiver's; else every channel for which the template says something, or the one that is wanted. */
function placesOf(deps: PreviewDeps, { type }: Event, { template, channel, receiver }: Wanted): Place[] {
  if (receiver !== undefined) {
    return (deps.targets.get(receiver) ?? []).filter((place) => (channel ?? place.channel) === place.channel)
  }
  if (channel !== undefined) return [{ channel, target: null }]
  const first = (name: string) => deps.renderers(name, template ?? null, type)[0]?.name
  const own = deps.channels.filter((name) => first(name) === (template ?? type))
  // A type without a template of its own looks as `default` does.
  const shown = own.length > 0 ? own : deps.channels.filter((name) => first(name) !== undefined)
  return shown.map((name) => ({ channel: name, target: null }))
}
