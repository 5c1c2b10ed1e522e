import * as z from 'zod'
import { match } from './match.ts'

export const receiverNames = z
  .array(z.string())
  .min(1, { error: 'must name at least one receiver' })
  .meta({ uniqueItems: true })

const intervalNames = z.array(z.string()).meta({ uniqueItems: true })

export const route = z
  .strictObject({
    name: z
      .string()
      .min(1, { error: 'must not be empty' })
      .max(200, { error: 'must have 200 characters at most' })
      .optional()
      .describe('The name of the route in the history and in templates.')
      .meta({ examples: ['completed analyses'] }),
    match: match.optional(),
    receivers: receiverNames
      .optional()
      .describe("The receivers of the event. Default: the parent route's.")
      .meta({ examples: [['deal-flow']] }),
    template: z
      .string()
      .optional()
      .describe(
        "The template. Default: the parent route's, else the one with the name of the event type, else `default`.",
      )
      .meta({ examples: ['analysis.completed'] }),
    continue: z.boolean().default(false).describe('Also try the routes after this one.'),
    mute_time_intervals: intervalNames
      .optional()
      .describe("The time intervals in which the route is muted. Default: the parent route's.")
      .meta({ examples: [['nights']] }),
    active_time_intervals: intervalNames
      .optional()
      .describe("The time intervals outside of which the route is muted. Default: the parent route's.")
      .meta({ examples: [['office hours']] }),
    when_muted: z
      .enum(['defer', 'drop'])
      .optional()
      .describe(
        "What happens to the messages of a muted route: `defer` sends them when it is not muted any more, `drop` records them as skipped. Default: the parent route's, else `defer`.",
      )
      .meta({ examples: ['drop'] }),
    critical: z
      .boolean()
      .optional()
      .describe(
        "The route is never muted, whatever its time intervals say. Default: the parent route's, else false.",
      )
      .meta({ examples: [true] }),
    get routes() {
      return z
        .array(route)
        .optional()
        .describe(
          'Nested routes. They are tried for the events that match here; if none of them matches, this route takes the event.',
        )
    },
  })
  .meta({ id: 'route', description: 'Sends matching events to receivers.' })

export const notices = z
  .strictObject({
    receivers: receiverNames
      .optional()
      .describe('The receivers of all notices.')
      .meta({ examples: [['ops']] }),
    routes: z
      .array(route)
      .min(1, { error: 'must have at least one route' })
      .optional()
      .describe('Routes that only notices follow. Use either `receivers` or `routes`.')
      .meta({ examples: [[{ match: { type: 'destination.*' }, receivers: ['ops'] }]] }),
  })
  .refine(({ receivers, routes }) => (receivers === undefined) !== (routes === undefined), {
    error: 'must have either receivers or routes, but not both',
  })
