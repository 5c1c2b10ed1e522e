/**
 * Everything at once: kill -9, SIGSTOP, a full disk, a clock that is set, reloads, and destinations that limit, fail, drop
 * connections and hang. What was acknowledged is delivered once, or as often as the history explains.
 * TORTURE_EVENTS says how many events, TORTURE_SEED repeats what is drawn by chance.
 */
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as pause } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { freePort } from '../support/ports.ts'
import { seeded } from '../support/seeded-random.ts'
import { temporaryFolder } from '../support/service.ts'
import { until } from '../support/until.ts'
import { checkEvent, checkOrder, checkStored, type Finding, type StoredEvent } from './account.ts'
import { createClock } from './clock.ts'
import { mountDisk } from './disk.ts'
import { startInstance } from './instance.ts'
import { type Peers, startPeers } from './peers.ts'
import type { Acknowledgements, Arrivals } from './records.ts'
import { scheduleFaults } from './schedule.ts'
import { readStored } from './stored.ts'
import { AMBIGUOUS_RESENDS, followed, messageIdOf, numberOf, targetsOf } from './traffic.ts'
import { median, type Usage, type UsageLog, watchUsage } from './usage.ts'

const EVENTS = Number(process.env.TORTURE_EVENTS || 100_000)
const SEED = Number(process.env.TORTURE_SEED || Date.now() % 1_000_000)
const EVENTS_PER_FAULT = 2_000
const BYTES_AN_EVENT = 10_000
const SMALLEST_DISK_BYTES = 64 * 1024 * 1024
const LOOK_EVERY_MS = 20
const ASK_EVERY_MS = 1_000
/** Only a run that fails waits that long, on a machine however busy. */
const PATIENCE_MS = 3_600_000
const MOST_SHOWN = 20
const unfinished: ReadonlySet<string> = new Set(['pending', 'held', 'sending', 'retrying', 'ambiguous'])

t.test(`${EVENTS} events, TORTURE_SEED=${SEED}`, { timeout: 5 * PATIENCE_MS }, async (t) => {
  const random = seeded(SEED)
  const draw = () => random() * 2 ** 31
  const [ofSchedule, seeds, ofInstance] = [
    seeded(draw()),
    { troubles: draw(), sender: draw() },
    seeded(draw()),
  ]
  const folder = temporaryFolder(t)
  const disk = mountDisk(t, join(folder, 'disk'), Math.max(SMALLEST_DISK_BYTES, EVENTS * BYTES_AN_EVENT))
  const clock = createClock(folder)
  const port = freePort(ofInstance)
  const peers = startPeers(t, { events: EVENTS, port, seeds })
  const { progress } = peers
  const { slack: slackUrl, mail: smtpUrl } = await peers.urls()
  const places = { folder, storeFolder: disk.folder, port, slackUrl, smtpUrl }
  const instance = await startInstance({ places, disk, clock, progress, random: ofInstance })
  t.teardown(() => instance.end('SIGKILL'))
  const usage = watchUsage(() => instance.pid)
  t.teardown(() => usage.stop())

  const begun = performance.now()
  const seconds = () => Math.round((performance.now() - begun) / 1000)
  const sent = peers.send()
  const injected = new Map<string, number>()
  for (const { at, fault } of scheduleFaults(EVENTS, EVENTS_PER_FAULT, ofSchedule)) {
    while (progress.get('acknowledged') < Math.min(at, EVENTS)) await pause(LOOK_EVERY_MS)
    const state = `${progress.get('acknowledged')} events, ${progress.waiting} deliveries wait`
    t.comment(`${seconds()} s, ${state}: ${JSON.stringify(fault)}`)
    await instance.inject(fault)
    injected.set(fault.kind, (injected.get(fault.kind) ?? 0) + 1)
  }
  await sent
  t.comment(`acknowledged after ${seconds()} s: ${Math.round(EVENTS / seconds())} a second`)
  await peers.calm()
  // What waits for its next attempt is due then.
  await instance.inject({ kind: 'clock', hours: 1 })
  const allEnded = async () => {
    await pause(ASK_EVERY_MS)
    return (await countWaiting(instance.url)) === 0
  }
  await until(allEnded, 'every delivery to end', PATIENCE_MS)
  const { met, answers } = await peers.counts()
  t.comment(`delivered after ${seconds()} s`)
  for (const [what, counts] of [
    ['faults', injected],
    ['trouble at destinations', met],
    ['answers', answers],
  ] as const)
    t.comment(`${what}: ${JSON.stringify(Object.fromEntries(counts))}`)

  usage.stop()
  checkUsage(t, usage)
  t.equal(await instance.end('SIGTERM'), 0, 'it ends by itself')
  t.same(instance.problems, [])
  t.equal(
    progress.get('acknowledged'),
    EVENTS,
    'every event is acknowledged in the end, as its sender repeats',
  )
  checkAll(t, join(disk.folder, 'store.db'), peers)
})

/** Deliveries that have not ended. */
async function countWaiting(url: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text()
  // There are thousands of other lines, which are not worth parsing.
  const depths = [...text.matchAll(/^hookbridge_queue_depth\{.*state="(\w+)"\} (\d+)$/gm)]
  if (depths.length === 0) throw new Error('/metrics has no hookbridge_queue_depth')
  return depths.reduce((sum, [, state = '', depth]) => sum + (unfinished.has(state) ? Number(depth) : 0), 0)
}

/** Compares the store and what arrived with what was acknowledged. */
function checkAll(t: Test, file: string, { acknowledgements, arrivals, progress }: Peers): void {
  const findings: Finding[] = []
  const stored = new Uint8Array(EVENTS)
  const shown = new Map<string, StoredEvent>()
  const counts = new Map<string, number>()
  const count = (what: string, by = 1) => counts.set(what, (counts.get(what) ?? 0) + by)
  const database = new DatabaseSync(file, { readOnly: true })
  t.same(database.prepare('PRAGMA integrity_check').get(), { integrity_check: 'ok' })
  for (const event of readStored(database)) {
    const n = numberOf(event.messageId)
    stored[n] = (stored[n] ?? 0) + 1
    const acknowledged = acknowledgements.of(n)
    const expected = acknowledged && {
      acknowledged: acknowledged.id,
      alternatives: alternativesOf(n, acknowledged.from, acknowledged.to),
    }
    const found = checkEvent(event, expected, arrivals.of(n), AMBIGUOUS_RESENDS)
    if (found.length > 0 && shown.size < MOST_SHOWN) shown.set(event.messageId, event)
    findings.push(...found)
    for (const { id, attempts, state, target } of event.deliveries) {
      count(state)
      for (const { kind, lookUp } of attempts) count(lookUp === undefined ? kind : `${kind} (${lookUp})`)
      const arrived = arrivals.of(n).filter(({ delivery }) => delivery === id).length
      if (arrived > 1) count(`duplicates in ${target.startsWith('#') ? 'Slack' : 'mail'}`, arrived - 1)
    }
  }
  database.close()
  findings.push(...checkStored(acknowledgedIn(acknowledgements), { get: (id) => stored[numberOf(id)] }))
  findings.push(...checkOrder(conversations(arrivals)))
  t.comment(`${progress.get('arrived')} messages: ${JSON.stringify(Object.fromEntries(counts))}`)
  for (const [kind, list = []] of Object.entries(Object.groupBy(findings, ({ kind }) => kind)))
    t.comment(`${kind}: ${list.length}`)
  for (const [messageId, event] of shown) {
    const n = numberOf(messageId)
    t.comment(
      JSON.stringify({ event, acknowledged: acknowledgements.of(n), arrivals: arrivals.of(n) }, null, 2),
    )
  }
  t.same(findings.slice(0, MOST_SHOWN), [], 'each arrived once, or as often as its history explains')
  t.ok((counts.get('sent (found)') ?? 0) > 0, 'answers were lost, and their messages found')
}

function alternativesOf(n: number, from: number, to: number): readonly (readonly string[])[] {
  return Array.from({ length: to - from + 1 }, (_, index) => targetsOf(n, from + index))
}

function* acknowledgedIn(acknowledgements: Acknowledgements) {
  for (let n = 0; n < EVENTS; n += 1) if (acknowledgements.of(n) !== undefined) yield messageIdOf(n)
}

function* conversations(arrivals: Arrivals) {
  for (let n = 0; n < EVENTS; n += 1) {
    const before = followed(n)
    if (before === null) continue
    const places = [before, n].map((one) => arrivals.of(one)[0]?.place)
    yield { subject: messageIdOf(before), places }
  }
}

/** What packaging/scale/kubernetes.yaml allows, and fewer descriptors than a shell does. */
const MOST_MEMORY_MB = 512
const MOST_FILES = 500
/** The heap takes some minutes to find its size: growth shows in what runs for longer. */
const LONG_SECONDS = 600
const GROWTH_SHARE = 0.2

function checkUsage(t: Test, { processes }: UsageLog): void {
  const most = (of: (usage: Usage) => number) => Math.round(Math.max(...processes.flat().map(of)))
  const [memory, files] = [most((usage) => usage.memory), most((usage) => usage.files)]
  t.comment(`${processes.length} processes, with at most ${memory} MB and ${files} descriptors`)
  t.ok(memory <= MOST_MEMORY_MB, `${memory} MB of memory`)
  t.ok(files <= MOST_FILES, `${files} descriptors`)
  const longest = processes.reduce((one, other) => (other.length > one.length ? other : one))
  if (longest.length < LONG_SECONDS) return
  const third = longest.length / 3
  const [before, after] = [1, 2].map((n) =>
    median(longest.slice(n * third, (n + 1) * third).map((usage) => usage.memory)),
  )
  t.comment(`in the second third of ${longest.length} s ${before} MB, in the last third ${after} MB`)
  t.ok((after ?? 0) <= (before ?? 0) * (1 + GROWTH_SHARE), 'memory does not grow')
}
