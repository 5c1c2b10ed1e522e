/** Makes the request of each step of enrich once, for the newest event that a step matches, and reports fields without their values. */
import type { CompiledConfig } from '../../config/compiled.ts'
import { packageVersion } from '../../config/package.ts'
import { needsEnrichment } from '../../core/enrichment/progress.ts'
import { type Event, eventOf } from '../../core/event.ts'
import { type Finding, fine, unknown, warning, wrong } from '../../core/finding.ts'
import { type AskedStep, askAll } from '../../enrich/ask.ts'
import type { Proxies } from '../../network/proxies.ts'
import { openStore } from '../../store/open.ts'

const EVENTS_LOOKED_AT = 50

export async function enrichmentFindings(
  { config }: CompiledConfig,
  proxies: Proxies,
): Promise<readonly Finding[]> {
  const { enrich } = config
  const event = await newestFor(config.store.url, enrich)
  if (event === null) {
    const summary = 'the steps of enrich cannot be tested: no stored event matches one'
    return [
      unknown(
        'enrich_unknown',
        summary,
        '',
        '"hookbridge explain --fetch" sends their requests for an event of your choice',
      ),
    ]
  }
  const { steps } = await askAll(
    enrich,
    { ...event, enriched: {} },
    {
      proxies,
      userAgent: `hookbridge/${packageVersion()}`,
      now: Date.now,
      clock: () => performance.now(),
    },
  )
  return steps.map((one) => findingOf(one, event.id))
}

async function newestFor(url: string, steps: CompiledConfig['config']['enrich']): Promise<Event | null> {
  const store = await openStore(url, 'operator').catch(() => null)
  if (store === null) return null
  try {
    const { items } = await store.events({}, { limit: EVENTS_LOOKED_AT })
    for (const { id } of items) {
      const record = await store.event(id)
      const event = record && eventOf(record)
      if (event && needsEnrichment(steps, event)) return event
    }
    return null
  } finally {
    await store.close()
  }
}

function findingOf({ step, verdict, durationMs }: AskedStep, id: string): Finding {
  const asked = `enrich ${step.name} (${step.host}, for ${id})`
  if (verdict.kind !== 'picked') {
    const finding = verdict.kind === 'failed' ? wrong : warning
    const meaning = 'Messages are sent without what it fetches.'
    return finding(
      'enrich_failed',
      `${asked}: ${verdict.reason}`,
      meaning,
      '"hookbridge explain --fetch ID" shows the answer',
    )
  }
  const missing = Object.keys(step.pick ?? {}).filter((name) => !verdict.fields.includes(name))
  const came = `${asked}: ${verdict.fields.join(', ') || 'an answer'} in ${Math.round(durationMs)} ms`
  if (missing.length === 0) return fine('enrich_ok', came)
  const summary = `${came}; missing in the answer: ${missing.join(', ')}`
  return warning(
    'enrich_incomplete',
    summary,
    '',
    '"hookbridge explain --fetch ID" shows the answer, with its JSON pointers',
  )
}
