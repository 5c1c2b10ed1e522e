/**
 * `npm run bench -- growth [PART…] [--save]`: what an event costs beside many routes, many stored events and many waiting
 * messages, and memory over time. `--save` keeps the results as JSON. PART: routes, events,
 * backlog, memory, disk.
 */
import { measureBacklog } from './growth/backlog.ts'
import { measureDisk } from './growth/disk.ts'
import { measureEvents } from './growth/events.ts'
import { measureMemory } from './growth/memory.ts'
import { type SomeResults, saveResults, withConditions } from './growth/results.ts'
import { measureRoutes } from './growth/routes.ts'
import type { Lab } from './growth/service.ts'

const PACE = Number(process.env.BENCH_PACE ?? 500)
const MINUTES = Number(process.env.BENCH_MINUTES ?? 10)
const FLAG = '--save'

export async function growth(lab: Lab, rounds: number, args: readonly string[]): Promise<void> {
  const isSaved = args.includes(FLAG)
  const wanted = args.filter((arg) => arg !== FLAG)
  const parts = partsOf(lab, rounds)
  const unknown = wanted.filter((name) => !parts.some((part) => part.name === name))
  if (unknown.length > 0) throw new Error(`no part of growth is named ${unknown.join(' or ')}`)
  for (const { name, measure } of parts) {
    if (wanted.length > 0 && !wanted.includes(name)) continue
    console.log(`\nGrowth: ${name}`)
    const measured = await measure()
    print(measured)
    // After each part, so that what was measured is kept where a later one fails.
    if (isSaved) saveResults(measured)
  }
}

function partsOf(lab: Lab, rounds: number): readonly { name: string; measure: () => Promise<SomeResults> }[] {
  return [
    {
      name: 'routes',
      measure: async () => ({ routes: await withConditions(() => measureRoutes(lab, rounds)) }),
    },
    {
      name: 'events',
      measure: async () => ({ events: await withConditions(() => measureEvents(lab, rounds)) }),
    },
    {
      name: 'backlog',
      measure: async () => ({ backlog: await withConditions(() => measureBacklog(lab, rounds)) }),
    },
    {
      name: 'memory',
      measure: async () => ({ memory: await withConditions(() => measureMemory(lab, PACE, MINUTES)) }),
    },
    { name: 'disk', measure: async () => ({ disk: await withConditions(() => measureDisk(lab)) }) },
  ]
}

function print({ memory, ...others }: SomeResults): void {
  for (const part of Object.values(others)) console.table(part?.rows)
  if (memory !== undefined) console.table([{ ...memory.rows, samples: memory.rows.samples.length }])
}
