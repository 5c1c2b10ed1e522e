/** The routes and deliveries of an event under one configuration: for the service, explain, preview, tests and replay alike. */
import type { Delivery, StandIn } from '../delivery/delivery.ts'
import type { Destination } from '../delivery/destination.ts'
import { type Event, type View, viewOf } from '../event.ts'
import { conversationOf, type Lifecycle, placeOf, type Stage, stageOf } from '../lifecycle/lifecycle.ts'
import { lifecycleView } from '../lifecycle/timeline.ts'
import { NOTICE_SOURCE, NOTICE_TEMPLATE } from '../notice/notice.ts'
import { describeThrown } from '../text/thrown.ts'
import type { Muting } from '../time-intervals/muting.ts'
import type { RouteMatch, Router, Routing } from './route.ts'

export interface Plan {
  /** The routes that take the event, in order; if none does, `unrouted`, provided that it has receivers. */
  readonly routes: readonly PlannedRoute[]
  /** No configured route takes the event. */
  readonly unrouted: boolean
  /** The place of the event in its lifecycle; left out if it belongs to none. */
  readonly stage?: Stage
  readonly deliveries: readonly PlannedDelivery[]
}

export type PlannedRoute = Pick<RouteMatch, 'route' | 'path' | 'receivers'>

/** A delivery before it has an id. */
export interface PlannedDelivery
  extends Pick<Delivery, 'route' | 'receiver' | 'destination' | 'template' | 'conversation' | 'group'> {
  readonly start: Start
}

/** In which state a delivery begins. */
export type Start =
  | { readonly kind: 'pending' }
  /** Not before `until`. */
  | { readonly kind: 'held'; readonly until: number; readonly reason: string }
  /** Recorded, and never attempted. */
  | { readonly kind: 'skipped'; readonly reason: string; readonly muted?: true }

/** A plan as a store takes it: with its deliveries' ids, when and why it was made, and by which configuration. */
export interface NewPlan {
  readonly at: number
  readonly cause: PlanCause
  /** Identifies the configuration. */
  readonly fingerprint: string
  readonly routes: readonly PlannedRoute[]
  readonly unrouted: boolean
  readonly stage?: Stage
  readonly deliveries: readonly NewDelivery[]
}

/** Why an event was planned: it arrived, it was released from quarantine, or a person replayed it. */
export type PlanCause = 'received' | 'quarantine' | 'replay'

export interface NewDelivery extends PlannedDelivery {
  readonly id: string
  /** Of a fallback, which no route planned; null or left out for others. */
  readonly standsInFor?: StandIn | null
}

export interface Making extends Pick<NewPlan, 'at' | 'cause' | 'fingerprint'> {
  /** Gives a new delivery its id. */
  readonly newId: () => string
}

export type MadePlan =
  | { readonly ok: true; readonly plan: NewPlan }
  | { readonly ok: false; readonly code: 'not_planned'; readonly message: string }

/** `plan`, ready for a store. An exception while planning is a bug that concerns only this event, so it is returned as a value. */
export function makePlan(
  planner: Planner,
  event: Event,
  { at, cause, fingerprint, newId }: Making,
  receiver?: string,
): MadePlan {
  try {
    const planned = plan(planner, event, { at, receiver })
    const deliveries = planned.deliveries.map((delivery) => ({ ...delivery, id: newId() }))
    return { ok: true, plan: { at, cause, fingerprint, ...planned, deliveries } }
  } catch (error) {
    const message = `unexpected error while it was routed: ${describeThrown(error)}`
    return { ok: false, code: 'not_planned', message }
  }
}

/** The part of a configuration that planning needs. */
export interface Planner {
  readonly router: Pick<Router, 'route'>
  /** The routes of notices; null if they go nowhere. */
  readonly notices?: Pick<Router, 'route'> | null
  /** Where each receiver's messages go. */
  readonly destinations: ReadonlyMap<string, readonly Destination[]>
  readonly lifecycles: readonly Lifecycle[]
}

export interface Planning {
  /** When it is planned; where it is left out, no route is muted. */
  readonly at?: number | undefined
  /** Plans for this receiver alone. */
  readonly receiver?: string | undefined
}

/**
 * The deliveries of an event, in the order of its routes. A destination that several routes or receivers share gets one
 * message, as soon as one of them allows. Throws for a receiver without an entry in `destinations`: the configuration was
 * checked for that.
 */
export function plan(planner: Planner, event: Event, { at, receiver }: Planning = {}): Plan {
  const { destinations, lifecycles } = planner
  const stage = stageOf(lifecycles, event)
  const { matches, unrouted } = routingOf(planner, event)
  const deliveries: PlannedDelivery[] = []
  for (const { route, receivers, template, muting } of matches) {
    const start = startOf(muting, at)
    for (const name of receivers) {
      if (receiver !== undefined && name !== receiver) continue
      const ofReceiver = destinations.get(name)
      if (ofReceiver === undefined)
        throw new Error(`route ${route} names a receiver without destinations: ${name}`)
      for (const destination of ofReceiver) {
        const conversation = stage === null ? null : conversationOf(stage, destination)
        deliveries.push({ route, receiver: name, destination, template, conversation, group: null, start })
      }
    }
  }
  const routes = matches.map(({ route, path, receivers }) => ({ route, path, receivers }))
  return { routes, unrouted, ...(stage !== null && { stage }), deliveries: onePerDestination(deliveries) }
}

function startOf(muting: Muting | undefined, at: number | undefined): Start {
  const muted = at === undefined ? null : (muting?.at(at) ?? null)
  if (muting === undefined || muted === null) return PENDING
  const { reason, until } = muted
  if (muting.whenMuted === 'drop') return { kind: 'skipped', reason, muted: true }
  return until === null
    ? { kind: 'skipped', reason: `${reason}, which does not end within a year`, muted: true }
    : { kind: 'held', until, reason }
}

const PENDING: Start = { kind: 'pending' }

/** Skips, of the deliveries to one destination, all but the one that is sent first. */
function onePerDestination(deliveries: readonly PlannedDelivery[]): readonly PlannedDelivery[] {
  const firsts = new Map<string, PlannedDelivery>()
  for (const delivery of deliveries) {
    const first = firsts.get(placeOf(delivery.destination))
    if (first === undefined || timeOf(delivery) < timeOf(first))
      firsts.set(placeOf(delivery.destination), delivery)
  }
  return deliveries.map((delivery) => {
    const first = firsts.get(placeOf(delivery.destination))
    if (first === undefined || first === delivery || delivery.start.kind === 'skipped') return delivery
    return { ...delivery, start: { kind: 'skipped', reason: `already sent by route ${first.route}` } }
  })
}

/** When it may be sent: Infinity where it never is. */
function timeOf({ start }: PlannedDelivery): number {
  if (start.kind === 'skipped') return Number.POSITIVE_INFINITY
  return start.kind === 'held' ? start.until : Number.NEGATIVE_INFINITY
}

/** Notices have routes of their own. A notice that they do not take is not reported as unrouted, which would cause another notice. */
function routingOf(planner: Planner, event: Event): Routing {
  const view = routingView(planner, event)
  if (event.source !== NOTICE_SOURCE) return planner.router.route(view)
  const { matches } = planner.notices?.route(view) ?? { matches: [] }
  const templated = matches.map((match) => ({ ...match, template: match.template ?? NOTICE_TEMPLATE }))
  return { matches: templated, unrouted: false }
}

/** What routes see of an event: of its lifecycle, only what follows from the event itself. */
export function routingView({ lifecycles }: Pick<Planner, 'lifecycles'>, event: Event): View {
  const stage = stageOf(lifecycles, event)
  const lifecycle = lifecycles.find(({ name }) => name === stage?.lifecycle)
  return viewOf(event, lifecycle === undefined ? null : lifecycleView(lifecycle, event, []))
}

export type Place = Pick<Destination, 'channel' | 'target'>

export function isSame(one: Place, other: Place): boolean {
  return one.channel === other.channel && one.target === other.target
}

/** How many messages of muted routes wait until they are not muted any more, and how many are not sent. */
export interface MutedCounts {
  readonly deferred: number
  readonly dropped: number
}

/** Empty where a plan has none, or there is no plan yet. */
export function mutedIn(plan: Pick<Plan, 'deliveries'> | null): { readonly muted?: MutedCounts } {
  const muted = (plan?.deliveries ?? []).filter(isMuted)
  if (muted.length === 0) return {}
  const deferred = muted.filter(({ start }) => start.kind === 'held').length
  return { muted: { deferred, dropped: muted.length - deferred } }
}

/** Its route is muted: it waits, or is not sent. */
export function isMuted({ start }: PlannedDelivery): boolean {
  return start.kind === 'held' || (start.kind === 'skipped' && start.muted === true)
}

/** A planned delivery as commands print it. */
export function plannedJson({ start, destination: { channel, target }, ...planned }: PlannedDelivery) {
  const { kind: state, ...more } = start
  const until = start.kind === 'held' ? { until: new Date(start.until).toISOString() } : {}
  return { ...planned, channel, target, state, ...more, ...until }
}

/** Why a planned delivery is not sent; null if it is. */
export function skippedBecause({ start }: Pick<PlannedDelivery, 'start'>): string | null {
  return start.kind === 'skipped' ? start.reason : null
}
