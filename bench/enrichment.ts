/** What `enrich` costs: events that no step matches, and events that one enriches, beside a configuration without steps. */
import { type JsonApi, startJsonApi } from '../test/support/json-api.ts'
import { type Burst, burst, type Contender } from './burst.ts'
import { median } from './load.ts'

export interface EnrichmentBench {
  readonly rounds: number
  readonly events: number
  readonly shots: Contender['shots']
  /** Starts the service with so much added to its configuration. */
  readonly start: (
    slack: Parameters<Contender['start']>[0],
    mail: Parameters<Contender['start']>[1],
    more: string,
  ) => ReturnType<Contender['start']>
}

export async function enrichment({ rounds, events, shots, start }: EnrichmentBench): Promise<void> {
  const ends: (() => unknown)[] = []
  const api = await startJsonApi({ teardown: (end) => ends.push(end) }, () => ({
    body: { score: 91, company: { name: 'Acme Robotics' } },
  }))
  try {
    const contenders = variants(api).map(
      ([name, more]): Contender => ({ name, shots, start: (slack, mail) => start(slack, mail, more) }),
    )
    const measured = new Map(contenders.map((contender) => [contender, [] as Burst[]]))
    // Side by side, so that what the machine does meanwhile hits all of them.
    for (let round = 0; round < rounds; round++) {
      for (const [contender, bursts] of measured) {
        bursts.push(
          await burst(contender, { name: 'warm', events, earlier: events, delay: 0, connections: 50 }),
        )
      }
    }
    print([...measured].map(([{ name }, bursts]) => ({ name, bursts })))
  } finally {
    for (const end of ends) await end()
  }
}

function variants({ url }: JsonApi): readonly (readonly [name: string, config: string])[] {
  const step = (type: string) =>
    `enrich:\n  - { name: analysis, match: { type: ${type} }, get: "${url}/analyses/{{ data.id }}", pick: { score: /score, company: /company/name } }\n`
  return [
    ['no steps', ''],
    ['no step matches', step('another.type')],
    ['one step, fetched', step('analysis.completed')],
  ]
}

function print(results: readonly { readonly name: string; readonly bursts: readonly Burst[] }[]): void {
  console.log(
    '\nEnrichment, each event one Slack message and one mail; medians, and CPU time as a ratio to no steps',
  )
  console.log('configuration       acked/s  delivered/s  end to end p50 / p99 ms  CPU ms  of no steps')
  const cpuOf = (bursts: readonly Burst[]) => median(bursts.map(({ cpu }) => cpu))
  const base = cpuOf(results[0]?.bursts ?? [])
  for (const { name, bursts } of results) {
    const of = (pick: (burst: Burst) => number) => median(bursts.map(pick)).toFixed(0)
    console.log(
      [
        name.padEnd(18),
        of((b) => b.acked).padStart(7),
        of((b) => b.delivered).padStart(11),
        `${of((b) => b.p50)} / ${of((b) => b.p99)}`.padStart(23),
        cpuOf(bursts).toFixed(2).padStart(6),
        (cpuOf(bursts) / base).toFixed(2).padStart(11),
      ].join('  '),
    )
  }
}
