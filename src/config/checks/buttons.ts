/** Whether messages would have a button with a link, if `links` were set. */
import type { Event } from '../../core/event.ts'
import { plan, skippedBecause } from '../../core/routing/plan.ts'
import { render } from '../../core/template/render.ts'
import type { CompiledConfig } from '../compiled.ts'
import { type Problem, START, warning } from '../problem.ts'
import { knownEvents } from './match/known-events.ts'

const EXAMPLE = 'https://app.example.com/'
const DEFAULT_TEMPLATE = 'default'
// Plain text has no buttons.
const CONSOLE = 'console'

/** `links: {}` says that no buttons are wanted. */
export function checkButtons(compiled: CompiledConfig): readonly Problem[] {
  const { config, document } = compiled
  if (config.links !== undefined) return []
  const events = [...knownEvents(compiled).values()].flat()
  const types = new Set(events.filter((event) => hasButton(compiled, event)).map(({ type }) => type))
  if (types.size === 0) return []
  const message = `links is missing: messages about ${[...types].join(', ')} have no button that opens a page`
  const hint =
    'set links, such as {"analysis.*": "https://HOST/{{ data.id }}"}, or set `links: {}` if you want no buttons'
  return [warning('doubtful_setting', document.file, START, message, hint)]
}

/** Whether a link would change one of the event's messages in Slack or a mailbox. */
function hasButton(compiled: CompiledConfig, event: Event): boolean {
  const { templates, sourceTitle } = compiled
  return plan(compiled, event)
    .deliveries.filter((delivery) => skippedBecause(delivery) === null)
    .some((delivery) => {
      const { channel } = delivery.destination
      if (channel === CONSOLE) return false
      // The templates that ship have one, which tests verify, so they need not be compiled at the start.
      const [first] = templates.renderers(channel, delivery.template, event.type)
      const isEvents = first?.name === event.type || first?.name === DEFAULT_TEMPLATE
      if (isEvents && templates.isAsShipped(channel, first.name)) return true
      const [without, having] = ['', EXAMPLE].map((url) => {
        const deps = { renderers: templates.renderers, links: () => url, sourceTitle }
        const rendered = render(deps, event, { ...delivery, channel })
        return rendered.ok ? JSON.stringify(rendered.message) : ''
      })
      return without !== having
    })
}
