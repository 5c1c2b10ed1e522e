/** What an event costs beside ten thousand to a million stored events, and what a start and the removal of an event cost. */
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { openStore } from '../../src/store/open.ts'
import { Database } from '../../src/store/sqlite/database.ts'
import { purge } from '../../src/store/sqlite/purge.ts'
import type { Purged, PurgeRequest } from '../../src/store/store.ts'
import { HISTORY_END, writeLongHistory } from '../../test/support/long-history.ts'
import { median, signedShots } from '../load.ts'
import { ratioOf, takeTurns } from '../turns.ts'
import type { EventsRow } from './results.ts'
import { cpuOfEvents, type Lab, type Service, startService, toOneChannel } from './service.ts'

const SIZES = [10_000, 1_000_000] as const
const WARM_UP = 1_000
const SLICE = 100
const TURNS_PER_ROUND = 10
// As the service does it.
const PURGE_STEP = 200
const PURGE_STEPS_PER_TURN = 2
// However many rounds: the smaller store must have events left for the last turn, and for its pages.
const PURGE_TURNS = 10

const STEPS_FOR_PAGES = 10
// Of a page of 4,096 bytes in SQLite's write-ahead log, with its header.
const FRAME_BYTES = 4_120

interface Measured {
  readonly stored: number
  readonly path: string
}

export async function measureEvents(lab: Lab, rounds: number): Promise<readonly EventsRow[]> {
  const stores: Measured[] = []
  for (const stored of SIZES) {
    const name = `events ${stored}`
    const path = join(lab.folder, `${name.replaceAll(' ', '-')}.db`)
    await writeLongHistory(path, stored)
    stores.push({ stored, path })
  }
  const events = await measureServices(lab, rounds)
  const purging = await measurePurge(stores)
  return stores.map(({ stored, path }, index) => ({
    stored,
    cpuMs: median(events.cpu[index]?.values ?? []),
    ratio: ratioOf(events.cpu[index]?.values ?? [], events.cpu[0]?.values ?? []),
    readyMs: median(events.ready[index]?.values ?? []),
    readyRatio: ratioOf(events.ready[index]?.values ?? [], events.ready[0]?.values ?? []),
    purgeMs: median(purging[index]?.values ?? []),
    purgeRatio: ratioOf(purging[index]?.values ?? [], purging[0]?.values ?? []),
    purgePages: pagesOfPurge(path),
  }))
}

async function measureServices(lab: Lab, rounds: number) {
  const services: Service[] = []
  try {
    for (const stored of SIZES)
      services.push(await startService(lab, { name: `events ${stored}`, ...toOneChannel }))
    const measure = (events: number) => (service: Service) =>
      cpuOfEvents(service, signedShots(events, lab.secret, 'bench'))
    await takeTurns(services, 1, measure(WARM_UP))
    const cpu = await takeTurns(services, rounds * TURNS_PER_ROUND, measure(SLICE))
    const ready = await takeTurns(services, rounds, async (service) => {
      await service.restart()
      return service.process().readyMs
    })
    return { cpu, ready }
  } finally {
    for (const service of services) await service.stop()
  }
}

async function measurePurge(stores: readonly Measured[]) {
  const open = await Promise.all(
    stores.map(async ({ path }) => ({ store: await openStore(`sqlite:${path}`, 'service'), after: null })),
  )
  try {
    return await takeTurns<{ store: Awaited<ReturnType<typeof openStore>>; after: string | null }>(
      open,
      PURGE_TURNS,
      async (one) => {
        let removed = 0
        const before = process.cpuUsage()
        for (let step = 0; step < PURGE_STEPS_PER_TURN; step++) {
          const purged = await one.store.purge({
            before: HISTORY_END,
            unresolvedBefore: 0,
            after: one.after,
            limit: PURGE_STEP,
          })
          one.after = purged.next
          removed += purged.events
        }
        const { user, system } = process.cpuUsage(before)
        return (user + system) / 1000 / removed
      },
    )
  } finally {
    for (const { store } of open) await store.close()
  }
}

/** Pages that removing an event writes. */
function pagesOfPurge(path: string): number {
  const database = new Database(path, 0)
  try {
    database.execute('PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0')
    database.checkpoint('TRUNCATE')
    let removed = 0
    let after: string | null = null
    for (let step = 0; step < STEPS_FOR_PAGES; step++) {
      const request: PurgeRequest = { before: HISTORY_END, unresolvedBefore: 0, after, limit: PURGE_STEP }
      const purged: Purged = database.write(() => purge(database, request))
      removed += purged.events
      after = purged.next
    }
    return statSync(`${path}-wal`).size / FRAME_BYTES / removed
  } finally {
    database.close()
  }
}
