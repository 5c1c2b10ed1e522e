import t from 'tap'
import { readBody, viewOf } from '../../src/core/event.ts'
import { resolvePointer } from '../../src/core/json/pointer.ts'
import { createEngine } from '../../src/core/template/template.ts'
import { anEvent } from '../support/event.ts'

const subject = '/data/id'
const bytes = (text: string) => new TextEncoder().encode(text)

t.test('a Cuuro body and a Standard Webhooks body become events without settings', async (t) => {
  t.strictSame(readBody(bytes('{"data":{"id":"1"},"event":"analysis.created"}'), { subject }), {
    ok: true,
    type: 'analysis.created',
    subject: '1',
    payload: { data: { id: '1' }, event: 'analysis.created' },
  })
  t.match(readBody(bytes('{"type":"user.created","event":"other"}'), { subject }), {
    ok: true,
    type: 'user.created',
  })
  t.match(
    readBody(bytes('{"type":5,"event":"other"}'), { subject }),
    { ok: true, type: 'other' },
    'a type is text',
  )
  t.match(
    readBody(bytes('\ufeff {"type":"é漢😀"} '), { subject }),
    { ok: true, type: 'é漢😀' },
    'a byte order mark is no fault',
  )
})

t.test('the type is where `event_type` says, and nowhere else', async (t) => {
  const body = bytes('{"type":"wrong","meta":{"kinds":["a","b"],"a/b":{"m~n":"slashed"}},"":{"":"empty"}}')
  t.match(readBody(body, { eventType: '/meta/kinds/1', subject }), { ok: true, type: 'b' })
  t.match(readBody(body, { eventType: '/meta/a~1b/m~0n', subject }), { ok: true, type: 'slashed' })
  t.match(readBody(body, { eventType: '//', subject }), { ok: true, type: 'empty' })
  for (const pointer of [
    '/nope',
    '/meta',
    '/meta/kinds/01',
    '/meta/kinds/length',
    '/constructor/name',
    '/type/0',
    '',
  ]) {
    t.match(
      readBody(body, { eventType: pointer, subject }),
      { ok: false, code: 'no_event_type', message: `a string) at ${pointer}` },
      pointer,
    )
  }
})

t.test('where a type might be is part of the message', async (t) => {
  const messageOf = (body: object, eventType?: string) => {
    const read = readBody(bytes(JSON.stringify(body)), { eventType, subject: '/id' })
    return read.ok ? read.type : read.message
  }
  const start = 'no event type (a string) at'
  for (const [body, likely] of [
    [{ id: 'a', eventName: 'email.delivered', email: { type: 'x' } }, '/eventName'],
    [{ event_type: 'TRANSFER_PROCESSED' }, '/event_type'],
    [{ user: { id: 'a' }, email_data: { email_action_type: 'signup' } }, '/email_data/email_action_type'],
    [{ topic: 'orders/paid' }, '/topic'],
  ] as const)
    t.equal(
      messageOf(body),
      `${start} /type or /event; if it is at ${likely}, write event_type: ${likely} under the source`,
    )
  t.match(messageOf({ type: 'a.b' }, '/event'), /at \/event; if it is at \/type, write/)
  for (const body of [
    {},
    { status: 'failed' },
    { type: 'x'.repeat(257) },
    { event: {}, 'a/type': 'b', 'event\n': 'c' },
  ])
    t.equal(messageOf(body), `${start} /type or /event`)
})

t.test('the subject is text, or a whole number, where `subject` says', async (t) => {
  const cases: readonly [data: string, pointer: string, subject: string | null][] = [
    ['{"id":"an_1"}', '/data/id', 'an_1'],
    ['{"id":42}', '/data/id', '42'],
    ['{"id":4.2}', '/data/id', null],
    ['{"id":9007199254740993}', '/data/id', '9007199254740993'],
    ['{"id":""}', '/data/id', null],
    ['{"id":null}', '/data/id', null],
    ['{"id":{"a":1}}', '/data/id', null],
    [`{"id":"${'x'.repeat(257)}"}`, '/data/id', null],
    ['{"key":"k"}', '/data/key', 'k'],
    ['{}', '/data/id', null],
    ['7', '/data', '7'],
  ]
  for (const [data, pointer, expected] of cases) {
    const read = readBody(bytes(`{"type":"a","data":${data}}`), { subject: pointer })
    t.equal(read.ok && read.subject, expected, `${pointer} of ${data.slice(0, 40)}`)
  }
})

t.test('what cannot become an event says why', async (t) => {
  const cases: [body: Uint8Array, code: string][] = [
    [bytes(''), 'invalid_json'],
    [bytes('{'), 'invalid_json'],
    [bytes("{'type': 'a'}"), 'invalid_json'],
    [bytes('null'), 'invalid_json'],
    [bytes('"analysis.created"'), 'invalid_json'],
    [bytes('[{"type":"a"}]'), 'invalid_json'],
    [bytes(`{"type":"a","data":${'['.repeat(201)}${']'.repeat(201)}}`), 'invalid_json'],
    [bytes(`{"type":"a","data":${'['.repeat(100_000)}${']'.repeat(100_000)}}`), 'invalid_json'],
    [bytes('{}'), 'no_event_type'],
    [bytes('{"type":""}'), 'no_event_type'],
    [bytes('{"type":null,"event":{"name":"a"}}'), 'no_event_type'],
    [bytes(`{"type":"${'x'.repeat(257)}"}`), 'no_event_type'],
    [bytes('{"__proto__":{"type":"inherited"}}'), 'no_event_type'],
    [Uint8Array.of(0x7b, 0xff, 0x7d), 'invalid_utf8'],
    [Uint8Array.of(...bytes('{"type":"'), 0xc0, 0xaf, ...bytes('"}')), 'invalid_utf8'],
    [Uint8Array.of(...bytes('{"type":"'), 0xed, 0xa0, 0x80, ...bytes('"}')), 'invalid_utf8'],
  ]
  for (const [body, code] of cases)
    t.match(readBody(body, { subject }), { ok: false, code }, Buffer.from(body).toString('latin1'))
})

t.test('a payload cannot change any prototype', async (t) => {
  const read = readBody(bytes('{"type":"a","__proto__":{"polluted":true}}'), { subject })
  t.ok(read.ok && Object.hasOwn(read.payload, '__proto__'))
  t.notOk('polluted' in {})
})

t.test('JSON pointers', async (t) => {
  // The examples of RFC 6901, section 5.
  const document = { foo: ['bar', 'baz'], '': 0, 'a/b': 1, 'c%d': 2, 'i\\j': 5, ' ': 7, 'm~n': 8, '~1': 9 }
  const cases: [pointer: string, value: unknown][] = [
    ['', document],
    ['/foo', document.foo],
    ['/foo/0', 'bar'],
    ['/', 0],
    ['/a~1b', 1],
    ['/c%d', 2],
    ['/i\\j', 5],
    ['/ ', 7],
    ['/m~0n', 8],
    ['/~01', 9],
    ['/foo/-', undefined],
    ['/foo/2', undefined],
    ['/foo/00', undefined],
    ['/foo/0/0', undefined],
    ['/__proto__', undefined],
    ['/foo/constructor', undefined],
    ['/toString', undefined],
  ]
  for (const [pointer, value] of cases) t.equal(resolvePointer(document, pointer), value, pointer)
})

t.test('the view shows times as ISO 8601, and a payload without data as null', async (t) => {
  t.strictSame(viewOf(anEvent({ id: 'evt_1', type: 'a', payload: { type: 'a' } })), {
    event: {
      id: 'evt_1',
      type: 'a',
      source: 'cuuro',
      subject: '0191e29a-1644-7972-9466-18ada4a3636e',
      received_at: '2026-11-23T12:00:01.000Z',
      sent_at: '2026-11-23T12:00:00.000Z',
    },
    data: null,
    payload: { type: 'a' },
    enriched: {},
    lifecycle: null,
  })
  t.strictSame(viewOf(anEvent({ payload: { data: [1] } })).data, [1])
})

t.test('numbers come out as they came in', async (t) => {
  const numbers = [
    '9007199254740993',
    '-123456789012345678901234567890',
    '1.0',
    '1e2',
    '1E400',
    '-0',
    '0.1000000000000000055',
    '0.0000001',
    '100.50',
    '87',
    '-1.5',
  ]
  for (const number of numbers) {
    for (const text of [
      `{"type":"a","data":{"id":${number},"l":[ ${number} ]}}`,
      `{"type":"a","data":{"l":[{"a":${number}}],"id":${number}}}`,
    ]) {
      const read = readBody(Buffer.from(text), { subject: '/data/id' })
      if (!read.ok) throw new Error(read.message)
      t.equal(JSON.stringify(read.payload), text.replaceAll(' ', ''))
      t.equal(read.subject, /^-?\d+$/.test(number) ? number : null)
      const engine = createEngine((value) => value)
      const written = engine.compile(
        '{{ data.id }} {% assign id = data.id %}{{ id | append: "" }} {{ data.l | join: "" }}',
      )
      t.match(written.render({ data: read.payload.data }).text, `${number} ${number} `)
    }
  }
  const text = '{"type":"a","data":{"at":"2026-11-23T12:00:00.000Z","n":" 1.0 ","id":" 9007199254740993"}}'
  const read = readBody(Buffer.from(text), { subject: '/data/id' })
  t.equal(read.ok && JSON.stringify(read.payload), text, 'texts stay texts')
  const deep = `{"type":"a","data":${'['.repeat(100_000)}1.0${']'.repeat(100_000)}}`
  t.match(readBody(Buffer.from(deep), { subject: '/data/id' }), { ok: false, code: 'invalid_json' })
})

t.test('templates reckon with such numbers, and compare them exactly', async (t) => {
  const read = readBody(Buffer.from('{"type":"a","data":{"big":9007199254740993,"one":1.0,"hundred":1e2}}'), {
    subject: '/x',
  })
  if (!read.ok) throw new Error(read.message)
  const engine = createEngine((value) => value)
  const render = (template: string) =>
    engine.compile(template).render({ data: read.payload.data ?? null }).text
  t.equal(render('{{ data.one | plus: 1 }} {{ data.hundred | divided_by: 4 }}'), '2 25')
  t.equal(render('{% if data.one == 1 and data.hundred > 99 and data.hundred <= 100 %}yes{% endif %}'), 'yes')
  t.equal(
    render('{% if 1 == data.one and 101 > data.hundred and data.big > 9007199254740992 %}yes{% endif %}'),
    'yes',
  )
  t.equal(render('{{ data | json }}'), '{"big":9007199254740993,"one":1.0,"hundred":1e2}')
})
