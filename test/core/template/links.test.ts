import fc from 'fast-check'
import t from 'tap'
import type { View } from '../../../src/core/event.ts'
import type { Json } from '../../../src/core/json/json.ts'
import { compileLinks } from '../../../src/core/template/urls/links.ts'
import { anyText } from '../../support/any-text.ts'

function view(type: string, data: Json): View {
  const event = { id: 'evt_1', type, source: 'cuuro', subject: null, received_at: '', sent_at: '' }
  return { event, data, payload: { data }, enriched: {}, lifecycle: null }
}

function links(map: Readonly<Record<string, string>>): (view: View) => string {
  const compiled = compileLinks(map)
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.problems))
  return compiled.links.urlOf
}

t.test('the exact type goes before a wildcard, and the first wildcard that matches counts', async (t) => {
  const link = links({
    'analysis.*': 'https://a.example/{{ data.id }}',
    '*': 'https://any.example/{{ event.type }}/{{ data.id }}',
    'analysis.completed': 'https://done.example/{{ data.id }}?from=mail',
  })
  t.equal(link(view('analysis.completed', { id: '7' })), 'https://done.example/7?from=mail')
  t.equal(link(view('analysis.created', { id: '7' })), 'https://a.example/7')
  t.equal(link(view('startup.created', { id: 7 })), 'https://any.example/startup.created/7')
  t.equal(links({ 'a.*': 'https://a.example' })(view('b', {})), '', 'no template, no link')
})

t.test('a link with an empty value is no link', async (t) => {
  const link = links({ '*': 'https://a.example/{{ data.id }}' })
  t.equal(link(view('a', {})), '')
  t.equal(link(view('a', null)), '')
  t.equal(link(view('constructor', { id: '1' })), 'https://a.example/1')
})

t.test('no value leaves its place in the URL', async (t) => {
  const link = links({ '*': 'https://a.example/x/{{ data.id }}/y' })
  t.equal(
    link(view('a', { id: 'a/..b/c?c#d@e\r\nf' })),
    'https://a.example/x/a%2F..b%2Fc%3Fc%23d%40e%0D%0Af/y',
  )
  for (const id of ['.', '..', '../../b', 'b/..', 'b\\..\\c', 'b/./c'])
    t.equal(link(view('a', { id })), '', 'it would drop the segment before it')
  t.equal(link(view('a', { id: '%2e' })), 'https://a.example/x/%252e/y')
  t.throws(
    () =>
      links({
        '*': 'https://a.example/{{ data.id | divided_by: 0 }}{% for i in (1..99999999) %}{% endfor %}',
      })(view('a', { id: 1 })),
    /limit/,
  )
  t.equal(link(view('a', { id: 'a\ud800' })), 'https://a.example/x/a%EF%BF%BD/y')
  fc.assert(
    fc.property(anyText(), (id) => {
      const made = link(view('a', { id }))
      if (made === '') return true
      const url = new URL(made)
      return (
        url.origin === 'https://a.example' &&
        url.search === '' &&
        url.hash === '' &&
        /^[\x21-\x7e]+$/.test(made)
      )
    }),
  )
})

t.test('also where a template says raw, only an http(s) URL comes out', async (t) => {
  const link = links({ '*': 'https://a.example/{{ data.id | raw }}' })
  t.equal(link(view('a', { id: 'b/c' })), 'https://a.example/b/c')
  t.equal(link(view('a', { id: 'b c' })), '')
  t.equal(link(view('a', { id: 'b\u0000c' })), '')
})

t.test('a template that is wrong, or lets a value choose the host', async (t) => {
  for (const text of [
    'javascript:alert(1)',
    '{{ data.url }}',
    'https://{{ data.host }}/x',
    'https://a{{ data.x }}.b/',
    '//a',
    'https://a\\@b',
    '',
  ]) {
    t.match(compileLinks({ a: text }), { ok: false, problems: [{ key: 'a', message: /host/ }] }, text)
  }
  const broken = compileLinks({ a: 'https://a/{{ x | nope }}', b: 'https://b/\n{% if %}' })
  t.match(broken, {
    ok: false,
    problems: [
      { key: 'a', line: 1 },
      { key: 'b', line: 2 },
    ],
  })
})
