import t from 'tap'
import { owe } from '../../src/core/owe.ts'
import { compileRoutes } from '../../src/core/route.ts'
import { aView } from '../support/event.ts'

const slack = { channel: 'slack', target: '#deal-flow', lane: 'slack:#deal-flow' }
const ada = { channel: 'email', target: 'ada@example.com', lane: 'email:smtp' }
const ben = { channel: 'email', target: 'ben@example.com', lane: 'email:smtp' }
const targets = new Map([
  ['deal-flow', [slack]],
  ['partners', [ada, ben]],
  ['everyone', [slack, ada]],
  ['nobody', []],
])

t.test('a delivery for each target of each receiver, in the order of the routes', async (t) => {
  const routing = compileRoutes([
    { name: 'first', receivers: ['partners'], template: 'wide', continue: true },
    { receivers: ['nobody', 'deal-flow'] },
  ]).route(aView())
  t.strictSame(owe(routing, targets), [
    { route: 'first', receiver: 'partners', ...ada, template: 'wide' },
    { route: 'first', receiver: 'partners', ...ben, template: 'wide' },
    { route: 'routes[1]', receiver: 'deal-flow', ...slack, template: null },
  ])
})

t.test('a target that is owed already is skipped, and the reason names the route', async (t) => {
  const routing = compileRoutes([
    { name: 'first', receivers: ['everyone', 'deal-flow'], continue: true },
    { name: 'second', receivers: ['partners'], continue: true },
    { name: 'third', receivers: ['partners'] },
  ]).route(aView())
  t.same(
    owe(routing, targets).map(({ route, receiver, target, skipped }) => [route, receiver, target, skipped]),
    [
      ['first', 'everyone', '#deal-flow', undefined],
      ['first', 'everyone', 'ada@example.com', undefined],
      ['first', 'deal-flow', '#deal-flow', 'already owed by route first'],
      ['second', 'partners', 'ada@example.com', 'already owed by route first'],
      ['second', 'partners', 'ben@example.com', undefined],
      ['third', 'partners', 'ada@example.com', 'already owed by route first'],
      ['third', 'partners', 'ben@example.com', 'already owed by route second'],
    ],
  )
})

t.test('the same target in two channels is two messages', async (t) => {
  const both = new Map([['console', [{ ...slack, channel: 'console' }, slack]]])
  const routing = compileRoutes([{ receivers: ['console'] }]).route(aView())
  t.equal(owe(routing, both).filter((delivery) => delivery.skipped === undefined).length, 2)
})

t.test('unrouted events owe what `unrouted` says', async (t) => {
  t.same(owe(compileRoutes([]).route(aView()), targets), [])
  const caught = compileRoutes([], { receivers: ['deal-flow'] }).route(aView())
  t.strictSame(owe(caught, targets), [{ route: 'unrouted', receiver: 'deal-flow', ...slack, template: null }])
})

t.test('a receiver that was never set up is a bug, told loudly', async (t) => {
  const routing = compileRoutes([{ name: 'lost', receivers: ['nowhere'] }]).route(aView())
  t.throws(() => owe(routing, targets), { message: 'route lost names a receiver without targets: nowhere' })
})
