/** Finds what notices report of destinations: those that fail, those that work again, and messages that were given up. */
import {
  beginsToFail,
  isOpen,
  type Noticed,
  newlyDead,
  type RecordedNotice,
  type Trouble,
  worksAgain,
} from '../../core/notice/noticed.ts'
import type { Store } from '../../store/store.ts'
import type { Observe } from '../fact.ts'
import type { AppendNotice } from './append-notice.ts'
import { createDestinationReports, type Group, keyOf, type News } from './destination-reports.ts'
import { createEvidence } from './evidence.ts'

export interface DestinationNewsDeps {
  readonly store: Pick<Store, 'destinations' | 'events' | 'event' | 'deliveries'>
  readonly now: () => number
  readonly clock: () => number
}

interface DestinationNews {
  readonly observe: Observe
  /** A success is only of interest while a destination is reported as failing. */
  readonly hasOpen: () => boolean
  readonly pass: (isStopped: () => boolean) => Promise<void>
}

/** Once a destination works, its notice waits this long for the rest of its messages to go out. */
const CATCH_UP_MS = 60_000

export function createDestinationNews(
  { store, now, clock }: DestinationNewsDeps,
  append: AppendNotice,
): DestinationNews {
  const noticed = new Map<string, Noticed>()
  const workingSince = new Map<string, number>()
  const evidence = createEvidence(store)
  const reports = createDestinationReports({ evidence, noticed, now, clock }, append)

  return {
    observe: reports.observe,
    hasOpen: () => [...noticed.values()].some(({ health }) => isOpen(health)),
    async pass(isStopped) {
      const found = { died: [] as News[], failed: [] as News[], worked: [] as News[] }
      for (const group of Map.groupBy(await store.destinations(), keyOf).values()) {
        if (isStopped()) return
        await look(group, found)
      }
      evidence.forget()
      await reports.dead(found.died)
      await reports.failing(found.failed)
      await reports.recovered(found.worked)
    },
  }

  async function look(
    group: Group,
    found: Readonly<Record<'died' | 'failed' | 'worked', News[]>>,
  ): Promise<void> {
    const [first] = group
    if (first === undefined) return
    const key = keyOf(first)
    const before = noticed.get(key) ?? (await evidence.lastNotices(group))
    noticed.set(key, before)
    const unfinished = group.reduce((total, one) => total + one.parked + one.dead, 0)
    if ((first.state?.failures ?? 0) + unfinished === 0 && !isOpen(before.health)) {
      noticed.set(key, { ...before, dead: lowered(before.dead, 0) })
      return
    }
    const trouble = await evidence.troubleOf(group)
    const state = { ...before, dead: lowered(before.dead, trouble.dead) }
    noticed.set(key, state)
    const more = newlyDead(trouble, state, now())
    const news = { key, group, trouble, more }
    if (more > 0) found.died.push(news)
    if (beginsToFail(trouble, state, now())) found.failed.push(news)
    if (hasRecovered(key, trouble, state)) found.worked.push(news)
  }

  function hasRecovered(key: string, trouble: Trouble, state: Noticed): boolean {
    if (!worksAgain(trouble, state)) {
      workingSince.delete(key)
      return false
    }
    const since = workingSince.get(key) ?? clock()
    workingSince.set(key, since)
    return trouble.waiting === 0 || clock() - since >= CATCH_UP_MS
  }

  /** What was resent or dismissed since does not hide that as many are dead again. */
  function lowered(notice: RecordedNotice | null, total: number): RecordedNotice | null {
    if (notice === null || Number(notice.data.total) <= total) return notice
    return { ...notice, data: { ...notice.data, total } }
  }
}
