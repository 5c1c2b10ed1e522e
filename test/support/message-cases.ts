/** What the shipped templates have to look good with: hardly anything, much, and values of any length and direction. */
import { viewOf } from '../../src/core/event.ts'
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
}

const given: Readonly<Record<string, Given>> = {
  'id alone': { link: null },
  link: {},
  enriched: {
    enriched: {
      analysis: { score: 87, stage: 'Seed', company_id: 'c_81' },
      company: { name: 'Acme Robotics', city: 'Berlin', founded: 2021, employees: 14, raised_eur: 1_250_000 },
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
}

/** The messages of one shipped template. */
function messageCases(template: string): readonly MessageCase[] {
  const type = template === 'default' ? 'company.details_updated' : template
  return Object.entries(given).map(([name, { link = LINK, enriched = {} }]) => {
    const event = anEvent({ type, payload: { data: { id: ID }, event: type }, enriched })
    return { name, view: aRenderView(viewOf(event), { link }) }
  })
}

/** Those of which test/golden has the messages; of the others there are pictures. */
export function goldenCases(template: string): readonly MessageCase[] {
  const kept = ['id alone', 'link', 'enriched', 'hostile']
  return messageCases(template)
    .filter(({ name }) => kept.includes(name))
    .map(({ name, view }) => ({ name: `${template}${name === 'id alone' ? '' : `.${name}`}`, view }))
}
