import { deepStrictEqual } from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import fc from 'fast-check'
import { Liquid } from 'liquidjs'
import t from 'tap'
import { toClosures } from '../../../src/core/template/closures/closures.ts'
import type { PartialFile } from '../../../src/core/template/partials.ts'
import { createEngine, TemplateError } from '../../../src/core/template/template.ts'

// Closures leave it to LiquidJS, and with it the whole template.
const LEFT = '{% capture nothing %}{% endcapture %}'
const partials = new Map<string, PartialFile>([
  ['plain', { path: '_plain.liquid', text: '<{{ a }}{% assign a = "set in it" %}{{ a }}>' }],
  [
    'loop',
    { path: '_loop.liquid', text: '{% for item in list %}{{ item }}{% render "plain" %}{% endfor %}' },
  ],
])
const engine = createEngine((text) => text.replaceAll('<', '&lt;'), {
  safe: { safe: true, apply: (value, argument) => `[${value}|${argument}]` },
})
const fields = { a: null, b: null, list: null, none: null }

function outcome(text: string, view: object) {
  try {
    return engine.compile(text, fields, partials).render(view)
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error
    return error.message
  }
}

function closuresOf(text: string) {
  const templates = Object.fromEntries([...partials].map(([name, { text }]) => [name, text]))
  const liquid = new Liquid({
    outputEscape: String,
    ownPropertyOnly: true,
    lenientIf: true,
    templates,
    cache: true,
  })
  return toClosures(liquid, liquid.parse(text), { toText: String, escapeText: String })
}

t.test('parts of the language that need no LiquidJS', async (t) => {
  const view = { a: 'A', b: { c: 1, d: null, yes: true }, list: ['x', 'y'], none: null }
  const write = (text: string) => closuresOf(text)?.(view)
  t.equal(write('a {{ a }} {{ b.c }}'), 'a A 1')
  t.equal(write('{% if a %}yes{% else %}no{% endif %}{% if missing %}yes{% elsif b.d %}d{% endif %}'), 'yes')
  t.equal(
    write('{% unless none %}none{% endunless %}{% unless a %}{% elsif b.yes %}b{% endunless %}'),
    'noneb',
  )
  t.equal(
    write('{% for item in list %}{{ item }}{% unless forloop.last %}, {% endunless %}{% endfor %}'),
    'x, y',
  )
  t.equal(write('{% for item in none %}{% else %}empty{% endfor %}'), 'empty')
  t.equal(write('{% assign what = a | downcase | append: b.c %}{{ what }}'), 'a1')
  t.equal(write('{% if a == "A" and list contains "x" %}both{% endif %}'), 'both')
  t.equal(write('{% render "loop" %}'), 'x<Aset in it>y<Aset in it>')
  t.equal(
    write('{{ list.size }}{{ missing | default: "d" }}{% # a remark %}{% comment %} {% endcomment %}'),
    '2d',
  )
})

t.test('what is left to LiquidJS', async (t) => {
  const view = { a: 'A', b: {}, list: [1] }
  for (const text of [
    LEFT,
    '{% case a %}{% when "A" %}{% endcase %}',
    '{% for item in list limit: 1 %}{% endfor %}',
    '{% for item in (1..3) %}{% endfor %}',
    '{% render "plain", a: 1 %}',
    '{% render "plain" for list as a %}',
    '{{ a.constructor }}{{ constructor }}',
    '{{ list[0] }}',
    '{{ list | where_exp: "x", "x == 1" }}',
  ])
    t.equal(closuresOf(text), null, text)
  for (const text of [
    '{{ missing }}',
    '{{ b.missing }}',
    '{{ a.size }}',
    '{{ b.size }}',
    '{{ nil }}',
    '{{ list | raw }}',
  ])
    t.equal(closuresOf(text)?.(view), undefined, text)
})

t.test('a rendering that would go on is left to LiquidJS, and its limit', async (t) => {
  const view = { list: Array.from({ length: 500 }, (_, index) => index) }
  const nested =
    '{% for x in list %}{% for y in list %}{% for z in list %}.{% endfor %}{% endfor %}{% endfor %}'
  t.equal(closuresOf(nested)?.(view), undefined)
})

t.test('closures render the shipped templates of events', async (t) => {
  const folder = 'templates'
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) =>
    /\.(?:liquid|yaml|md|txt|html)$/.test(file),
  )
  const templates = Object.fromEntries(
    files
      .filter((file) => file.endsWith('.liquid'))
      .map((file) => [file.slice(1, -'.liquid'.length), readFileSync(`${folder}/${file}`, 'utf8')]),
  )
  const liquid = new Liquid({ outputEscape: String, templates, cache: true })
  for (const filter of ['slack_link', 'slack_date']) liquid.registerFilter(filter, String)
  // Notices are rare, and have `{% case %}`.
  for (const file of files.filter((file) => !/notice/.test(file))) {
    const text = readFileSync(`${folder}/${file}`, 'utf8')
    t.ok(toClosures(liquid, liquid.parse(text), { toText: String, escapeText: String }), file)
  }
})

const name = fc.constantFrom(
  'a',
  'b.c',
  'b.d',
  'b',
  'list',
  'list.size',
  'none',
  'none.x',
  'missing',
  'item',
  'item.c',
  'set',
)
const literal = fc.constantFrom('"text"', '1', 'true', 'false', 'nil', 'empty', 'blank')
const operand = fc.oneof({ weight: 4, arbitrary: name }, { weight: 1, arbitrary: literal })
const filter = fc.constantFrom(
  '',
  ' | upcase',
  ' | append: a',
  ' | default: "d"',
  ' | size',
  ' | raw',
  ' | safe: b.c',
  ' | where: "c", 1 | size',
  ' | where: "c" | first',
  ' | plus: 1',
)
const value = fc.tuple(operand, filter).map((parts) => parts.join(''))
const comparison = fc.constantFrom('==', '!=', '<', '>=', 'contains', 'and', 'or')
const condition = fc.oneof(
  operand,
  fc.tuple(operand, comparison, operand).map((parts) => parts.join(' ')),
  fc.tuple(operand, comparison, operand, comparison, operand).map((parts) => parts.join(' ')),
)
const { part } = fc.letrec<{ part: string; parts: string }>((tie) => ({
  part: fc.oneof(
    { maxDepth: 3 },
    fc.oneof(
      fc.constantFrom('text', '\n', '{% render "plain" %}', '{% render "loop" %}'),
      value.map((value) => `{{ ${value} }}`),
      value.map((value) => `{%- assign set = ${value} -%}`),
      fc.constantFrom('{{ forloop.index }}', '{% if forloop.last %}last{% endif %}', '{{ forloop.length }}'),
    ),
    fc
      .tuple(condition, tie('parts'), tie('parts'))
      .map(([c, one, other]) => `{% if ${c} %}${one}{% else %}${other}{% endif %}`),
    fc.tuple(condition, tie('parts')).map(([c, one]) => `{% unless ${c} %}${one}{% endunless %}`),
    fc
      .tuple(name, tie('parts'), tie('parts'))
      .map(([n, one, other]) => `{% for item in ${n} %}${one}{% else %}${other}{% endfor %}`),
  ),
  parts: fc.array(tie('part'), { maxLength: 3 }).map((parts) => parts.join('')),
}))
const json = fc.oneof(
  fc.string(),
  fc.double(),
  fc.boolean(),
  fc.constant(null),
  fc.array(fc.oneof(fc.string(), fc.constant({ c: 1 }), fc.constant({ c: 2 }), fc.constant(null)), {
    maxLength: 3,
  }),
)
const view = fc.record(
  {
    a: json,
    b: fc.oneof(json, fc.record({ c: json, d: json }, { requiredKeys: [] })),
    list: json,
    none: fc.constant(null),
  },
  { requiredKeys: ['none'] },
)

t.test('closures render what LiquidJS renders', async (t) => {
  let compared = 0
  fc.assert(
    fc.property(fc.array(part, { maxLength: 4 }), view, (parts, view) => {
      const text = parts.join('')
      deepStrictEqual(outcome(text, view), outcome(LEFT + text, view))
      compared += 1
    }),
    { numRuns: 300 },
  )
  t.equal(compared, 300)
})
