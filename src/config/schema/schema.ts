/** The configuration's keys, types and defaults. The JSON schema and docs/config.md are generated from it. */
import * as z from 'zod'
import type { Channel } from '../../channels/channel.ts'
import { channels } from '../../channels/channels.ts'
import { addressEntryPattern, parseAddressEntry } from '../../core/receiving/addresses.ts'
import { compileLinks } from '../../core/template/urls/links.ts'
import { enrich } from './enrich.ts'
import { duration, jsonPointer, named, svixSecret } from './kinds.ts'
import { lifecycles } from './lifecycles.ts'
import { notices, receiverNames, route } from './routes.ts'
import { server } from './server.ts'
import { store } from './store.ts'
import { test } from './test.ts'
import { LOCAL, timeIntervals, timeZone } from './time-intervals.ts'

// It is shown on a button, and in one line with a time and an id.
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
      .describe('The name of the sender in messages. Default: the key.')
      .meta({ examples: ['Cuuro'] }),
    svix: z
      .strictObject({
        secrets: z
          .array(svixSecret)
          .min(1, { error: 'must list at least one secret' })
          .describe('The signing secrets. List the old and the new one while you rotate them.')
          .meta({ examples: [[EXAMPLE_SECRET]] }),
      })
      .describe('Verify requests by their Svix or Standard Webhooks signature.')
      .meta({ examples: [{ secrets: [EXAMPLE_SECRET] }] }),
    event_type: jsonPointer('/type or /meta/event')
      .optional()
      .describe('The JSON pointer of the event type in the body. Default: /type, else /event.')
      .meta({ examples: ['/event'] }),
    subject: jsonPointer('/data/id')
      .default('/data/id')
      .describe(
        'The JSON pointer, in the body, of the id of what the event is about. The id is text or a whole number.',
      )
      .meta({ examples: ['/data/id', '/data/object/id'] }),
    allow_ips: z
      .array(allowed)
      .min(1, { error: 'must list at least one address; without the key all are allowed' })
      .transform((rules) => rules.flat())
      .optional()
      .describe(
        'The IP addresses that may send: svix, svix:REGION, addresses or networks (CIDR). Default: any address. A valid signature is required in every case.',
      )
      .meta({ examples: [['svix'], ['svix:eu', '192.0.2.0/24']] }),
  })
  .describe('A sender, and how to verify its requests.')

const links = z
  .record(
    z.string().min(1),
    z.string().describe('The URL: a template that can use the variables of the event.'),
  )
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
    retry_for: duration()
      .prefault('24h')
      .describe('How long a failing delivery is retried before it is dead.'),
    ambiguous_resends: z
      .int()
      .min(0)
      .max(10)
      .default(2)
      .describe(
        'How many times a message is sent again if it is unknown whether it arrived, and this cannot be looked up in Slack. After that it is parked. 0 parks it at once.',
      ),
    timeout: duration()
      .refine((ms) => ms >= 100, { error: 'must be at least 100ms' })
      .prefault('10s')
      .describe(
        'The timeout of each step of an attempt (connecting, logging in, waiting for a response), at least 100ms. Once connected, a mail server always has at least 1m for each reply, and 10m for the reply to a whole message.',
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
    .describe('The receiver that gets a message instead, if it is parked or dead here.')
    .meta({ examples: ['partners'] })
  const ofReceiver: typeof places & { fallback: typeof fallback } = { ...places, fallback }
  const receiver = z
    .strictObject(ofReceiver)
    .refine(
      (value) => value.fallback === undefined || names.some((channel) => value[channel] !== undefined),
      {
        error: `must have at least one of ${names.join(', ')} in addition to its fallback`,
      },
    )
    .describe(
      'A named group of destinations, in one or more channels. An empty receiver, {}, takes events and sends nothing.',
    )

  return z.strictObject({
    server: server.prefault({}),
    store: store.prefault({}),
    sources: named(source, 'source')
      .describe('The senders. Each posts its events to /webhooks/NAME.')
      .meta({ examples: [{ cuuro: { svix: { secrets: [EXAMPLE_SECRET] } } }] }),
    enrich,
    time_zone: timeZone
      .default(LOCAL)
      .describe('The time zone of `time_intervals`, by its IANA name. Local is the zone of the machine.')
      .meta({ examples: ['Europe/Berlin'] }),
    time_intervals: timeIntervals,
    lifecycles: lifecycles
      .optional()
      .describe('Event types that are stages of one subject, such as created and completed.')
      .meta({ examples: [{ analysis: { stages: ['analysis.created', 'analysis.completed'] } }] }),
    templates: z
      .string()
      .min(1, { error: 'must name a folder' })
      .optional()
      .describe(
        'A folder of templates, relative to this file. Its files replace those that ship with Hookbridge, one by one.',
      )
      .meta({ examples: ['templates'] }),
    links: links
      .optional()
      .describe(
        'The URL of the page about an event, for each event type (* is a wildcard). Templates use it as `link`.',
      )
      .meta({ examples: [{ 'analysis.*': 'https://app.example.com/analyses/{{ data.id }}' }] }),
    channels: z.strictObject(settings).prefault({}).describe('The settings of each way to send messages.'),
    receivers: named(receiver, 'receiver')
      .describe('Named groups of destinations.')
      .meta({ examples: [{ 'deal-flow': { slack: { channel: '#deal-flow' } } }] }),
    routes: z
      .array(route)
      .min(1, { error: 'must have at least one route' })
      .describe(
        'Which events go to which receivers. Routes are tried in order; the first that matches takes the event.',
      )
      .meta({ examples: [[{ match: { type: 'analysis.*' }, receivers: ['deal-flow'] }]] }),
    unrouted: z
      .strictObject({
        receivers: receiverNames
          .describe('The receivers of events that no route takes.')
          .meta({ examples: [['everything-else']] }),
      })
      .optional()
      .describe('Where to send events that no route takes. Without it, they are only stored and counted.'),
    notices: notices
      .optional()
      .describe(
        'Where to send notices of problems with the service itself, such as a destination that fails.',
      )
      .meta({ examples: [{ receivers: ['ops'] }] }),
    delivery: delivery.prefault({}),
    tests: z
      .array(test)
      .optional()
      .describe(
        'Tests of this configuration. `hookbridge check` and every reload run them, and report those that fail.',
      )
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
