/** Spans of facts that are rare in a running service. */
import t from 'tap'
import { statusOf } from '../../src/http/webhooks.ts'
import type { Fact, Handling } from '../../src/pipeline/fact.ts'
import { readTraceparent, rootOf } from '../../src/telemetry/identity.ts'
import { type EventSpan, eventIdOf, spanOf } from '../../src/telemetry/spans.ts'

type Attempted = Extract<Fact, { kind: 'attempted' }>

const handling: Handling = {
  began: 1,
  verifying: 2,
  verified: 3,
  routed: 4,
  stored: 9,
  routes: ['all'],
  bytes: 42,
  traceparent: undefined,
}

function attempted(different: Partial<Attempted>): EventSpan | null {
  return spanOf(
    {
      kind: 'attempted',
      delivery: {
        id: 'dlv_1',
        eventId: 'evt_1',
        plan: 1,
        conversation: null,
        group: null,
        standsInFor: null,
        route: 'mail to boss@example.com',
        receiver: 'boss',
        destination: { channel: 'email', target: 'boss@example.com', rateKey: 'email:boss@example.com' },
        template: null,
        state: 'sending',
        reason: null,
        dueAt: null,
        attempts: 4,
        createdAt: 0,
        ambiguousAttempts: 0,
        retryingSince: 0,
      },
      outcome: { kind: 'park', reason: 'no user <boss@example.com>, ask postmaster@example.com' },
      next: { state: 'parked', dueAt: null, reason: '' },
      durationMs: 3,
      notes: [],
      template: null,
      startedAt: 1_000,
      times: { began: 1, rendered: 2, ended: 3, recorded: 4 },
      ...different,
    },
    statusOf,
  )
}

t.test('a request that the store could not take is an error, and the wait for it is seen', async (t) => {
  const request = { source: 'cuuro', type: 'x', id: 'evt_1', messageId: 'msg_1', handling }
  const fact: Fact = { kind: 'store_failed', during: 'append', message: 'full', request }
  const found = spanOf(fact, statusOf)
  t.equal(eventIdOf(fact), 'evt_1')
  t.match(found, { root: true, span: { begin: 1, end: 9, error: /store/ } })
  t.match(found?.span?.attributes, { 'http.response.status_code': 503, 'error.type': 'store_unavailable' })
  t.match(
    found?.span?.children.map(({ name, begin, end, error }) => [name, begin, end, error]),
    [
      ['verify', 2, 3, undefined],
      ['route', 3, 4, undefined],
      ['store', 4, 9, 'store_unavailable'],
    ],
  )
})

t.test('the requests of an enrichment, and the whole of it, belong to the trace of the event', async (t) => {
  const about = { id: 'evt_1', source: 'cuuro', type: 'x' }
  const tried = {
    ...about,
    kind: 'enrichment_tried',
    step: 'analysis',
    host: 'api.example.com',
    result: 'again',
    reason: 'the answer was HTTP 503 of boss@example.com',
    kept: false,
    durationMs: 5,
    againAt: 1_000,
    ended: 12,
  } as const
  t.equal(eventIdOf(tried), 'evt_1')
  t.match(spanOf(tried, statusOf), {
    root: false,
    span: {
      name: 'fetch',
      kind: 'client',
      begin: 7,
      end: 12,
      error: 'the answer was HTTP 503 of <address>',
      attributes: {
        'server.address': 'api.example.com',
        'hookbridge.step': 'analysis',
        'hookbridge.result': 'again',
        'error.type': 'again',
        'hookbridge.next_try_at': '1970-01-01T00:00:01.000Z',
      },
    },
  })
  const fetched = spanOf({ ...tried, result: 'fetched', reason: null, againAt: null }, statusOf)
  t.equal(fetched?.span.error, undefined)
  const enriched = { ...about, kind: 'enriched', steps: [], unrouted: false, deliveries: 2 } as const
  t.match(spanOf({ ...enriched, receivedAt: 500, waitedMs: 40 }, statusOf), {
    root: false,
    span: { name: 'enrich', begin: 500, end: 540, wall: true, attributes: { 'hookbridge.deliveries': 2 } },
  })
})

t.test('what belongs to no event makes no span', async (t) => {
  const none: readonly Fact[] = [
    { kind: 'rejected', source: 'cuuro', code: 'wrong_signature' },
    { kind: 'purged', events: 3, unresolved: 0 },
    { kind: 'store_failed', during: 'claim', message: 'full' },
  ]
  for (const fact of none) {
    t.equal(eventIdOf(fact), undefined, fact.kind)
    t.equal(spanOf(fact, statusOf), null, fact.kind)
  }
})

t.test('no span contains the address of a person', async (t) => {
  const found = attempted({})
  t.notMatch(JSON.stringify(found), 'example.com')
  t.equal(found?.span?.error, 'park: no user <address>, ask <address>')
  t.equal(found?.span?.attributes['hookbridge.receiver'], 'boss')
})

t.test('an attempt ends where it failed', async (t) => {
  const parts = (different: Partial<Attempted>) =>
    attempted(different)?.span?.children.map(({ name, error }) => [name, error !== undefined])
  t.strictSame(
    parts({}),
    [
      ['render', true],
      ['record', false],
    ],
    'no template could render it',
  )
  t.strictSame(
    parts({ times: { began: 1, rendered: null, ended: 1, recorded: 4 } }),
    [['record', false]],
    'the channel is not configured any more',
  )
  t.strictSame(
    parts({ template: 'default' }),
    [
      ['render', false],
      ['send', true],
      ['record', false],
    ],
    'the destination refused it',
  )
  const interrupted = attempted({ times: null })?.span
  t.match(interrupted, { begin: 1_000, end: 1_000, wall: true, children: [] })
})

t.test('W3C traceparent', async (t) => {
  const ids = { traceId: '4bf92f3577b34da6a3ce929d0e0e4736', spanId: '00f067aa0ba902b7' }
  const header = (version: string, flags: string, more = '') =>
    `${version}-${ids.traceId}-${ids.spanId}-${flags}${more}`
  t.strictSame(readTraceparent(header('00', '01')), { ...ids, sampled: true })
  t.strictSame(readTraceparent(header('00', '02')), { ...ids, sampled: false })
  t.strictSame(readTraceparent(header('cc', '03', '-what-comes')), { ...ids, sampled: true })
  const wrong = [
    undefined,
    '',
    header('00', '01', '-more'),
    header('ff', '01'),
    header('00', '01').toUpperCase(),
    header('00', '01').replace(ids.traceId, '0'.repeat(32)),
    header('00', '01').replace(ids.spanId, '0'.repeat(16)),
    header('01', '01', `-${'x'.repeat(300)}`),
  ]
  for (const text of wrong) t.equal(readTraceparent(text), undefined, text ?? 'none')
})

t.test('ids of a trace differ where those of events are alike', async (t) => {
  const [first, second] = ['evt_01M85KNEAWWY1RCMNM4TF3PMEY', 'evt_01M85KNEAWWY1RCMNM4TF3PMEZ'].map(rootOf)
  t.match(first, { traceId: /^[\da-f]{32}$/, spanId: /^[\da-f]{16}$/ })
  t.not(first?.traceId.slice(0, 8), second?.traceId.slice(0, 8))
  t.strictSame(first, rootOf('evt_01M85KNEAWWY1RCMNM4TF3PMEY'))
})
