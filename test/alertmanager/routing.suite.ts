/**
 * Our routing held against Alertmanager's own: random routes and events, ours in their words and theirs in ours.
 *
 * What differs, and how it is translated:
 * - There the root matches everything and its receiver is the fallback: our `unrouted`. Going the other way the root
 *   becomes a route of ours without a match.
 * - There a missing label is an empty one: `a=""` holds, and so does `a=~"x?"`. Here a missing field satisfies only
 *   `exists: false` and `not`. Ours to theirs, every value is a label with its type in front (`text:`, `number:1`), so
 *   that only a missing one is empty. Theirs to ours, a matcher that takes the empty text also takes `exists: false`.
 * - There a route has one receiver: a set of ours is one name. A route at the top without receivers has none here, and
 *   would have the root's there: it gets a name for nobody.
 * - There a route's matchers must all hold. `any`, `not` and lists become siblings of which one at most matches.
 * - There numbers do not compare: `gt` and the like are made of ten digits, and those that hold are listed.
 * - There a receiver is inherited, as here; `template` does not exist, so that it is not generated.
 * - A regular expression is anchored RE2 in both. Behind the type that stands in front, `^` would not hold: ours to
 *   theirs it is not generated, theirs to ours it is.
 * Not translated, and so not generated: fields that hold mappings, lists within lists, numbers other than the digits,
 * texts with angle brackets (they part a list's elements), and texts beyond the 65,536 characters that `regex` reads.
 *
 * PROPERTY_SEED=N repeats a run.
 */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import t, { type Test } from 'tap'
import { stringify } from 'yaml'
import { loadConfig } from '../../src/config/load.ts'
import type { View } from '../../src/core/event.ts'
import { compileMatch } from '../../src/core/match/match.ts'
import { compileRoutes, type RouteInput, type Router } from '../../src/core/routing/route.ts'
import { environment, temporaryFolder } from '../support/service.ts'
import { installAmtool, type Labels, receiversOf } from './amtool.ts'
import { joined, type OurRoute, ourEvent, ourRoutes, receiverNames, toTheirs } from './ours.ts'
import {
  alertmanagerConfig,
  countRoutes,
  rootReceiver,
  type TheirRoute,
  theirAlert,
  theirRoutes,
  toOurs,
} from './theirs.ts'

const TREES = 500
const EVENTS_A_TREE = 3
/** Alternatives multiply: a tree whose translation is larger is another one. */
const LARGEST_TREE = 1_000
const UNROUTED = 'unrouted'
const seed = Number(process.env.PROPERTY_SEED ?? Date.now() % 0x7fffffff)

interface Case {
  readonly labels: Labels
  readonly view: View
}

interface Trees {
  readonly ours: readonly OurRoute[]
  readonly theirs: readonly TheirRoute[]
  /** Whom their root notifies. */
  readonly root: string
}

/** Every answer that was compared: how many routes took the event, 0 where it was left to the fallback. */
class Comparison {
  readonly takers: number[] = []
  readonly #folder: string

  constructor(folder: string) {
    this.#folder = folder
  }

  async compare(trees: Trees, cases: readonly Case[]): Promise<void> {
    const file = join(this.#folder, 'alertmanager.yml')
    writeFileSync(file, JSON.stringify(alertmanagerConfig(trees.root, trees.theirs)))
    const routers = [compiled(trees.ours), loaded(join(this.#folder, 'config.yaml'), trees.ours)]
    const answers = await Promise.all(cases.map(({ labels }) => receiversOf(file, labels)))
    for (const [index, { view }] of cases.entries()) {
      for (const router of routers) assert.deepEqual(takers(router, view), answers[index])
      this.takers.push(answers[index]?.[0] === trees.root ? 0 : (answers[index]?.length ?? 0))
    }
  }

  share(holds: (takers: number) => boolean): number {
    return this.takers.filter(holds).length / this.takers.length
  }
}

function takers(router: Router, view: View): string[] {
  const { matches, unrouted } = router.route(view)
  return unrouted ? [UNROUTED] : matches.map(({ receivers }) => joined(receivers))
}

function compiled(routes: readonly OurRoute[]): Router {
  return compileRoutes(routes.map(toInput))
}

function toInput({ match, routes, ...route }: OurRoute): RouteInput {
  const result = match === undefined ? undefined : compileMatch(match)
  if (result?.ok === false) throw new Error(JSON.stringify(result.problems))
  return { ...route, match: result?.match, routes: routes?.map(toInput) }
}

/** The same routes written to a file as a person writes them, and read as the service does. */
function loaded(file: string, routes: readonly OurRoute[]): Router {
  const names = [...receiverNames, rootReceiver]
  const config = {
    sources: { cuuro: { svix: { secrets: ['${WEBHOOK_SECRET}'] } } },
    receivers: Object.fromEntries(names.map((name) => [name, { console: {} }])),
    // Without `pick` it may have any field.
    enrich: [{ name: 'score', get: 'https://api.example.com/{{ data.id }}' }],
    routes: routes.map((route) => withoutVariables({ ...route })),
    unrouted: { receivers: ['ann'] },
  }
  writeFileSync(file, stringify(config))
  const result = loadConfig(file, environment)
  if (!result.ok) throw new Error(JSON.stringify(result.problems))
  return result.compiled.router
}

function withoutVariables(value: unknown): unknown {
  if (typeof value === 'string') return value.replaceAll('$', '$$$$')
  if (Array.isArray(value)) return value.map(withoutVariables)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, withoutVariables(item)]))
}

t.before(() => {
  t.comment(`${installAmtool()}; PROPERTY_SEED=${seed}`)
})

t.test('our routes in their words', async (t) => {
  const comparison = new Comparison(temporaryFolder(t))
  const cases = fc.array(ourEvent, { minLength: EVENTS_A_TREE, maxLength: EVENTS_A_TREE })
  await fc.assert(
    fc.asyncProperty(ourRoutes, cases, async (ours, events) => {
      const theirs = ours.flatMap((route) => toTheirs(route))
      fc.pre(countRoutes(theirs) <= LARGEST_TREE)
      await comparison.compare({ ours, theirs, root: UNROUTED }, events)
    }),
    { numRuns: TREES, seed },
  )
  comparesMuch(t, comparison)
})

t.test('their routes in our words', async (t) => {
  const comparison = new Comparison(temporaryFolder(t))
  const cases = fc.array(theirAlert, { minLength: EVENTS_A_TREE, maxLength: EVENTS_A_TREE })
  await fc.assert(
    fc.asyncProperty(theirRoutes, cases, async (theirs, alerts) => {
      await comparison.compare({ ours: [toOurs(theirs)], theirs, root: rootReceiver }, alerts)
    }),
    { numRuns: TREES, seed },
  )
  comparesMuch(t, comparison)
})

/** Agreement about events that nothing takes would prove little. */
function comparesMuch(t: Test, comparison: Comparison): void {
  const percent = (holds: (takers: number) => boolean) => Math.round(comparison.share(holds) * 100)
  const [none, one, more] = [percent((n) => n === 0), percent((n) => n === 1), percent((n) => n > 1)]
  t.comment(
    `${comparison.takers.length} events: ${none}% left over, ${one}% taken once, ${more}% several times`,
  )
  t.ok(comparison.takers.length >= TREES * EVENTS_A_TREE, 'every event was compared')
  for (const share of [none, one, more]) t.ok(share >= 5, 'each kind of answer was compared often')
}
