/** What an event costs beside 10, 100 and 1,000 routes, each to a Slack channel of its own. */
import { loadConfig } from '../../src/config/load.ts'
import { median, signedShots } from '../load.ts'
import { ratioOf, takeTurns } from '../turns.ts'
import type { RoutesRow } from './results.ts'
import { cpuOfEvents, environment, type Lab, type Service, startService } from './service.ts'

const SIZES = [10, 100, 1_000] as const
const WARM_UP = 1_000
const SLICE = 100
const TURNS_PER_ROUND = 10
const CHECKS = 5

/** How routes are told apart: by a value, or by a condition that is tried route by route. */
const KINDS = [
  { name: 'a value', match: (fund: string) => ({ 'data.fund': fund }) },
  { name: 'a prefix', match: (fund: string) => ({ 'data.fund': { prefix: fund } }) },
] as const

export async function measureRoutes(lab: Lab, rounds: number): Promise<readonly RoutesRow[]> {
  const rows: RoutesRow[] = []
  for (const kind of KINDS) rows.push(...(await measureKind(lab, rounds, kind)))
  return rows
}

async function measureKind(
  lab: Lab,
  rounds: number,
  { name, match }: (typeof KINDS)[number],
): Promise<readonly RoutesRow[]> {
  const services: { size: number; service: Service }[] = []
  try {
    for (const size of SIZES) {
      const service = await startService(lab, {
        name: `routes by ${name} ${size}`,
        receivers: Object.fromEntries(
          numbers(size).map((route) => [`team-${route}`, { slack: { channel: `#team-${route}` } }]),
        ),
        routes: numbers(size).map((route) => ({
          match: match(fundOf(route)),
          receivers: [`team-${route}`],
        })),
      })
      services.push({ size, service })
    }
    const measure =
      (events: number) =>
      ({ size, service }: (typeof services)[number]) =>
        cpuOfEvents(
          service,
          signedShots(events, lab.secret, 'bench', (index) => ({ fund: fundOf((index * 617) % size) })),
        )
    await takeTurns(services, 1, measure(WARM_UP))
    const measured = await takeTurns(services, rounds * TURNS_PER_ROUND, measure(SLICE))
    const checked = await takeTurns(services, CHECKS, async ({ service }) => cpuOfCheck(lab, service))
    const base = measured[0]?.values ?? []
    return measured.map(({ of: { size }, values }, index) => ({
      by: name,
      routes: size,
      cpuMs: median(values),
      ratio: ratioOf(values, base),
      checkMs: median(checked[index]?.values ?? []),
    }))
  } finally {
    for (const { service } of services) await service.stop()
  }
}

function numbers(count: number): readonly number[] {
  return Array.from({ length: count }, (_, number) => number)
}

/** No fund's name begins with another one's. */
function fundOf(route: number): string {
  return `fund-${String(route).padStart(4, '0')}`
}

function cpuOfCheck(lab: Lab, { config }: Service): number {
  const before = process.cpuUsage()
  const loaded = loadConfig(config, environment(lab))
  const { user, system } = process.cpuUsage(before)
  if (!loaded.ok) throw new Error(`${config} is wrong`)
  return (user + system) / 1000
}
