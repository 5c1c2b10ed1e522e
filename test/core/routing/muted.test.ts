import t from 'tap'
import { isMuted, mutedIn, type PlannedDelivery, plan, plannedJson } from '../../../src/core/routing/plan.ts'
import { compileRoutes, type RouteInput, type TimeIntervals } from '../../../src/core/routing/route.ts'
import { anEvent } from '../../support/event.ts'

const slack = { channel: 'slack', target: '#deal-flow', rateKey: 'slack:#deal-flow' }
const ada = { channel: 'email', target: 'ada@example.com', rateKey: 'email:smtp' }
const destinations = new Map([
  ['deal-flow', [slack]],
  ['partners', [ada]],
])
const daily = (from: number, to: number) => ({
  times: [{ from: from * 60, to: to * 60 }],
  weekdays: null,
  daysOfMonth: null,
  months: null,
  years: null,
  location: 'UTC',
})
const intervals: TimeIntervals = new Map([
  ['mornings', { name: 'mornings', parts: [daily(0, 8)] }],
  ['evenings', { name: 'evenings', parts: [daily(18, 24)] }],
  ['office', { name: 'office', parts: [daily(9, 17)] }],
  ['always', { name: 'always', parts: [daily(0, 24)] }],
])
const at = (hour: number) => Date.UTC(2026, 10, 28, hour)

function startsOf(routes: readonly RouteInput[], hour?: number) {
  const router = compileRoutes(routes, undefined, intervals)
  const { deliveries } = plan({ router, destinations, lifecycles: [] }, anEvent(), {
    at: hour === undefined ? undefined : at(hour),
  })
  return deliveries
}

function shown({ start }: PlannedDelivery): string {
  if (start.kind === 'held') return `until ${new Date(start.until).getUTCHours()}: ${start.reason}`
  return start.kind === 'skipped' ? start.reason : start.kind
}

t.test('the messages of a muted route wait until it is not muted', async (t) => {
  const route = { receivers: ['deal-flow'], mute_time_intervals: ['mornings', 'evenings'] }
  t.same(startsOf([route], 7).map(shown), ['until 8: muted by the time interval mornings'])
  t.same(startsOf([route], 8).map(shown), ['pending'])
  t.same(
    startsOf([route], 20).map(plannedJson),
    [
      {
        route: 'routes[0]',
        receiver: 'deal-flow',
        channel: 'slack',
        target: '#deal-flow',
        template: null,
        conversation: null,
        group: null,
        state: 'held',
        until: '2026-11-29T08:00:00.000Z',
        reason: 'muted by the time interval evenings',
      },
    ],
    'in the evening until the end of the next morning',
  )
  t.same(startsOf([route]).map(shown), ['pending'], 'at no particular time it is not muted')
})

t.test('a route is muted outside its active times', async (t) => {
  const route = { receivers: ['deal-flow'], active_time_intervals: ['office'] }
  t.same(startsOf([route], 8).map(shown), ['until 9: muted outside the time interval office'])
  t.same(startsOf([route], 9).map(shown), ['pending'])
})

t.test('drop: they are recorded as skipped', async (t) => {
  const route = { receivers: ['deal-flow'], mute_time_intervals: ['mornings'], when_muted: 'drop' } as const
  t.same(startsOf([route], 7).map(shown), ['muted by the time interval mornings'])
  t.same(startsOf([route], 9).map(shown), ['pending'])
})

t.test('a mute that does not end within a year drops them', async (t) => {
  const route = { receivers: ['deal-flow'], mute_time_intervals: ['always'] }
  t.same(startsOf([route], 9).map(shown), [
    'muted by the time interval always, which does not end within a year',
  ])
})

t.test('a route below inherits it, may have its own, or is critical', async (t) => {
  const below = (route: RouteInput) => [
    {
      receivers: ['deal-flow'],
      mute_time_intervals: ['mornings'],
      when_muted: 'drop' as const,
      routes: [{ name: 'below', ...route }],
    },
  ]
  t.same(startsOf(below({}), 7).map(shown), ['muted by the time interval mornings'])
  t.same(startsOf(below({ when_muted: 'defer' }), 7).map(shown), [
    'until 8: muted by the time interval mornings',
  ])
  t.same(startsOf(below({ mute_time_intervals: [] }), 7).map(shown), ['pending'])
  t.same(startsOf(below({ mute_time_intervals: ['evenings'] }), 7).map(shown), ['pending'])
  t.same(startsOf(below({ active_time_intervals: ['office'] }), 8).map(shown), [
    'muted outside the time interval office',
  ])
  t.same(startsOf(below({ critical: true }), 7).map(shown), ['pending'])
  const critical = [{ ...below({ critical: false })[0], critical: true }]
  t.same(startsOf(critical, 7).map(shown), ['muted by the time interval mornings'])
})

t.test('a destination of several routes gets the message as soon as one of them allows', async (t) => {
  const muted = { name: 'muted', receivers: ['deal-flow'], mute_time_intervals: ['mornings'], continue: true }
  const dropped = { ...muted, name: 'dropped', when_muted: 'drop' } as const
  const later = {
    ...muted,
    name: 'later',
    mute_time_intervals: ['mornings'],
    active_time_intervals: ['office'],
  }
  const open = { name: 'open', receivers: ['deal-flow'], continue: true }
  t.same(startsOf([muted, open], 7).map(shown), ['already sent by route open', 'pending'])
  t.same(startsOf([dropped, open], 7).map(shown), ['muted by the time interval mornings', 'pending'])
  t.same(startsOf([later, muted, dropped], 7).map(shown), [
    'already sent by route muted',
    'until 8: muted by the time interval mornings',
    'muted by the time interval mornings',
  ])
  t.same(startsOf([muted, open], 9).map(shown), ['pending', 'already sent by route muted'])
})

t.test('what is muted is counted, and what another route has sent is not', async (t) => {
  const routes = [
    { receivers: ['deal-flow'], mute_time_intervals: ['mornings'], continue: true },
    { receivers: ['deal-flow'], mute_time_intervals: ['mornings'], continue: true },
    { receivers: ['partners'], mute_time_intervals: ['mornings'], when_muted: 'drop' } as const,
  ]
  t.same(mutedIn({ deliveries: startsOf(routes, 7) }), { muted: { deferred: 1, dropped: 1 } })
  t.same(startsOf(routes, 7).map(isMuted), [true, false, true])
  t.same(mutedIn({ deliveries: startsOf(routes, 9) }), {})
  t.same(mutedIn(null), {})
})

t.test('a time interval that is missing is a bug, and throws', async (t) => {
  t.throws(() => compileRoutes([{ receivers: [], mute_time_intervals: ['nowhere'] }]), /missing: nowhere/)
})
