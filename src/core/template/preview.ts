/** The messages that an event would send, as the service plans them; or a template's, where no route sends any. */
import type { Event, LifecycleView } from '../event.ts'
import { type PlannedDelivery, type Planner, plan, routingView, skippedBecause } from '../routing/plan.ts'
import { type RenderDeps, type RenderedMessage, render } from './render.ts'

export interface PreviewDeps extends RenderDeps, Planner {
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
  readonly planned: boolean
  readonly messages: readonly PreviewedMessage[]
  /** What is planned and not sent. */
  readonly skipped: readonly PlannedDelivery[]
}

/** Where no route sends it, it has none; the template then sees the name `preview`. */
export interface PreviewedMessage {
  readonly route: string | null
  readonly receiver: string | null
  readonly channel: string
  readonly target: string | null
  /** Null where no route sends it. */
  readonly delivery: PlannedDelivery | null
  readonly rendered: RenderedMessage
}

const PREVIEW_NAME = 'preview'

/** `lifecycle`: what templates see of it, where more is known than the event itself says. */
export function preview(
  deps: PreviewDeps,
  event: Event,
  wanted: Wanted,
  lifecycle: LifecycleView | null = routingView(deps, event).lifecycle,
): Preview {
  const { unrouted, deliveries } = plan(deps, event)
  const planned = deliveries.filter(
    ({ destination: { channel }, receiver }) =>
      wanted.template === undefined &&
      (wanted.channel ?? channel) === channel &&
      (wanted.receiver ?? receiver) === receiver,
  )
  if (planned.length === 0) {
    return { unrouted, planned: false, messages: sketches(deps, event, wanted, lifecycle), skipped: [] }
  }
  return {
    unrouted,
    planned: true,
    messages: planned
      .filter((delivery) => skippedBecause(delivery) === null)
      .map((delivery) => {
        const { route, receiver, template, destination } = delivery
        const { channel, target } = destination
        const rendered = render(deps, event, { route, receiver, channel, template, lifecycle })
        return { route, receiver, channel, target, delivery, rendered }
      }),
    skipped: planned.filter((delivery) => skippedBecause(delivery) !== null),
  }
}

function sketches(
  deps: PreviewDeps,
  event: Event,
  wanted: Wanted,
  lifecycle: LifecycleView | null,
): readonly PreviewedMessage[] {
  const { receiver = null, template = null } = wanted
  return previewDestinations(deps, event, wanted).map(({ channel, target }) => ({
    route: null,
    receiver,
    channel,
    target,
    delivery: null,
    rendered: render(deps, event, {
      route: PREVIEW_NAME,
      receiver: receiver ?? PREVIEW_NAME,
      channel,
      template,
      lifecycle,
    }),
  }))
}

interface PreviewDestination {
  readonly channel: string
  readonly target: string | null
}

/** The wanted receiver's; else every channel for which the template says something, or the one that is wanted. */
function previewDestinations(
  deps: PreviewDeps,
  { type }: Event,
  { template, channel, receiver }: Wanted,
): PreviewDestination[] {
  if (receiver !== undefined) {
    return (deps.destinations.get(receiver) ?? []).filter(
      (destination) => (channel ?? destination.channel) === destination.channel,
    )
  }
  if (channel !== undefined) return [{ channel, target: null }]
  const first = (name: string) => deps.renderers(name, template ?? null, type)[0]?.name
  const own = deps.channels.filter((name) => first(name) === (template ?? type))
  // A type without a template of its own looks as `default` does.
  const shown = own.length > 0 ? own : deps.channels.filter((name) => first(name) !== undefined)
  return shown.map((name) => ({ channel: name, target: null }))
}
