import t from 'tap'
import { makePlan, plan, plannedJson, skippedBecause } from '../../../src/core/routing/plan.ts'
import { compileRoutes, type RouteInput } from '../../../src/core/routing/route.ts'
import { anEvent } from '../../support/event.ts'

const slack = { channel: 'slack', target: '#deal-flow', rateKey: 'slack:#deal-flow' }
const ada = { channel: 'email', target: 'ada@example.com', rateKey: 'email:smtp' }
const ben = { channel: 'email', target: 'ben@example.com', rateKey: 'email:smtp' }
const destinations = new Map([
  ['deal-flow', [slack]],
  ['partners', [ada, ben]],
  ['everyone', [slack, ada]],
  ['nobody', []],
])
const pending = { kind: 'pending' } as const

function planned(routes: readonly RouteInput[], receiver?: string) {
  return plan({ router: compileRoutes(routes), destinations, lifecycles: [] }, anEvent(), { receiver })
}

t.test('a delivery for each destination of each receiver, in the order of the routes', async (t) => {
  const { routes, unrouted, deliveries } = planned([
    { name: 'first', receivers: ['partners'], template: 'wide', continue: true },
    { receivers: ['nobody', 'deal-flow'] },
  ])
  t.equal(unrouted, false)
  t.strictSame(routes, [
    { route: 'first', path: 'routes[0]', receivers: ['partners'] },
    { route: 'routes[1]', path: 'routes[1]', receivers: ['nobody', 'deal-flow'] },
  ])
  t.match(deliveries, [
    { route: 'first', receiver: 'partners', destination: ada, template: 'wide', start: pending },
    { route: 'first', receiver: 'partners', destination: ben, template: 'wide', start: pending },
    { route: 'routes[1]', receiver: 'deal-flow', destination: slack, template: null, start: pending },
  ])
  t.equal(deliveries.length, 3)
})

t.test('a destination that is planned already is skipped, and the reason names the route', async (t) => {
  const { deliveries } = planned([
    { name: 'first', receivers: ['everyone', 'deal-flow'], continue: true },
    { name: 'second', receivers: ['partners'], continue: true },
    { name: 'third', receivers: ['partners'] },
  ])
  t.same(
    deliveries.map((delivery) => [
      delivery.route,
      delivery.receiver,
      delivery.destination.target,
      skippedBecause(delivery),
    ]),
    [
      ['first', 'everyone', '#deal-flow', null],
      ['first', 'everyone', 'ada@example.com', null],
      ['first', 'deal-flow', '#deal-flow', 'already sent by route first'],
      ['second', 'partners', 'ada@example.com', 'already sent by route first'],
      ['second', 'partners', 'ben@example.com', null],
      ['third', 'partners', 'ada@example.com', 'already sent by route first'],
      ['third', 'partners', 'ben@example.com', 'already sent by route second'],
    ],
  )
})

t.test('the same target in two channels is two messages', async (t) => {
  const both = new Map([['console', [{ ...slack, channel: 'console' }, slack]]])
  const router = compileRoutes([{ receivers: ['console'] }])
  const { deliveries } = plan({ router, destinations: both, lifecycles: [] }, anEvent())
  t.same(deliveries.map(skippedBecause), [null, null])
})

t.test('for one receiver alone, the routes are the same and the others get nothing', async (t) => {
  const routes = [{ name: 'all', receivers: ['everyone', 'partners'] }]
  const { routes: took, deliveries } = planned(routes, 'partners')
  t.same(took, planned(routes).routes)
  t.same(
    deliveries.map(({ receiver, destination, start }) => [receiver, destination.target, start.kind]),
    [
      ['partners', 'ada@example.com', 'pending'],
      ['partners', 'ben@example.com', 'pending'],
    ],
    'what another receiver would have sent first is not skipped for it',
  )
  t.same(planned(routes, 'deal-flow').deliveries, [])
})

t.test('an event that no route takes goes where `unrouted` says', async (t) => {
  t.strictSame(planned([]), { routes: [], unrouted: true, deliveries: [] })
  const router = compileRoutes([], { receivers: ['deal-flow'] })
  const { unrouted, deliveries } = plan({ router, destinations, lifecycles: [] }, anEvent())
  t.equal(unrouted, true)
  t.match(deliveries, [{ route: 'unrouted', receiver: 'deal-flow', destination: slack, start: pending }])
})

t.test('a receiver without destinations is a bug, and throws', async (t) => {
  t.throws(() => planned([{ name: 'lost', receivers: ['nowhere'] }]), {
    message: 'route lost names a receiver without destinations: nowhere',
  })
})

t.test('whatever planning throws is a value, on one line of bounded length', async (t) => {
  const making = { at: 0, cause: 'received', fingerprint: 'c0ffee', newId: () => 'dlv_1' } as const
  const throwing = (error: unknown) =>
    makePlan(
      {
        router: {
          route: () => {
            throw error
          },
        },
        destinations,
        lifecycles: [],
      },
      anEvent(),
      making,
    )
  const cases = [
    [new RangeError('too\n much \ud83d'), 'RangeError: too much \ufffd'],
    ['a string', 'a string'],
    [null, 'null'],
    [new Error('x'.repeat(5_000)), `Error: ${'x'.repeat(293)}`],
  ] as const
  for (const [thrown, words] of cases)
    t.strictSame(throwing(thrown), {
      ok: false,
      code: 'not_planned',
      message: `unexpected error while it was routed: ${words}`,
    })
})

t.test('as commands print it', async (t) => {
  const [sent, skipped] = planned([{ name: 'all', receivers: ['deal-flow', 'everyone'] }]).deliveries.map(
    plannedJson,
  )
  t.match(sent, {
    route: 'all',
    receiver: 'deal-flow',
    channel: 'slack',
    target: '#deal-flow',
    state: 'pending',
  })
  t.match(skipped, { receiver: 'everyone', state: 'skipped', reason: 'already sent by route all' })
})
