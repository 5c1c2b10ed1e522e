/** One message, from an event and where it goes: for the service, a preview and the tests of a configuration alike. */
import type { Delivery, StandIn } from '../delivery/delivery.ts'
import { type Event, type LifecycleView, type View, viewOf } from '../event.ts'
import { describeThrown } from '../text/thrown.ts'
import { summaryOf } from './summary/summary.ts'
import type { RenderView } from './template.ts'

export interface Renderer<Message> {
  /** Pure: the same view gives the same message. What it throws counts as a template that failed. */
  render(view: RenderView): RenderResult<Message>
}

export type RenderResult<Message> =
  /** `notes` are remarks for the history: unknown variables, cut text. */
  | { readonly ok: true; readonly message: Message; readonly notes: readonly string[] }
  | { readonly ok: false; readonly reason: string }

export interface NamedRenderer {
  readonly name: string
  readonly renderer: Renderer<unknown>
}

/** The part of a configuration that rendering needs. */
export interface RenderDeps {
  /** The renderers to try for a message, the wanted one first. */
  readonly renderers: (
    channel: string,
    template: string | null,
    eventType: string,
  ) => readonly NamedRenderer[]
  /** The page of what an event is about; empty if there is none. */
  readonly links: (view: View) => string
  /** What readers call a source; its key where the configuration gives it no title. */
  readonly sourceTitle: (source: string) => string
}

export type RenderedMessage = {
  /** The templates that were tried and failed. */
  readonly failed: readonly string[]
  readonly notes: readonly string[]
} & (
  | {
      readonly ok: true
      /** As the channel that it was rendered for sends it. */
      readonly message: unknown
      /** The template that made it. */
      readonly template: string
    }
  | { readonly ok: false; readonly reason: string }
)

/** What a message is rendered for. */
export interface Rendering extends Pick<Delivery, 'route' | 'receiver' | 'template'> {
  readonly channel: string
  /** Null, or left out, where the event is no stage. */
  readonly lifecycle?: LifecycleView | null
  /** Null, or left out, where it is no fallback. */
  readonly standsInFor?: StandIn | null
}

/**
 * Renders with the first template that does not fail. `notes` list those that failed, and what was cut or unknown. Never
 * throws: a link or a template that throws has failed, for the reason that it gives.
 */
export function render(deps: RenderDeps, event: Event, rendering: Rendering): RenderedMessage {
  try {
    return renderFirst(deps, event, rendering)
  } catch (error) {
    const reason = `rendering failed: ${describeThrown(error)}`
    return { ok: false, reason, failed: [], notes: [reason] }
  }
}

function renderFirst(
  { renderers, links, sourceTitle }: RenderDeps,
  event: Event,
  { route, receiver, channel, template, lifecycle = null, standsInFor = null }: Rendering,
): RenderedMessage {
  const view = viewOf(event, lifecycle)
  const failed: string[] = []
  const notes: string[] = []
  const renderView: RenderView = {
    ...view,
    event: titled(view.event, sourceTitle(event.source)),
    summary: summaryOf(view),
    route: { name: route },
    receiver: { name: receiver },
    link: linkOf(links, view, notes),
    fallback: standsInFor && { receiver: standsInFor.receiver, reason: standsInFor.reason },
  }
  for (const { name, renderer } of renderers(channel, template, event.type)) {
    const result = attempt(renderer, renderView)
    if (result.ok) {
      if (failed.length > 0) notes.push(`rendered with template ${name} instead`)
      return { ok: true, message: result.message, template: name, failed, notes: [...notes, ...result.notes] }
    }
    failed.push(name)
    notes.push(`template ${name} failed: ${result.reason}`)
  }
  if (failed.length === 0) notes.push(`no template for ${channel}`)
  return { ok: false, reason: `rendering failed: ${notes.at(-1)}`, failed, notes }
}

/** The times stay unread until a template reads them. */
function titled(event: View['event'], title: string): RenderView['event'] {
  const { id, type, source, subject } = event
  return {
    id,
    type,
    source,
    source_title: title,
    subject,
    get received_at() {
      return event.received_at
    },
    get sent_at() {
      return event.sent_at
    },
  }
}

/** Begins the note of a message without its link. */
export const FAILED_LINK = 'left out the link, which failed'

function linkOf(links: RenderDeps['links'], view: View, notes: string[]): string | null {
  try {
    return links(view) || null
  } catch (error) {
    notes.push(`${FAILED_LINK}: ${describeThrown(error)}`)
    return null
  }
}

function attempt(renderer: Renderer<unknown>, view: RenderView): RenderResult<unknown> {
  try {
    return renderer.render(view)
  } catch (error) {
    return { ok: false, reason: describeThrown(error) }
  }
}
