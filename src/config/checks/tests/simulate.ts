/** Routes and renders an event as the service would: for the tests of a configuration, and for `explain`. */
import { channels } from '../../../channels/channels.ts'
import { type Event, type LifecycleView, readBody } from '../../../core/event.ts'
import { type PlannedDelivery, plan, routingView, skippedBecause } from '../../../core/routing/plan.ts'
import { type RenderedMessage, render } from '../../../core/template/render.ts'
import type { CompiledConfig } from '../../compiled.ts'
import { meant, quote } from '../../problem.ts'
import type { Config } from '../../schema/schema.ts'

export interface Simulation {
  readonly routes: readonly string[]
  readonly receivers: readonly string[]
  readonly unrouted: boolean
  readonly messages: readonly Message[]
  /** Planned, but not sent. */
  readonly skipped: readonly PlannedDelivery[]
}

interface Message {
  readonly delivery: PlannedDelivery
  readonly rendered: RenderedMessage
  /** As its reader sees it; empty if no template renders it. */
  readonly text: string
}

/**
 * `lifecycle`: what templates see of it, if more is known than follows from the event itself. `at`: when it is planned; without it,
 * no route is muted.
 */
export function simulate(
  compiled: CompiledConfig,
  event: Event,
  {
    lifecycle = routingView(compiled, event).lifecycle,
    at,
  }: { readonly lifecycle?: LifecycleView | null; readonly at?: number } = {},
): Simulation {
  const { routes, unrouted, deliveries } = plan(compiled, event, { at })
  return {
    routes: unrouted ? [] : routes.map(({ route }) => route),
    receivers: [...new Set(routes.flatMap(({ receivers }) => receivers))],
    unrouted,
    messages: deliveries
      .filter((delivery) => skippedBecause(delivery) === null)
      .map((delivery) => toMessage(compiled, event, delivery, lifecycle)),
    skipped: deliveries.filter((delivery) => skippedBecause(delivery) !== null),
  }
}

function toMessage(
  compiled: CompiledConfig,
  event: Event,
  delivery: PlannedDelivery,
  lifecycle: LifecycleView | null,
): Message {
  const { templates, links, sourceTitle } = compiled
  const rendered = render({ renderers: templates.renderers, links, sourceTitle }, event, {
    ...delivery,
    channel: delivery.destination.channel,
    lifecycle,
  })
  const channel = channels.find(({ name }) => name === delivery.destination.channel)
  return { delivery, rendered, text: rendered.ok && channel ? channel.toText(rendered.message) : '' }
}

export const SAMPLE_ID = 'evt_SAMPLE'

/** The event that a body becomes if it is sent to a source; a message if it does not become one. */
export function sampleEvent(
  { sources }: Config,
  body: Uint8Array,
  named: string | undefined,
  at: number,
): Event | string {
  const source = named ?? Object.keys(sources)[0] ?? ''
  const settings = sources[source]
  if (settings === undefined)
    return `there is no source ${quote(source)}; ${meant(source, Object.keys(sources))}`
  const read = readBody(body, { eventType: settings.event_type, subject: settings.subject })
  if (!read.ok) return read.message
  const { type, subject, payload } = read
  return {
    id: SAMPLE_ID,
    messageId: 'msg_sample',
    source,
    type,
    subject,
    receivedAt: at,
    sentAt: at,
    secretIndex: 0,
    payload,
    enriched: {},
  }
}
