import { type Event, type View, viewOf } from '../../src/core/event.ts'
import { summaryOf } from '../../src/core/template/summary/summary.ts'
import type { RenderView } from '../../src/core/template/template.ts'

/** A Cuuro event as the service makes it, with what a test wants different. */
export function anEvent(different: Partial<Event> = {}): Event {
  return {
    id: 'evt_01K9ZZZZZZZZZZZZZZZZZZZZZZ',
    messageId: 'msg_2mvYGzY5uqcZyEwrUVMvAk9Q0Nz',
    source: 'cuuro',
    type: 'analysis.completed',
    subject: '0191e29a-1644-7972-9466-18ada4a3636e',
    receivedAt: Date.UTC(2026, 10, 23, 12, 0, 1),
    sentAt: Date.UTC(2026, 10, 23, 12, 0, 0),
    secretIndex: 0,
    payload: { data: { id: '0191e29a-1644-7972-9466-18ada4a3636e' }, event: 'analysis.completed' },
    enriched: {},
    ...different,
  }
}

/** What matches see of an event with this `data`. */
export function aView(data: Event['payload'][string] = {}, different: Partial<Event> = {}): View {
  const event = anEvent(different)
  return viewOf({ ...event, payload: { ...event.payload, data, ...different.payload } })
}

/** What templates see of an event in a message, with what a test wants different. */
export function aRenderView(view: View, different: Partial<RenderView> = {}): RenderView {
  return {
    ...view,
    event: { ...view.event, source_title: 'Cuuro' },
    summary: summaryOf(view),
    route: { name: 'completed analyses' },
    receiver: { name: 'deal-flow' },
    link: null,
    fallback: null,
    ...different,
  }
}
