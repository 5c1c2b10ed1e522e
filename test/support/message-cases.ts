/** What the shipped templates have to look good with: hardly anything, much, and values of any length and direction. */
import { type LifecycleView, viewOf } from '../../src/core/event.ts'
import type { JsonObject } from '../../src/core/json/json.ts'
import { quarantined, unrouted } from '../../src/core/notice/inbox.ts'
import {
  dead,
  enrichmentRefused,
  failing,
  NOTICE_SOURCE,
  recovered,
  reloadFailed,
} from '../../src/core/notice/notice.ts'
import { failingTogether } from '../../src/core/notice/together.ts'
import type { RenderView } from '../../src/core/template/template.ts'
import { anEvent, aRenderView } from './event.ts'
import { shippedTemplates } from './template-files.ts'

export interface MessageCase {
  readonly name: string
  readonly view: RenderView
}

const ID = '0191e29a-1644-7972-9466-18ada4a3636e'
const LINK = `https://app.example.com/items/${ID}?tab=report&view=full`

interface Given {
  readonly link?: string | null
  readonly enriched?: JsonObject
  readonly lifecycle?: Pick<LifecycleView, 'started_at' | 'elapsed' | 'approximate'>
}

const given: Readonly<Record<string, Given>> = {
  'id alone': { link: null },
  link: {},
  enriched: {
    enriched: {
      analysis: { score: 87, stage: 'Seed', company_id: 'c_81' },
      company: { name: 'Acme Robotics', city: 'Berlin', founded: 2021, employees: 14, raised: 1_250_000 },
    },
  },
  long: {
    enriched: {
      analysis: {
        score: 99.456,
        summary:
          'Builds inspection robots that swim along the hulls of container ships while they are moored, photograph each ' +
          'plate, and compare it with earlier voyages; fourteen ports take part, two of them pay.',
      },
      company: {
        name: 'The Federated Laboratories of Autonomous Maritime Inspection',
        headquarters: 'Llanfairpwllgwyngyllgogerychwyrndrobwllllantysiliogogogoch',
        tags: ['maritime', 'robotics', 'inspection', 'hardware'],
      },
    },
  },
  hostile: {
    enriched: {
      analysis: {
        score: '<!here>',
        stage: '*bold* `code` :tada:',
        summary: `</td><script>alert(1)</script>${'&'.repeat(250)}`,
      },
      company: {
        name: '<!channel> & "Söhne" | {{ data.id }}\n# *x*',
        city: '[a](javascript:alert(1))',
        'x|y\n': '\n| a | b |\u202e',
      },
    },
  },
  'right to left': {
    enriched: {
      analysis: { score: 87 },
      company: { name: 'شركة الروبوتات البحرية', city: 'القاهرة', stage: 'مرحلة البذرة' },
    },
  },
  many: {
    enriched: {
      analysis: {
        score: 0,
        rank: null,
        strong: false,
        sectors: ['机器人', '海运 🚢', 'ロボット'],
        investors: [{ name: 'Ada' }],
        founders: { first: 'Ada', second: 'Lin' },
        reviewed_at: '2026-11-23T11:58:00Z',
        completed_at: '2026-11-23T11:59:00Z',
        stage: '',
        confidence: 0.1234,
        revenue: -1_250_000,
        website: 'https://例え.example.com/a/very/long/path?with=parameters&and=more#fragment',
      },
      company: { name: '株式会社深海ロボティクス 🤖', city: '横浜' },
    },
    lifecycle: { started_at: '2026-11-20T08:01:00.000Z', elapsed: '3 d 4 h', approximate: true },
  },
  'score alone': { enriched: { analysis: { score: 87 } } },
  conversation: {
    enriched: { analysis: { score: 87 }, company: { name: 'Acme Robotics', city: 'Berlin' } },
    lifecycle: { started_at: '2026-11-23T11:48:01.000Z', elapsed: '12 min', approximate: false },
  },
}

function stageView(stage: string, given: NonNullable<Given['lifecycle']>): LifecycleView {
  const isLast = stage !== 'analysis.created'
  const time = isLast ? given : { ...given, elapsed: null }
  return { name: 'analysis', stage, is_last: isLast, ...time, stages: [] }
}

/** The messages of one shipped template. */
export function messageCases(template: string): readonly MessageCase[] {
  const type = template === 'default' ? 'company.details_updated' : template
  return Object.entries(given).map(([name, { link = LINK, enriched = {}, lifecycle }]) => {
    // A score comes with the end of an analysis.
    const fetched = lifecycle && type === 'analysis.created' ? { company: enriched.company ?? {} } : enriched
    const event = anEvent({ type, payload: { data: { id: ID }, event: type }, enriched: fetched })
    const stages = lifecycle && stageView(type, lifecycle)
    return { name, view: aRenderView(viewOf(event, stages), { link }) }
  })
}

const HOOK_DOWN = {
  channel: 'slack',
  targets: ['#deal-flow'],
  rateKey: '#deal-flow',
  state: null,
  waiting: 2,
  parked: 7,
  dead: 0,
}
const REFUSED = 'not_in_channel: the app is not a member of the channel; invite it: /invite @hookbridge'

/** What the service itself says. */
export function noticeCases(): readonly MessageCase[] {
  const { receivedAt } = anEvent()
  const notices = [
    failing(HOOK_DOWN, REFUSED, receivedAt),
    recovered(
      HOOK_DOWN,
      { eventId: 'evt_1', type: 'destination.failing', at: 0, data: {} },
      '7 messages went out',
      receivedAt,
    ),
    dead(HOOK_DOWN, 3, [{ reason: 'channel_not_found: there is no such channel', count: 3 }], receivedAt),
    unrouted([{ source: 'cuuro', type: 'company.details_updated' }], 0, receivedAt),
    quarantined('cuuro', 3, ['no_event_type: no event type (a string) at /event'], receivedAt),
    reloadFailed('/etc/hookbridge/config.yaml', 'config.yaml:14:5: unknown key "chanel"', receivedAt),
    enrichmentRefused('analysis', 'api.example.com', '401 Unauthorized', receivedAt),
  ]
  const many = Array.from({ length: 200 }, (_, index) => ({
    trouble: { ...HOOK_DOWN, targets: [`#deals-${index}`], rateKey: `#deals-${index}` },
    reason: 'invalid_auth: the token is wrong or was revoked; put a new one into channels.slack.token',
  }))
  const named = notices.map((one) => ({ ...one, name: one.type }))
  const together = { ...failingTogether('slack', many, receivedAt), name: 'destination.failing.many' }
  return [...named, together].map(({ name, type, data }) => {
    const event = anEvent({ source: NOTICE_SOURCE, type, subject: data.id, payload: { type, data } })
    const names = { route: { name: 'notices' }, receiver: { name: 'ops' } }
    const view = aRenderView(viewOf(event), names)
    return { name, view: { ...view, event: { ...view.event, source_title: 'Hookbridge' } } }
  })
}

/** Templates of which test/golden has messages. */
export const goldenTemplates = [...shippedTemplates, 'notice'] as const

const KEPT = ['id alone', 'link', 'enriched', 'hostile', 'conversation']

/** Those of which test/golden has the messages; of the others there are pictures. */
export function goldenCases(template: string): readonly MessageCase[] {
  const kept = template === 'analysis.completed' ? [...KEPT, 'many'] : KEPT
  const cases =
    template === 'notice' ? noticeCases() : messageCases(template).filter(({ name }) => kept.includes(name))
  return cases.map(({ name, view }) => ({
    name: `${template}${name === 'id alone' ? '' : `.${name}`}`,
    view,
  }))
}
