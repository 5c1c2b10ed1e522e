import { deepStrictEqual } from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { createEngine } from '../../../src/core/template/template.ts'
import { readVariables } from '../../../src/core/template/variables.ts'

const escapeText = (text: string) => text.replaceAll('<', '&lt;').replaceAll('"', '&quot;')
const write = (text: string, view: object) => readVariables(text, escapeText)?.(view)

t.test('text and variables are written without the engine', async (t) => {
  const view = { a: '<x>', n: { one: 1, yes: true, none: null, deep: { b: 'B' } }, list: ['l'] }
  t.equal(write('', view), '')
  t.equal(write('text with { braces } and {', view), 'text with { braces } and {')
  t.equal(write('{{a}}, {{ a | raw }} and {{ n.deep.b }}!', view), '&lt;x>, <x> and B!')
  t.equal(write('{{ n.one }}{{\tn.yes }}', view), '1true')
  for (const text of [
    '{{ missing }}',
    '{{ n.none }}',
    '{{ n }}',
    '{{ list }}',
    '{{ n.deep.b.c }}',
    '{{ toString }}',
  ])
    t.equal(write(text, view), undefined, `the engine decides about ${text}`)
  for (const text of [
    '{{- a }}',
    '{{ a | upcase }}',
    '{% if a %}{% endif %}',
    '{{ n["one"] }}',
    '{{ a',
    '{{{ a }}}',
    '{{ "a" }}',
    '{{ list.size }}',
    '{{ nil }}',
  ])
    t.equal(readVariables(text, escapeText), null, `the engine decides about ${text}`)
})

// Names that mean something to the language, to JavaScript, or to nobody stand among the others.
const name = fc.oneof(
  { weight: 9, arbitrary: fc.constantFrom('a', 'b') },
  {
    weight: 1,
    arbitrary: fc.constantFrom('size', 'first', 'true', 'nil', 'empty', 'constructor', '__proto__', 'none'),
  },
)
const { any: value } = fc.letrec((tie) => ({
  any: fc.oneof(
    { maxDepth: 3 },
    fc.oneof(fc.string(), fc.double(), fc.boolean(), fc.constant(null)),
    fc.array(tie('any'), { maxLength: 2 }),
    fc.dictionary(name, tie('any'), { maxKeys: 4 }),
  ),
}))
const variable = fc
  .record({
    path: fc.array(name, { minLength: 1, maxLength: 3 }),
    before: fc.constantFrom('', ' ', ' ', '\t', '\n'),
    after: fc.constantFrom('', ' ', ' | raw', '| raw ', ' | upcase'),
  })
  .map(({ path, before, after }) => `{{${before}${path.join('.')}${after}}}`)
const text = fc.oneof(
  { weight: 4, arbitrary: fc.string() },
  { weight: 1, arbitrary: fc.constantFrom('{', '}', '{{', '}}', '|', '\n', '{%', '{{- ', ' -}}') },
)
const template = fc.array(fc.oneof(variable, text), { maxLength: 3 }).map((pieces) => pieces.join(''))
const words = fc.oneof(fc.string(), fc.double(), fc.boolean())
const view = fc.record({ a: fc.oneof(words, value), b: fc.record({ a: words, b: value }) })

t.test('what is written is what the engine writes', async (t) => {
  const engine = createEngine(escapeText)
  // A tag that writes nothing, and is reason enough for the engine.
  const tag = '{% capture nothing %}{% endcapture %}'
  const outcome = (template: string, view: object) => {
    try {
      return engine.compile(template).render(view)
    } catch {
      return 'wrong'
    }
  }
  let compared = 0
  fc.assert(
    fc.property(template, view, (template, view) => {
      deepStrictEqual(outcome(template, view), outcome(tag + template, view))
      if (template.includes('{{') && write(template, view) !== undefined) compared += 1
    }),
    { numRuns: 3_000 },
  )
  t.ok(compared > 50, `${compared} templates with variables were written without it`)
})
