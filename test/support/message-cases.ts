/** What the shipped templates have to look good with: hardly anything, much, and values of any length and direction. */
import { type LifecycleView, viewOf } from '../../src/core/event.ts'
import type { JsonObject } from '../../src/core/json.ts'
import type { RenderView } from '../../src/core/template/template.ts'
import { anEvent, aRenderView } from './event.ts'

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

/** Those of which test/golden has the messages; of the others there are pictures. */
export function goldenCases(template: string): readonly MessageCase[] {
  const kept = ['id alone', 'link', 'enriched', 'hostile', 'conversation']
  return messageCases(template)
    .filter(({ name }) => kept.includes(name))
    .map(({ name, view }) => ({ name: `${template}${name === 'id alone' ? '' : `.${name}`}`, view }))
}
