import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import { flowchart } from '../../../src/cli/routing/flowchart.ts'
import { compileMatch } from '../../../src/core/match/match.ts'
import { compileRoutes, type RouteInput } from '../../../src/core/routing/route.ts'
import { anyText } from '../../support/any-text.ts'
import { hookbridge } from '../../support/hookbridge.ts'
import { temporaryFolder } from '../../support/service.ts'

const yaml = `
sources:
  cuuro: { svix: { secrets: ["\${WEBHOOK_SECRET}"] } }
channels:
  slack: { token: "\${SLACK_BOT_TOKEN}" }
receivers:
  deal-flow: { slack: { channel: "#deal-flow" } }
  hook: { slack: { webhook_url: "\${HOOK_URL}" }, console: {} }
routes:
  - name: completed
    match: { type: analysis.completed }
    receivers: [deal-flow, hook]
    continue: true
  - match: { type: "analysis.*" }
    receivers: [deal-flow]
    template: default
    routes:
      - name: high scores
        match: { any: [{ data.score: { gte: 80 } }, { data.hot: true }], not: { source: demo } }
      - match: { data.score: { lt: 10 } }
        receivers: [hook]
`
const secretUrl = 'https://hooks.slack.com/services/T0/B0/only-this-test-knows'
const env = { HOOK_URL: secretUrl }

function configured(t: { teardown(action: () => void): unknown }, text: string): readonly string[] {
  const file = join(temporaryFolder(t), 'config.yaml')
  writeFileSync(file, text)
  return ['--config', file, 'routes']
}

t.test('the tree', async (t) => {
  const args = configured(t, yaml)
  const { code, out } = await hookbridge(args, { env })
  t.equal(code, 0)
  t.equal(
    out,
    `tried in order; the first that matches takes the event
├─ completed
│     if    type = analysis.completed
│     to    deal-flow, hook
│     ↓     then the next route is tried
├─ routes[1]
│  │  if    type = analysis.*
│  │  to    deal-flow, when no route below it takes the event
│  │  as    template default
│  ├─ high scores
│  │     if    (data.score >= 80 or data.hot = true) and not (source = demo)
│  │     to    deal-flow (inherited)
│  │     as    template default (inherited)
│  └─ routes[1].routes[1]
│        if    data.score < 10
│        to    hook
│        as    template default (inherited)
└─ events that no route takes
      to    no one; stored and counted as unrouted

RECEIVER   CHANNEL  TARGET
deal-flow  slack    #deal-flow
hook       slack    webhook:hook
hook       console  console
`,
  )
  const coloured = await hookbridge(args, { env, columns: 80 })
  t.not(coloured.out, out, 'coloured on a terminal')
  t.equal(coloured.out.replace(/\u001b\[\d+m/g, ''), out)
  t.equal((await hookbridge(args, { env: { ...env, NO_COLOR: '1' }, columns: 80 })).out, out)
})

t.test('a narrow terminal gets every word, on more lines', async (t) => {
  const long = 'x'.repeat(150)
  const args = configured(
    t,
    yaml.replace('type: analysis.completed', `type: [${long}, "many words ${'and more '.repeat(20)}"]`),
  )
  const { out } = await hookbridge(args, { env: { ...env, NO_COLOR: '1' }, columns: 60 })
  for (const line of out.split('\n')) t.ok(line.length <= 60, line)
  const words = out.replaceAll(/[\s│]+/g, '')
  t.ok(words.includes(long), 'a word that fits no line is broken')
  t.ok(words.includes('andmore'.repeat(20)))
})

t.test('a last route that takes everything leaves nothing unrouted', async (t) => {
  const args = configured(t, `${yaml}  - name: the rest\n    receivers: [hook]\n`)
  t.match((await hookbridge(args, { env })).out, /to {4}nothing: "the rest" takes every event/)
  t.notMatch((await hookbridge([...args, '--mermaid'], { env })).out, /unrouted/)
})

t.test('as JSON', async (t) => {
  const { out } = await hookbridge([...configured(t, yaml), '--json'], { env })
  t.match(JSON.parse(out), {
    routes: [
      {
        route: 'completed',
        path: 'routes[0]',
        match: 'type = analysis.completed',
        continue: true,
        inherited: [],
      },
      {
        route: 'routes[1]',
        receivers: ['deal-flow'],
        routes: [
          { path: 'routes[1].routes[0]', receivers: ['deal-flow'], inherited: ['receivers', 'template'] },
          { inherited: ['template'] },
        ],
      },
    ],
    unrouted: null,
    receivers: { hook: [{ channel: 'slack', target: 'webhook:hook' }, { channel: 'console' }] },
  })
  t.notOk(out.includes(secretUrl))
  t.match(await hookbridge([...configured(t, yaml), '--json', '--mermaid'], { env }), { code: 2 })
})

t.test('as a flowchart', async (t) => {
  const { code, out } = await hookbridge([...configured(t, yaml), '--mermaid'], { env })
  t.equal(code, 0)
  const { nodes, arrows } = parse(out)
  t.strictSame(nodes.get('receiver1'), 'hook\nslack webhook:hook\nconsole')
  t.strictSame(
    nodes.get('route1_0'),
    'high scores\n(data.score >= 80 or data.hot = true) and not (source = demo)\ntemplate default',
  )
  for (const arrow of [
    'events -> route0',
    'route0 -> receiver0',
    'route0 -then-> route1',
    'route1 -first-> route1_0',
    'route1 -else-> receiver0',
    'route1_0 -inherited-> receiver0',
    'route1_0 .no match.> route1_1',
    'route1 .no route took it.> unrouted',
  ])
    t.ok(arrows.includes(arrow), arrow)
})

/** What a label may consist of: letters, harmless punctuation, entities and line breaks. */
const LABEL = /^(?:[\p{L}\p{M}\p{N} .,/()@=-]|#\d+;|<br\/>)*$/u
const NODE = /^ {2}(\w+)(?:\["([^"]*)"\]|\(\["([^"]*)"\]\))$/u
const ARROW = /^ {2}(\w+) (?:-->|-- "([a-z ,]+)" -->|-\. "([a-z ]+)" \.->) (\w+)$/u

/** Reads the part of Mermaid's syntax that we write; throws for anything else. */
function parse(chart: string): {
  readonly nodes: ReadonlyMap<string, string>
  readonly arrows: readonly string[]
} {
  const [first, ...lines] = chart.trimEnd().split('\n')
  if (first !== 'flowchart LR') throw new Error(`no flowchart: ${first}`)
  const nodes = new Map<string, string>()
  const arrows: { from: string; to: string; text: string }[] = []
  for (const line of lines) {
    const [, id = '', square, round] = NODE.exec(line) ?? []
    const label = square ?? round
    if (label !== undefined) {
      if (!LABEL.test(label) || /^[^\p{L}#]/u.test(label) || nodes.has(id))
        throw new Error(`bad node: ${line}`)
      nodes.set(id, decoded(label))
      continue
    }
    const [, from, solid = '', dotted, to] = ARROW.exec(line) ?? []
    if (from === undefined || to === undefined) throw new Error(`neither node nor arrow: ${line}`)
    arrows.push({
      from,
      to,
      text: dotted === undefined ? `${from} -${solid}-> ${to}` : `${from} .${dotted}.> ${to}`,
    })
  }
  for (const { from, to, text } of arrows) {
    if (!nodes.has(from) || !nodes.has(to)) throw new Error(`an arrow without its nodes: ${text}`)
  }
  return { nodes, arrows: arrows.map(({ text }) => text.replace('--', '-')) }
}

function decoded(label: string): string {
  return label
    .replaceAll('<br/>', '\n')
    .replaceAll(/#(\d+);/g, (_, code: string) => String.fromCodePoint(Number(code)))
}

const nasty = fc.oneof(
  fc.constantFrom(
    'end',
    'subgraph x',
    'say "hi"',
    'a]; b[',
    '#quot;',
    '#35;',
    '%%{init: {}}%%',
    '`code`',
    '1. one',
    '- list',
    '# title',
    'fa:fa-user',
    '<script>',
    '$$x$$',
    'line\nbreak',
    'größe 漢字 👍',
    'a --> b',
    'click x href',
    '&amp;',
    '',
  ),
  anyText({ maxLength: 30 }),
)

t.test('no name and no pattern can break the flowchart', async (t) => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(nasty, nasty, nasty, fc.boolean()), { minLength: 1, maxLength: 4 }),
      (rows) => {
        const routes = rows.map(([name, pattern, template, goesOn]): RouteInput => {
          const compiled = compileMatch({ type: pattern })
          if (!compiled.ok) throw new Error('no match')
          return { name, match: compiled.match, template, continue: goesOn, receivers: [name] }
        })
        const targets = new Map(
          rows.map(([name, , target]) => [name, [{ channel: 'slack', target, rateKey: 'x' }]]),
        )
        const { nodes } = parse(flowchart(compileRoutes(routes), targets))
        for (const [index, [name]] of rows.entries()) {
          const shown = nodes.get(`route${index}`) ?? ''
          if (!shown.startsWith(visible(name))) throw new Error(`${JSON.stringify(name)} became ${shown}`)
        }
      },
    ),
    { numRuns: 200 },
  )
  t.throws(() => parse('flowchart LR\n  a["x"y"]'), /neither/)
  t.throws(() => parse('flowchart LR\n  a["x;#y"]'), /bad node/)
  t.throws(() => parse('flowchart LR\n  a --> b'), /without its nodes/)
})

function visible(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]+/gu, ' ')
}
