import { createIds } from '../../app/ids.ts'
import type { Delivery, State } from '../../core/delivery/delivery.ts'
import type { Destination } from '../../core/delivery/destination.ts'
import { type Destinations, isCurrent, type Resend, resend } from '../../core/delivery/resend.ts'
import { conversationAt } from '../../core/lifecycle/lifecycle.ts'
import type { Requeue, Store } from '../../store/store.ts'
import { load } from '../config/load.ts'
import type { Define } from '../context.ts'
import { withKnownNames } from '../history/known-names.ts'
import { count, deliveries, nameOf } from '../history/words.ts'
import { inBatches } from '../terminal/progress.ts'
import { CommandError, print, printJson, type Terminal } from '../terminal/terminal.ts'
import { withStore } from '../with-store.ts'
import { confirmAgain } from './again.ts'
import { checkSelection, type SelectFlags, selectDeliveries, selects } from './select.ts'

export const defineResend: Define = (command, context) => {
  selects(command, 'ids of deliveries, or of events (for their parked and dead deliveries)').action(
    async (ids: string[], flags: SelectFlags) => {
      checkSelection(ids, flags)
      const { destinations } = load(context)
      await withStore(context, async (store) => {
        const known = await withKnownNames(context, store, flags)
        await resendCommand(context.terminal, store, destinations, ids, known)
      })
    },
  )
}

interface Redirect {
  readonly from: Destination
  readonly to: Destination
}

/** What to do. Contains little more than the ids of deliveries, because there may be many. */
interface Work {
  readonly requests: Requeue[]
  /** By the id of the delivery that is redirected. */
  readonly redirects: Map<string, Redirect>
  readonly gone: { readonly id: string; readonly reason: string; readonly hint: string }[]
  readonly untouched: { readonly id: string; readonly state: State }[]
  /** Messages that had been delivered. */
  again: number
}

async function resendCommand(
  terminal: Terminal,
  store: Store,
  destinations: Destinations,
  ids: readonly string[],
  flags: SelectFlags,
): Promise<void> {
  const work = await planWork(terminal, store, destinations, ids, flags)
  const { requests, gone } = work
  if (flags.dryRun !== true) {
    if (flags.yes !== true) await confirmAgain(terminal, work.again)
    // They were found newest first, but the earliest of a conversation must be sent first.
    const changed = await inBatches(terminal, requests.toReversed(), (batch) =>
      store.requeue(batch, store.now()),
    )
    report(terminal, work, new Set(changed), flags)
  } else report(terminal, work, new Set(requests.map(({ deliveryId }) => deliveryId)), flags)
  if (gone.length > 0) throw new CommandError(`${deliveries(gone.length)} cannot be resent`)
}

/** If the receiver of a delivery still has the destination, the delivery is enough to decide; for others, the whole plan is read. */
async function planWork(
  terminal: Terminal,
  store: Store,
  destinations: Destinations,
  ids: readonly string[],
  flags: SelectFlags,
): Promise<Work> {
  const work: Work = { requests: [], redirects: new Map(), gone: [], untouched: [], again: 0 }
  const others = new Map<string, Set<string>>()
  for await (const batch of selectDeliveries(terminal, store, ids, flags)) {
    for (const delivery of batch) {
      if (isCurrent(delivery, destinations)) add(work, delivery, { kind: 'requeue' })
      else {
        const { eventId, id } = delivery
        others.set(eventId, (others.get(eventId) ?? new Set()).add(id))
      }
    }
  }
  const newId = createIds(store.now).delivery
  for (const [eventId, wanted] of others) {
    const record = await store.event(eventId)
    for (const { deliveries } of record?.plans ?? []) {
      const decisions = resend(deliveries, wanted, destinations)
      for (const delivery of deliveries) add(work, delivery, decisions.get(delivery.id), newId)
    }
  }
  return work
}

function add(work: Work, delivery: Delivery, decision: Resend | undefined, newId = () => ''): void {
  if (decision === undefined) return
  const { id, state, attempts, route, receiver, template, conversation, group } = delivery
  const seen = { state, attempts }
  switch (decision.kind) {
    case 'gone':
      work.gone.push({ id, reason: decision.reason, hint: decision.hint })
      return
    case 'replaced':
      work.untouched.push({ id, state })
      return
    case 'requeue':
      work.requests.push({ deliveryId: id, seen })
      break
    case 'redirect': {
      const { standsInFor } = delivery
      const { destination } = decision
      const redirected = {
        route,
        receiver,
        destination,
        template,
        conversation: conversation && conversationAt(conversation, destination),
        group,
      }
      work.requests.push({
        deliveryId: id,
        seen,
        instead: {
          ...redirected,
          standsInFor,
          id: newId(),
          start: { kind: 'pending' },
        },
      })
      work.redirects.set(id, { from: delivery.destination, to: destination })
    }
  }
  if (state === 'delivered') work.again += 1
}

function report(terminal: Terminal, work: Work, changed: ReadonlySet<string>, flags: SelectFlags): void {
  const { requests, redirects, gone, untouched, again } = work
  const due = requests.filter(({ deliveryId }) => changed.has(deliveryId))
  const notDue = requests.filter(({ deliveryId }) => !changed.has(deliveryId))
  if (flags.json) {
    printJson(terminal, {
      dry_run: flags.dryRun === true,
      resent: due.map(({ deliveryId: id, instead }) => {
        const redirect = redirects.get(id)
        return {
          id,
          ...(instead &&
            redirect && { instead: instead.id, from: placeJson(redirect.from), to: placeJson(redirect.to) }),
        }
      }),
      gone,
      untouched: [...untouched.map(({ id }) => id), ...notDue.map(({ deliveryId }) => deliveryId)],
    })
    return
  }
  if (requests.length + gone.length + untouched.length === 0) {
    const others = 'none of them is parked or dead; to send delivered messages again, pass --state delivered'
    print(terminal, flags.state === undefined ? others : 'no such deliveries')
    return
  }
  print(
    terminal,
    flags.dryRun
      ? `${deliveries(due.length)} would be due now${again > 0 ? `, ${again} of them delivered before` : ''}`
      : `${deliveries(due.length)} due now; a running service attempts them within a second`,
  )
  const moves = Map.groupBy(
    due.flatMap(({ deliveryId }) => redirects.get(deliveryId) ?? []),
    ({ from, to }) => `to ${nameOf(to)} instead of ${nameOf(from)}`,
  )
  for (const [words, all] of moves) print(terminal, `  ${all.length} of them ${words}`)
  for (const [state, all] of Map.groupBy(untouched, ({ state }) => state))
    print(terminal, `${deliveries(all.length)} left alone: ${state}${example(all)}`)
  if (notDue.length > 0)
    print(terminal, `${deliveries(notDue.length)} left alone: being sent, due already, or changed meanwhile`)
  for (const [words, all] of Map.groupBy(gone, ({ reason, hint }) => `${reason} (${hint})`))
    print(
      terminal,
      `${count(all.length, 'delivery', 'deliveries')} cannot be resent: ${words}${example(all)}`,
    )
}

function example([first]: readonly { readonly id: string }[]): string {
  return first === undefined ? '' : `, as ${first.id}`
}

function placeJson({ channel, target }: Destination): object {
  return { channel, target }
}
