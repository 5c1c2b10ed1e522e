/** Makes the notices about destinations: one for a few, one for many together, and not too often. */
import { dead, failing, messages, type NoticeType, recovered } from '../../core/notice/notice.ts'
import { isOpen, type Noticed, type RecordedNotice, type Trouble } from '../../core/notice/noticed.ts'
import {
  deadTogether,
  failingTogether,
  MOST_ALONE,
  partOf,
  recoveredTogether,
} from '../../core/notice/together.ts'
import type { DestinationRecord } from '../../store/store.ts'
import type { Fact, Observe } from '../fact.ts'
import type { AppendNotice } from './append-notice.ts'
import type { createEvidence } from './evidence.ts'

export interface DestinationReportsDeps {
  readonly evidence: ReturnType<typeof createEvidence>
  /** By key. What is reported is noted here. */
  readonly noticed: Map<string, Noticed>
  readonly now: () => number
  readonly clock: () => number
}

export interface DestinationReports {
  /** Counts what is delivered. */
  readonly observe: Observe
  readonly dead: (news: readonly News[]) => Promise<void>
  readonly failing: (news: readonly News[]) => Promise<void>
  readonly recovered: (news: readonly News[]) => Promise<void>
}

/** The destinations that share a rate key, and so their health. */
export type Group = readonly DestinationRecord[]

export interface News {
  readonly key: string
  readonly group: Group
  readonly trouble: Trouble
  /** Of messages that were given up. */
  readonly more: number
}

/** Between notices of one type about one channel. */
const BETWEEN_MS = 60_000
/** The same while many are failing: a revoked token shows at each destination with its next message. */
const BETWEEN_MANY_MS = 10 * 60_000
const MOST_REMEMBERED = 1_000

export function createDestinationReports(
  { evidence, noticed, now, clock }: DestinationReportsDeps,
  append: AppendNotice,
): DestinationReports {
  /** What was delivered since the notice, where this process made it. */
  const delivered = new Map<string, number>()
  const notices = new Set<string>()
  const lastAt = new Map<string, number>()

  return {
    observe(fact) {
      if (fact.kind === 'noticed') remember(fact.id)
      if (fact.kind === 'attempted') count(fact)
    },
    dead: (news) => report('delivery.dead', news, reportDead),
    failing: (news) => report('destination.failing', news, reportFailing),
    recovered: (news) => report('destination.recovered', news, reportRecovered),
  }

  function remember(id: string): void {
    notices.add(id)
    const [oldest] = notices
    if (notices.size > MOST_REMEMBERED && oldest !== undefined) notices.delete(oldest)
  }

  function count({ delivery, next }: Extract<Fact, { kind: 'attempted' }>): void {
    if (next.state !== 'delivered' || notices.has(delivery.eventId)) return
    const key = keyOf(delivery)
    const before = delivered.get(key)
    if (before !== undefined) delivered.set(key, before + 1)
  }

  /** By channel: a few one by one, many together; the next ones of the channel wait for a while. */
  async function report(
    type: NoticeType,
    all: readonly News[],
    one: (channel: string, news: readonly News[]) => Promise<void>,
  ): Promise<void> {
    for (const [channel, news] of Map.groupBy(all, ({ trouble }) => trouble.channel)) {
      const key = `${type} ${channel}`
      const wait = openIn(channel) > MOST_ALONE || news.length > MOST_ALONE ? BETWEEN_MANY_MS : BETWEEN_MS
      if (clock() - (lastAt.get(key) ?? Number.NEGATIVE_INFINITY) < wait) continue
      if (news.length > MOST_ALONE) await one(channel, news)
      else for (const single of news) await one(channel, [single])
      lastAt.set(key, clock())
    }
  }

  function openIn(channel: string): number {
    return [...noticed].filter(([key, { health }]) => isOpen(health) && channelOf(key) === channel).length
  }

  async function reportDead(channel: string, news: readonly News[]): Promise<void> {
    const reasons = await evidence.reasonsOf(news.flatMap(({ group }) => group))
    const [only] = news
    const notice =
      only !== undefined && news.length === 1
        ? dead(only.trouble, only.more, reasons, now())
        : deadTogether(channel, news, reasons, now())
    note(news, await append(notice), 'dead')
  }

  async function reportFailing(channel: string, news: readonly News[]): Promise<void> {
    const failed = await Promise.all(
      news.map(async ({ trouble, group }) => ({
        trouble,
        reason: trouble.state?.reason ?? (await evidence.reasonParked(group)),
      })),
    )
    const [only] = failed
    const notice =
      only !== undefined && failed.length === 1
        ? failing(only.trouble, only.reason, now())
        : failingTogether(channel, failed, now())
    for (const { key } of news) delivered.set(key, 0)
    note(news, await append(notice), 'health')
  }

  async function reportRecovered(channel: string, news: readonly News[]): Promise<void> {
    const [only] = news
    const health = only && noticed.get(only.key)?.health
    const went = await wentOut(news)
    const notice =
      only !== undefined && health && news.length === 1
        ? recovered(only.trouble, health, went, now())
        : recoveredTogether(
            channel,
            news.map(({ trouble }) => trouble),
            went,
            now(),
          )
    note(news, await append(notice), 'health')
    for (const { key } of news) delivered.delete(key)
  }

  function note(news: readonly News[], stored: RecordedNotice | null, as: keyof Noticed): void {
    for (const { key, trouble } of news) {
      const state = noticed.get(key)
      if (state === undefined || stored === null) continue
      noticed.set(key, { ...state, [as]: partOf(stored, trouble.rateKey) ?? stored })
    }
  }

  /** Exact where this process has seen all of it. */
  async function wentOut(news: readonly News[]): Promise<string> {
    const counted = news.map(({ key }) => delivered.get(key))
    if (counted.every((one) => one !== undefined)) {
      return `${messages(counted.reduce((total, one) => total + one, 0))} went out`
    }
    let total = 0
    for (const { key, group } of news) {
      const since = Date.parse(String(noticed.get(key)?.health?.data.since))
      total += delivered.get(key) ?? (await evidence.wentOut(group, since))
    }
    return `about ${messages(total)} went out`
  }
}

export function keyOf({ destination }: Pick<DestinationRecord, 'destination'>): string {
  return JSON.stringify([destination.channel, destination.rateKey])
}

function channelOf(key: string): string {
  return JSON.parse(key)[0]
}
