/** The measurements that docs/performance.md shows: a file beside its plots, each part with the conditions of its run. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus, loadavg } from 'node:os'
import * as z from 'zod'

const resultsFile = new URL('../../docs/pictures/growth/results.json', import.meta.url)

const number = z.number()
const conditions = z.strictObject({
  date: z.iso.date(),
  cpu: z.string(),
  cores: number,
  node: z.string(),
  /** Processes that ran or waited for a core, on average: in the minute before, and at the end. */
  loadBefore: number,
  loadAfter: number,
})

const routes = z
  .array(
    z.strictObject({
      by: z.string(),
      routes: number,
      /** CPU of one event, from its request to the message in Slack. */
      cpuMs: number,
      /** To the smallest case. */
      ratio: number,
      /** CPU of `check`, which a start and a reload do too. */
      checkMs: number,
    }),
  )
  .readonly()

const events = z
  .array(
    z.strictObject({
      stored: number,
      cpuMs: number,
      ratio: number,
      /** CPU of removing one event with its plans, deliveries and attempts. */
      purgeMs: number,
      purgeRatio: number,
      /** Pages that this writes. */
      purgePages: number,
      readyMs: number,
      readyRatio: number,
    }),
  )
  .readonly()

const backlog = z
  .array(
    z.strictObject({
      dead: z.string(),
      live: z.enum(['Slack', 'mail']),
      when: z.enum(['running', 'after a kill']),
      waiting: number,
      p50Ms: number,
      /** The median of the turns' p99. */
      p99Ms: number,
      /** The median of the ratios of each turn's p99 to that of the small case. */
      ratio: number,
      /** Of all messages. */
      slowestMs: number,
      /** CPU of one event to what works, with what the others cost meanwhile. */
      cpuMs: number,
      cpuRatio: number,
      messages: number,
    }),
  )
  .readonly()

const memory = z.strictObject({
  perSecond: number,
  minutes: number,
  samples: z.array(z.strictObject({ seconds: number, mb: number })).readonly(),
  /** Medians of the second and of the last minute. */
  earlyMb: number,
  lateMb: number,
  ratio: number,
  /** What is in use, after all else was freed, and how many events came before. */
  heap: z.array(z.strictObject({ seconds: number, events: number, mb: number })).readonly(),
  /** Of the heap in use, by a line through the second half. */
  bytesPerEvent: number,
  /** Of one core. */
  cpu: number,
})

const disk = z
  .array(
    z.strictObject({
      /** Bytes of the body. */
      body: number,
      messages: number,
      bytesPerEvent: number,
    }),
  )
  .readonly()

const part = <T extends z.ZodType>(rows: T) => z.strictObject({ conditions, rows })
/** The parts that were measured. */
const results = z
  .strictObject({
    routes: part(routes),
    events: part(events),
    backlog: part(backlog),
    memory: part(memory),
    disk: part(disk),
  })
  .partial()

export type SomeResults = z.infer<typeof results>
export type Conditions = z.infer<typeof conditions>
export type RoutesRow = z.infer<typeof routes>[number]
export type EventsRow = z.infer<typeof events>[number]
export type BacklogRow = z.infer<typeof backlog>[number]
export type MemoryResult = z.infer<typeof memory>
export type DiskRow = z.infer<typeof disk>[number]

/** The parts that were measured. */
export function readResults(): SomeResults {
  return existsSync(resultsFile) ? results.parse(JSON.parse(readFileSync(resultsFile, 'utf8'))) : {}
}

/** Replaces those parts in the file. */
export function saveResults(some: SomeResults): void {
  const all = { ...readResults(), ...some }
  const text = JSON.stringify(all, (_, value) => (typeof value === 'number' ? rounded(value) : value))
  writeFileSync(resultsFile, `${text.replaceAll(/("(?:conditions|rows)":|\},(?=\{))/g, '$1\n')}\n`)
}

function rounded(value: number): number {
  return Number(value.toPrecision(5))
}

/** Runs a measurement, and notes its conditions. */
export async function withConditions<T>(
  measure: () => Promise<T>,
): Promise<{ conditions: Conditions; rows: T }> {
  const [loadBefore = 0] = loadavg()
  const rows = await measure()
  const [loadAfter = 0] = loadavg()
  const conditions = {
    date: new Date().toISOString().slice(0, 10),
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: cpus().length,
    node: process.versions.node,
    loadBefore,
    loadAfter,
  }
  return { conditions, rows }
}
