import type { CompiledConfig } from '../../config/compiled.ts'
import { meant, quote } from '../../config/problem.ts'
import { NOTICE_SOURCE } from '../../core/notice/notice.ts'
import { type NewPlan, skippedBecause } from '../../core/routing/plan.ts'
import type { Store } from '../../store/store.ts'
import { load } from '../config/load.ts'
import type { Define } from '../context.ts'
import { deliveryFilter, eventFilter, hasDeliveryFilter, pages } from '../history/filters.ts'
import { withWholeSubject } from '../history/find.ts'
import { withKnownNames } from '../history/known-names.ts'
import { count, deliveries } from '../history/words.ts'
import { progressBar, progressCount } from '../terminal/progress.ts'
import { CommandError, print, printable, printJson, type Terminal, wrapped } from '../terminal/terminal.ts'
import { withStore } from '../with-store.ts'
import { confirmAgain } from './again.ts'
import { createPlanner, type Replay, toReplay } from './replan.ts'
import { checkSelection, findAll, type SelectFlags, selects } from './select.ts'

export const defineReplay: Define = (command, context) => {
  selects(command, 'ids of events or deliveries').action(async (ids: string[], flags: SelectFlags) => {
    checkSelection(ids, flags)
    if (ids.length > 0 && hasDeliveryFilter(withoutReceiver(flags)))
      throw new CommandError('give either ids, or --state, --destination and --channel', 2)
    const compiled = load(context)
    const receivers = [...compiled.destinations.keys()]
    if (flags.receiver !== undefined && !receivers.includes(flags.receiver))
      throw new CommandError(
        `there is no receiver ${quote(flags.receiver)}; ${meant(flags.receiver, receivers)}`,
        2,
      )
    await withStore(context, async (store) => {
      const known = await withKnownNames(context, store, flags)
      await replayCommand(context.terminal, store, compiled, ids, known)
    })
  })
}

function withoutReceiver({ receiver: _receiver, ...flags }: SelectFlags): SelectFlags {
  return flags
}

async function replayCommand(
  terminal: Terminal,
  store: Store,
  compiled: CompiledConfig,
  ids: readonly string[],
  flags: SelectFlags,
): Promise<void> {
  const eventIds = await selectEvents(terminal, store, ids, flags)
  const planner = createPlanner(compiled, flags.receiver, store.now)
  if (flags.yes !== true && flags.dryRun !== true) {
    let again = 0
    for (const id of eventIds) again += toReplay(planner, await store.event(id), id).again
    await confirmAgain(terminal, again)
  }
  const bar = progressBar(terminal)
  const results: Result[] = []
  for (const [at, id] of eventIds.entries()) {
    if (eventIds.length > 100) bar(at / eventIds.length)
    const replay = toReplay(planner, await store.event(id), id)
    results.push(
      flags.dryRun ? resultOf(replay, null) : await carryOut(store, compiled, flags.receiver, replay),
    )
  }
  bar(null)
  report(terminal, results, flags)
}

/** Their ids, oldest first, so that messages are sent again in the order of the events. */
async function selectEvents(
  terminal: Terminal,
  store: Store,
  ids: readonly string[],
  flags: SelectFlags,
): Promise<readonly string[]> {
  const found = new Set<string>()
  if (ids.length > 0) {
    for (const { event } of await findAll(store, ids)) found.add(event.id)
    return [...found]
  }
  const progress = progressCount(terminal, 'events found')
  if (hasDeliveryFilter(flags)) {
    const filter = deliveryFilter(await withWholeSubject(store, flags))
    for await (const page of pages((request) => store.deliveries(filter, request))) {
      for (const { eventId } of page) found.add(eventId)
      progress(found.size)
    }
  } else {
    const filter = eventFilter(await withWholeSubject(store, flags))
    for await (const page of pages((request) => store.events(filter, request))) {
      for (const event of page) {
        if (event.releasedAs === null && (namesEvents(flags) || event.source !== NOTICE_SOURCE))
          found.add(event.id)
      }
      progress(found.size)
    }
  }
  progress(null)
  return [...found].reverse()
}

/** Else it is about a time, of which notices are no longer true: a destination that failed then. */
function namesEvents({ source, type, subject }: SelectFlags): boolean {
  return source !== undefined || type !== undefined || subject !== undefined
}

type Result =
  | {
      readonly kind: 'planned'
      readonly id: string
      /** The event that it was released from quarantine as. */
      readonly releasedAs: string | null
      /** Counted from 1 within the event; null if nothing was done. */
      readonly number: number | null
      readonly plan: NewPlan
      readonly cancelled: readonly string[]
      readonly again: number
    }
  /** Released from quarantine, as an event that waits for its enrichment; null if nothing was done. */
  | { readonly kind: 'enriching'; readonly id: string; readonly releasedAs: string | null }
  | Extract<Replay, { kind: 'failed' }>

async function carryOut(
  store: Store,
  { config }: CompiledConfig,
  receiver: string | undefined,
  replay: Replay,
): Promise<Result> {
  const { id } = replay
  switch (replay.kind) {
    case 'failed':
      return replay
    case 'plan': {
      const added = await store.addPlan(id, replay.plan, receiver === undefined ? null : [receiver])
      return added === null
        ? { kind: 'failed', id, problem: 'it no longer exists', again: 0 }
        : resultOf(replay, added)
    }
    case 'release': {
      const { event, body, plan } = replay
      const dedupeFor = config.store.dedupe
      const appended = await store.append({ kind: 'event', event, body, plan, dedupeFor, releasedFrom: id })
      if (appended.kind === 'stored') return resultOf(replay, { number: 1, cancelled: [] })
      const problem = `${appended.id} is the same message, and can be read; replay that`
      return { kind: 'failed', id, problem, again: 0 }
    }
  }
}

function resultOf(
  replay: Replay,
  added: { readonly number: number; readonly cancelled: readonly string[] } | null,
): Result {
  if (replay.kind === 'failed') return replay
  const { id, plan, again } = replay
  const releasedAs = replay.kind === 'release' ? replay.event.id : null
  if (plan === null) return { kind: 'enriching', id, releasedAs: added === null ? null : releasedAs }
  const { number, cancelled } = added ?? { number: null, cancelled: [] }
  return { kind: 'planned', id, releasedAs, number, plan, cancelled, again }
}

function report(terminal: Terminal, results: readonly Result[], { json, dryRun }: SelectFlags): void {
  const planned = results.filter((result) => result.kind === 'planned')
  const failed = results.filter((result) => result.kind === 'failed')
  const enriching = results.filter((result) => result.kind === 'enriching')
  if (json) {
    printJson(terminal, {
      dry_run: dryRun === true,
      replayed: planned.map(({ id, releasedAs, number, plan, cancelled }) => ({
        event: id,
        ...(releasedAs !== null && { released_as: releasedAs }),
        plan: number,
        unrouted: plan.unrouted,
        deliveries: plan.deliveries.filter((one) => skippedBecause(one) === null).map(({ id }) => id),
        skipped: plan.deliveries.filter((one) => skippedBecause(one) !== null).map(({ id }) => id),
        cancelled,
      })),
      ...(enriching.length > 0 && {
        enriching: enriching.map(({ id, releasedAs }) => ({ event: id, released_as: releasedAs })),
      }),
      failed: failed.map(({ id, problem }) => ({ event: id, problem })),
    })
  } else {
    if (results.length === 0) print(terminal, 'no such events')
    for (const result of planned) print(terminal, wrapped(terminal, 'out', inWords(result, dryRun === true)))
    for (const { id, releasedAs } of enriching) {
      const taken =
        releasedAs === null
          ? 'would be released from quarantine'
          : `is released from quarantine, as ${releasedAs}`
      print(terminal, `${id} ${taken}: the service plans it after its enrichment`)
    }
  }
  if (failed.length > 0)
    throw new CommandError(failed.map(({ id, problem }) => `${id}: ${printable(problem)}`).join('\n'))
}

function inWords(
  { id, releasedAs, number, plan, cancelled, again }: Extract<Result, { kind: 'planned' }>,
  dryRun: boolean,
): string {
  const skipped = plan.deliveries.filter((one) => skippedBecause(one) !== null).length
  const parts = [
    deliveries(plan.deliveries.length - skipped),
    ...(plan.unrouted ? ['no route takes it'] : []),
    ...(skipped > 0 ? [`${skipped} skipped`] : []),
    ...(cancelled.length > 0 ? [`${count(cancelled.length, 'earlier one')} cancelled`] : []),
    ...(dryRun && again > 0 ? [`${again} of them delivered before`] : []),
  ]
  const as = dryRun ? 'would be planned again' : `plan ${number}`
  const taken = releasedAs === null || dryRun ? '' : ` is released from quarantine, as ${releasedAs}`
  return `${id}${taken}: ${as}, ${parts.join(', ')}`
}
