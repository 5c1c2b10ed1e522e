import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import type { View } from '../../../src/core/event.ts'
import { compileMatch, type Match } from '../../../src/core/match/match.ts'
import { compileRoutes, type RouteInput, type RouteMatch } from '../../../src/core/routing/route.ts'
import { aView } from '../../support/event.ts'

function match(raw: unknown): Match {
  const result = compileMatch(raw)
  if (!result.ok) throw new Error(JSON.stringify(result.problems))
  return result.match
}

const yes = match({ type: 'analysis.*' })
const no = match({ type: 'startup.*' })
const view = aView()

/** The routes that take the event, each by its path. */
function takers(routes: readonly RouteInput[]): string[] {
  return compileRoutes(routes)
    .route(view)
    .matches.map(({ path }) => path)
}

t.test('the first route that matches stops its siblings, unless it continues', async (t) => {
  t.same(takers([{ match: no }, { match: yes }, { match: yes }]), ['routes[1]'])
  t.same(takers([{ match: yes, continue: true }, { match: yes }, { match: yes }]), ['routes[0]', 'routes[1]'])
  t.same(takers([{ match: no, continue: true }, {}]), ['routes[1]'], 'without a match it matches everything')
  t.same(takers([{ continue: true }]), ['routes[0]'])
  t.same(takers([{ match: no }]), [])
  t.same(takers([]), [])
})

t.test("a route's own routes are tried first, and it takes what none of them takes", async (t) => {
  t.same(takers([{ routes: [{ match: no }, { match: yes }] }]), ['routes[0].routes[1]'])
  t.same(takers([{ routes: [{ match: no }] }]), ['routes[0]'])
  t.same(takers([{ match: no, routes: [{}] }]), [], 'a child cannot match where its parent does not')
  t.same(takers([{ routes: [{ continue: true }, {}] }]), ['routes[0].routes[0]', 'routes[0].routes[1]'])
})

t.test('`continue` decides about later siblings of its own route only', async (t) => {
  t.same(
    takers([{ routes: [{ continue: true }] }, {}]),
    ['routes[0].routes[0]'],
    'a child does not continue its parent',
  )
  t.same(takers([{ continue: true, routes: [{}, {}] }, {}]), ['routes[0].routes[0]', 'routes[1]'])
  t.same(takers([{ continue: true, match: yes, routes: [{ match: no }] }, {}]), ['routes[0]', 'routes[1]'])
})

t.test('a child inherits the receivers and the template that it leaves out', async (t) => {
  const { matches } = compileRoutes([
    {
      receivers: ['a', 'b'],
      template: 'wide',
      routes: [
        { continue: true },
        { continue: true, receivers: ['c'] },
        { continue: true, template: 'own', routes: [{}] },
        { continue: true, receivers: [] },
      ],
    },
  ]).route(view)
  t.same(
    matches.map(({ receivers, template }) => ({ receivers, template })),
    [
      { receivers: ['a', 'b'], template: 'wide' },
      { receivers: ['c'], template: 'wide' },
      { receivers: ['a', 'b'], template: 'own' },
      { receivers: [], template: 'wide' },
    ],
  )
  t.same(compileRoutes([{}]).route(view).matches, [
    { route: 'routes[0]', path: 'routes[0]', receivers: [], template: null },
  ])
})

t.test('a name stands for the route, and the path says where it is', async (t) => {
  const { matches } = compileRoutes([{ name: 'all', routes: [{ name: 'done', receivers: ['a'] }] }]).route(
    view,
  )
  t.match(matches, [{ route: 'done', path: 'routes[0].routes[0]' }])
})

t.test('an event that no route takes is unrouted', async (t) => {
  const routes = [{ match: no, receivers: ['a'] }]
  t.match(compileRoutes(routes).route(view), { matches: [], unrouted: true })
  t.match(compileRoutes(routes, { receivers: [] }).route(view), { matches: [], unrouted: true })
  t.match(compileRoutes(routes, { receivers: ['ops'] }).route(view), {
    matches: [{ route: 'unrouted', path: 'unrouted', receivers: ['ops'], template: null }],
    unrouted: true,
  })
  t.match(compileRoutes([{ match: yes }], { receivers: ['ops'] }).route(view), {
    matches: [{ path: 'routes[0]', receivers: [] }],
    unrouted: false,
  })
})

t.test('every route that was tried is visited, with what became of it', async (t) => {
  const router = compileRoutes([
    { match: no, routes: [{}] },
    { match: yes, continue: true, routes: [{ match: no }, { name: 'inner', receivers: ['a'] }, {}] },
    { match: yes, receivers: ['b'] },
    {},
  ])
  const visits = router.visits(view)
  t.match(visits, [
    {
      path: 'routes[0]',
      depth: 0,
      result: 'no_match',
      continued: false,
      conditions: [{ path: 'type', held: false }],
    },
    {
      path: 'routes[1]',
      depth: 0,
      result: 'child_took',
      continued: true,
      conditions: [{ path: 'type', held: true }],
    },
    { path: 'routes[1].routes[0]', depth: 1, result: 'no_match', continued: false },
    {
      path: 'routes[1].routes[1]',
      route: 'inner',
      depth: 1,
      result: 'took',
      continued: false,
      conditions: [],
    },
    { path: 'routes[2]', depth: 0, result: 'took', continued: false },
  ])
  t.equal(visits.length, 5, 'what was not tried is not visited')
})

// What a route may want of `data.fund`, and what fits it.
const funds = {
  one: { wanted: 'x', fits: ['x'] },
  list: { wanted: ['x', 'y'], fits: ['x', 'y'] },
  in: { wanted: { in: ['y', 'y'] }, fits: ['y'] },
  not: { wanted: { not: 'x' }, fits: [undefined, 'y', 'z'] },
  missing: { wanted: { exists: false }, fits: [undefined] },
  wildcard: { wanted: ['y', 'z*'], fits: ['y', 'z'] },
  both: { wanted: { in: ['x', 'y'], not: 'y' }, fits: ['x'] },
} as const

interface Tree {
  readonly type: string | null
  readonly score: number | null
  readonly fund: keyof typeof funds | null
  readonly receivers: readonly string[] | undefined
  readonly template: string | undefined
  readonly goesOn: boolean
  readonly below: readonly Tree[]
}

function toInput(tree: Tree): RouteInput {
  const conditions = {
    ...(tree.type !== null && { type: tree.type }),
    ...(tree.score !== null && { 'data.score': { gte: tree.score } }),
    ...(tree.fund !== null && { all: [{ 'data.fund': funds[tree.fund].wanted }] }),
  }
  return {
    match: Object.keys(conditions).length === 0 ? undefined : match(conditions),
    receivers: tree.receivers,
    template: tree.template,
    continue: tree.goesOn,
    routes: tree.below.map(toInput),
  }
}

type Taken = Omit<RouteMatch, 'route'>

/** Routing, implemented again: each route returns the routes that take the event at or below it. */
function naive(
  trees: readonly Tree[],
  path: string,
  above: Taken,
  event: { readonly type: string; readonly score: number; readonly fund: string | undefined },
): readonly Taken[] {
  const [tree, ...later] = trees
  if (tree === undefined) return []
  const index = Number(/\d+$/.exec(path)?.[0])
  const next = path.replace(/\d+$/, String(index + 1))
  const own: Taken = {
    path: `${path}]`,
    receivers: tree.receivers === undefined ? above.receivers : tree.receivers,
    template: tree.template === undefined ? above.template : tree.template,
  }
  const typeFits =
    tree.type === null || (tree.type === 'a.*' ? event.type.startsWith('a.') : tree.type === event.type)
  const accepted: readonly unknown[] | null = tree.fund === null ? null : funds[tree.fund].fits
  const fundFits = accepted?.includes(event.fund) ?? true
  const fits = typeFits && fundFits && (tree.score === null || event.score >= tree.score)
  const deeper = fits ? naive(tree.below, `${path}].routes[0`, own, event) : []
  const here = fits && deeper.length === 0 ? [own] : deeper
  const after = here.length > 0 && !tree.goesOn ? [] : naive(later, next, above, event)
  return [...here, ...after]
}

const treeOf = (depth: number): fc.Arbitrary<Tree> =>
  fc.record({
    type: fc.constantFrom(null, 'a.one', 'a.two', 'b.one', 'a.*'),
    score: fc.constantFrom(null, null, 3, 6),
    fund: fc.constantFrom(null, null, ...(Object.keys(funds) as (keyof typeof funds)[])),
    receivers: fc.constantFrom(undefined, [], ['r1'], ['r2', 'r3']),
    template: fc.constantFrom(undefined, 't1', 't2'),
    goesOn: fc.boolean(),
    below: depth === 0 ? fc.constant([]) : fc.array(treeOf(depth - 1), { maxLength: 3 }),
  })

/** A few routes with routes below them, or so many beside each other that candidates are found by an index. */
const forest = fc.oneof(
  fc.array(treeOf(3), { maxLength: 4 }),
  fc.array(treeOf(1), { minLength: 8, maxLength: 30 }),
)

t.test('routing equals a second, naive implementation', async () => {
  const top: Taken = { path: '', receivers: [], template: null }
  fc.assert(
    fc.property(
      forest,
      fc.record({
        type: fc.constantFrom('a.one', 'a.two', 'b.one', 'c'),
        score: fc.integer({ min: 0, max: 9 }),
        fund: fc.constantFrom(undefined, 'x', 'y', 'z'),
      }),
      (trees, { type, score, fund }) => {
        const event: View = aView({ score, ...(fund !== undefined && { fund }) }, { type })
        const router = compileRoutes(trees.map(toInput))
        const routing = router.route(event)
        const expected = naive(trees, 'routes[0', top, { type, score, fund })
        assert.deepEqual(
          routing.matches.map(({ route: _route, ...taken }) => taken),
          expected,
        )
        assert.equal(routing.unrouted, expected.length === 0)
        // The visits agree with the matches.
        assert.deepEqual(
          router
            .visits(event)
            .filter((visit) => visit.result === 'took')
            .map((visit) => visit.path),
          expected.map((taken) => taken.path),
        )
      },
    ),
    { numRuns: 1_000 },
  )
})
