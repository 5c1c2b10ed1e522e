/** The configuration's keys, types and defaults. The JSON schema and docs/config.md are generated from it. */
import * as z from 'zod'
import type { Channel } from '../../channels/channel.ts'
import { channels } from '../../channels/channels.ts'
import { addressEntryPattern, parseAddressEntry } from '../../core/addresses.ts'
import { compileLinks } from '../../core/template/links.ts'
import { enrich } from './enrich.ts'
import { duration, jsonPointer, named, svixSecret } from './kinds.ts'
import { lifecycles } from './lifecycles.ts'
import { notices, receiverNames, route } from './routes.ts'
import { server } from './server.ts'
import { store } from './store.ts'
import { test } from './test.ts'

// It stands on a button, and in one line with a time and an id.
const LONGEST_TITLE = 40

const EXAMPLE_SECRET = '${CUURO_WEBHOOK_SECRET}'

const allowed = z
  .string()
  .meta({ pattern: addressEntryPattern })
  .transform((text, context) => {
    const parsed = parseAddressEntry(text)
    if (parsed.ok) return parsed.rules
    context.addIssue({ code: 'custom', message: parsed.message })
    return z.NEVER
  })

const source = z
  .strictObject({
    title: z
      .string()
      .trim()
      .min(1, { error: 'must not be empty' })
      .max(LONGEST_TITLE, { error: `must be at most ${LONGEST_TITLE} characters` })
      .regex(/^[^\p{Cc}\u2028\u2029]*$/u, { error: 'must be one line of text' })
      .optional()
      .describe('What readers of the messages call the sender. Default: its key.')
      .meta({ examples: ['Cuuro'] }),
    svix: z
      .strictObject({
        secrets: z
          .array(svixSecret)
          .min(1, { error: 'must list at least one secret' })
          .describe('The signing secrets; several while rotating.')
          .meta({ examples: [[EXAMPLE_SECRET]] }),
      })
      .describe('Requests are signed as Svix and Standard Webhooks do.')
      .meta({ examples: [{ secrets: [EXAMPLE_SECRET] }] }),
    event_type: jsonPointer('/type or /meta/event')
      .optional()
      .describe('The JSON pointer of the event type in the body. Default: /type, then /event.')
      .meta({ examples: ['/event'] }),
    subject: jsonPointer('/data/id')
      .default('/data/id')
      .describe('The JSON pointer of the id, in the body, of what an event is about: text or a whole number.')
      .meta({ examples: ['/data/id', '/data/object/id'] }),
    allow_ips: z
      .array(allowed)
      .min(1, { error: 'must list at least one address; without the key all are allowed' })
      .transform((rules) => rules.flat())
      .optional()
      .describe(
        'The addresses that may send: svix, svix:REGION, addresses, networks. Default: any, with a valid signature.',
      )
      .meta({ examples: [['svix'], ['svix:eu', '192.0.2.0/24']] }),
  })
  .describe('A sender, and how its requests are verified.')

const links = z
  .record(z.string().min(1), z.string().describe('The URL, a template with the variables of the event.'))
  .transform((byType, context) => {
    const compiled = compileLinks(byType)
    if (compiled.ok) return compiled.links
    for (const { key, message } of compiled.problems) {
      context.addIssue({ code: 'custom', path: [key], message, params: { code: 'wrong_link' } })
    }
    return z.NEVER
  })

const delivery = z
  .strictObject({
    retry_for: duration().prefault('24h').describe('How long a failing delivery is retried.'),
    ambiguous_resends: z
      .int()
      .min(0)
      .max(10)
      .default(2)
      .describe(
        'How often a message is sent again when it is unknown whether it arrived, and that cannot be looked up. Then it is parked; 0 parks it at once.',
      ),
    timeout: duration()
      .refine((ms) => ms >= 100, { error: 'must be at least 100ms' })
      .prefault('10s')
      .describe(
        'How long each step of an attempt may take, at least 100ms: connecting, a login, an answer. A mail server that took the connection has at least a minute for each answer, and ten for that to a whole message.',
      ),
  })
  .describe('How deliveries are attempted.')

/** The schema of a configuration whose channels are these. */
function createSchema(list: readonly Channel[]) {
  const settings = Object.fromEntries(list.map((channel) => [channel.name, channel.settings.optional()]))
  const places = Object.fromEntries(list.map((channel) => [channel.name, channel.receiver.optional()]))
  const names = list.map((channel) => channel.name)
  const fallback = z
    .string()
    .optional()
    .describe('The receiver that gets a message where this one cannot: where it is parked or dead.')
    .meta({ examples: ['partners'] })
  const ofReceiver: typeof places & { fallback: typeof fallback } = { ...places, fallback }
  const receiver = z
    .strictObject(ofReceiver)
    .refine(
      (value) => value.fallback === undefined || names.some((channel) => value[channel] !== undefined),
      {
        error: `must have one of ${names.join(', ')} beside its fallback`,
      },
    )
    .describe(
      'A named group of destinations, in one channel or several. An empty one, {}, gets nothing: a mute.',
    )

  return z.strictObject({
    server: server.prefault({}),
    store: store.prefault({}),
    sources: named(source, 'source')
      .describe('The senders. POST /webhooks/NAME receives the events of NAME.')
      .meta({ examples: [{ cuuro: { svix: { secrets: [EXAMPLE_SECRET] } } }] }),
    enrich,
    lifecycles: lifecycles
      .optional()
      .describe('Event types that are stages of one subject, such as created and completed.')
      .meta({ examples: [{ analysis: { stages: ['analysis.created', 'analysis.completed'] } }] }),
    templates: z
      .string()
      .min(1, { error: 'must name a folder' })
      .optional()
      .describe(
        'A folder beside this file. Its files take precedence over the templates that ship with the product.',
      )
      .meta({ examples: ['templates'] }),
    links: links
      .optional()
      .describe('The URL of the page about the subject of an event, by event type (* is a wildcard).')
      .meta({ examples: [{ 'analysis.*': 'https://app.example.com/analyses/{{ data.id }}' }] }),
    channels: z.strictObject(settings).prefault({}).describe('How messages are sent.'),
    receivers: named(receiver, 'receiver')
      .describe('Named groups of destinations.')
      .meta({ examples: [{ 'deal-flow': { slack: { channel: '#deal-flow' } } }] }),
    routes: z
      .array(route)
      .min(1, { error: 'must have at least one route' })
      .describe('Tried in order; the first that matches takes the event.')
      .meta({ examples: [[{ match: { type: 'analysis.*' }, receivers: ['deal-flow'] }]] }),
    unrouted: z
      .strictObject({
        receivers: receiverNames
          .describe('The receivers of events that no route takes.')
          .meta({ examples: [['everything-else']] }),
      })
      .optional()
      .describe('Where events go that no route takes. Without it they are stored and counted.'),
    notices: notices
      .optional()
      .describe('Where notices of the service itself go: destinations that fail, messages that are given up.')
      .meta({ examples: [{ receivers: ['ops'] }] }),
    delivery: delivery.prefault({}),
    tests: z
      .array(test)
      .optional()
      .describe('Events and what is expected of them: `hookbridge check` reports where they differ.')
      .meta({
        examples: [
          [
            {
              event: { event: 'analysis.completed', data: { id: '42' } },
              expect: { receivers: ['deal-flow'] },
            },
          ],
        ],
      }),
  })
}

export const schema = createSchema(channels)

/** The configuration with its defaults, durations in milliseconds, sizes in bytes, and secrets wrapped. */
export type Config = z.output<typeof schema>
