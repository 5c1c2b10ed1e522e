import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import type { JsonObject } from '../../../src/core/json/json.ts'
import { withExactNumbers } from '../../../src/core/json/number.ts'
import { summaryOf } from '../../../src/core/template/summary/summary.ts'
import { anyJson } from '../../support/any-text.ts'
import { aView } from '../../support/event.ts'

const ID = '0191e29a-1644-7972-9466-18ada4a3636e'

const summary = (enriched: JsonObject, data: JsonObject = { id: ID }) => summaryOf(aView(data, { enriched }))
const facts = (data: JsonObject) => summary({}, data).facts.map(({ label, value }) => `${label}: ${value}`)

t.test('nothing but an id', async (t) => {
  const { name, score, facts, time, id } = summary({})
  t.strictSame(
    { name, score, facts, time, id },
    { name: null, score: null, facts: [], time: null, id: '0191e29a…636e' },
  )
})

t.test('the name is the company’s before any other, wherever it is', async (t) => {
  for (const [enriched, data, name] of [
    [{ analysis: { name: 'Analysis 7' }, company: { name: 'Acme' } }, {}, 'Acme'],
    [{ analysis: { title: 'A title', name: 'Analysis 7' } }, {}, 'Analysis 7'],
    [{ analysis: { title: 'A title' } }, { company: 'Acme' }, 'Acme'],
    [{ analysis: { targetCompany: 'Acme' } }, {}, 'Acme'],
    [{ analysis: { 'company-name': ' Acme\nRobotics ' } }, {}, 'Acme Robotics'],
    [{ analysis: { data: { attributes: { company: { name: 'Acme' } } } } }, {}, 'Acme'],
    [{ analysis: { data: { attributes: { name: 'Acme' } } } }, {}, 'Acme'],
    [{ answer: { analysis: { name: 'Acme' } } }, {}, 'Acme'],
    [{ company: 'Acme' }, {}, 'Acme'],
    [{ analysis: { owner: { name: 'Jane' }, founders: [{ name: 'Ada' }] } }, {}, null],
    [{ analysis: { company: ID, name: ID, title: '  ' } }, {}, null],
    [{ analysis: { company: 'evt_01K9ZZZZZZZZZZZZZZZZZZZZZZ', name: 7 } }, {}, null],
    [{}, { name: 'Acme' }, 'Acme'],
    [{}, { title: '<b>Acme</b> &amp; <i>Söhne</i>' }, 'Acme & Söhne'],
    [{}, { company: '\u200b', name: '<p> </p>', title: 'Acme' }, 'Acme'],
    [{}, { customer: { name: 'Ada', email: 'ada@example.com' }, product: { name: 'Pro' } }, 'Ada'],
    [{}, { first_name: 'Zoë', last_name: 'Müller' }, 'Zoë Müller'],
    [{}, { first_name: 'Zoë', last_name: null }, 'Zoë'],
    [{}, { givenName: 'Zoë', owner: { familyName: 'Müller' } }, 'Zoë'],
    [{}, { email: 'ada@example.com', subject: 'Your invoice' }, 'Your invoice'],
    [{}, { customer_email: 'ada@example.com', customer_name: 'Ada' }, 'Ada'],
    [{}, { user: { email: 'ada@example.com', username: null } }, 'ada@example.com'],
    [{}, { contactIdentity: { email: 'ada@example.com' } }, 'ada@example.com'],
    [{}, { public_user_data: { first_name: 'Ada' }, user_agent: { name: 'Firefox' } }, 'Ada'],
    [{}, { owner: { email: 'ada@example.com', first_name: 'Ada' }, author: { name: 'Ada' } }, null],
  ] as const) {
    t.equal(summary(enriched, data).name, name, JSON.stringify([enriched, data]))
  }
  for (const [type, data, name] of [
    ['organizationInvitation.created', { organization_invitation: { name: 'Lin' } }, 'Lin'],
    ['direct.member.create', { member: { display_name: 'Ada' } }, 'Ada'],
    ['EMAIL_HARD_BOUNCED', { email: { subject: 'Summer sale' }, campaign: { title: 'July' } }, 'Summer sale'],
    ['order.paid', { product: { name: 'Pro' } }, null],
  ] as const)
    t.equal(summaryOf(aView(data, { type })).name, name, type)
  const { facts: rest } = summary({}, { first_name: 'Zoë', last_name: 'Müller', plan: 'pro' })
  t.match(rest, [{ label: 'Plan' }], 'the parts of a name are no facts')
  t.equal(rest.length, 1)
  const { name } = summaryOf(aView({}, { payload: { type: 'a', event: 'b', data: [], company: 'Acme' } }))
  t.equal(name, 'Acme', 'of a payload that has no mapping as its data')
})

t.test('what happened is the type in words', async (t) => {
  for (const [type, what] of [
    ['analysis.completed', 'analysis completed'],
    ['organizationInvitation.created', 'organization invitation created'],
    ['email.hardBounced', 'email hard bounced'],
    ['TRANSFER_PROCESSED', 'transfer processed'],
    ['v1.project.paused', 'project paused'],
    ['user:created/v2', 'user created'],
    ['invoice-payment_failed', 'invoice payment failed'],
    ['succeeded', 'succeeded'],
    ['v1', 'v1'],
    ['..', '..'],
    ['注文.支払い済み', '注文 支払い済み'],
  ] as const)
    t.equal(summaryOf(aView({}, { type })).what, what)
})

t.test('the time is the event’s own, or none', async (t) => {
  const at = '2026-11-24T15:02:59+01:00'
  const iso = '2026-11-24T14:02:59.000Z'
  t.equal(summary({ analysis: { completedAt: at } }).time, iso)
  t.strictSame(summary({ analysis: { completedAt: at } }).facts, [], 'and no fact')
  t.equal(summary({}, { completed_at: 'yesterday', started_at: at }).time, null)
  t.equal(summaryOf(aView({}, { payload: { timestamp: at } })).time, iso)
  t.equal(summaryOf(aView({}, { payload: { timestamp: 1 } })).time, null)
  const ms = Date.parse(at)
  for (const payload of [
    { timestamp: ms },
    { timestamp: ms / 1_000 },
    { eventTime: at },
    { occurred_at: ms },
    { created_at: at, timestamp: 'soon' },
  ])
    t.equal(summaryOf(aView({}, { payload })).time, iso, JSON.stringify(payload))
  t.equal(summary({}, { completed_at: ms }).time, iso)
  const { time, facts } = summaryOf(aView([], { payload: { event_time: ms, created_at: at } }))
  t.strictSame([time, facts], [iso, []], 'of a payload without data')
  t.equal(summaryOf(aView([], { payload: { created_at: at } })).time, null, 'when a record was made')
})

t.test('the score', async (t) => {
  for (const [enriched, label, value] of [
    [{ analysis: { rating: 'AA', total_score: 7, score: 87 } }, 'Score', '87'],
    [{ analysis: { rating: 'AA', total_score: 7 } }, 'Total score', '7'],
    [{ analysis: { grade: 'B+' } }, 'Grade', 'B+'],
    [{ analysis: { score: { overall: 87.456, parts: 3 } } }, 'Score', '87.46'],
    [{ analysis: { score: null, rating: 4 } }, 'Rating', '4'],
    [{ first: { score: 'far too long for a score' }, second: { score: 1 } }, 'Score', '1'],
  ] as const) {
    const { score, facts } = summary(enriched)
    t.match(score, { label, value }, JSON.stringify(enriched))
    t.strictSame(facts[0], score, 'it is the first of the facts')
  }
  t.equal(summary({ analysis: { score: [1], underscored: 3 } }).score, null)
})

t.test('facts are the other fields in words', async (t) => {
  t.strictSame(
    facts({
      id: ID,
      company_id: 'c_1',
      owner: '0191e29a-1644-7972-9466-18ada4a3636f',
      object: 'analysis',
      company: 'Acme',
      brand: 'Acme',
      fundingStage: 'Seed',
      ARR: 1_250_000,
      created_at: '2026-11-24T15:02:59+01:00',
      founded_at: '2026-11-24T15:02:59+01:00',
      day: '2026-11-24',
      is_new: true,
      empty: '',
      none: null,
      nested: { city: 'Berlin', id: 'x', deeper: { not: 'shown' } },
      list: [{ not: 'shown' }],
      tags: ['seed', 'hardware'],
    }),
    [
      'Funding stage: Seed',
      'ARR: 1,250,000',
      'Founded: 24 Nov 2026, 14:02 UTC',
      'Day: 24 Nov 2026',
      'Tags: seed, hardware',
      'City: Berlin',
    ],
    'at most six, those at the top first and flags last',
  )
  t.strictSame(facts({ nested: { city: 'Berlin', deeper: { not: 'shown' } } }), ['City: Berlin'])
  const { facts: both } = summary({
    analysis: { name: 'Analysis 7', stage: 'A' },
    company: { name: 'Acme', stage: 'B' },
  })
  t.match(both, [
    { label: 'Analysis name', value: 'Analysis 7' },
    { label: 'Stage', value: 'A' },
  ])
  t.equal(both.length, 2, 'what occurred before is left out')
})

t.test('a list of mappings is the names in it', async (t) => {
  const addresses = [{ id: 'idn_1', email_address: 'ada@example.com', verification: { status: 'verified' } }]
  t.strictSame(
    facts({
      email_addresses: addresses,
      founders: [{ first_name: 'Ada', last_name: 'Lovelace' }, { name: 'Lin' }],
      lines: [{ name: 'Pro' }, { amount: 7 }],
      mixed: [{ name: 'Pro' }, 'Plus'],
      tags: ['seed', null, '', 'hardware'],
      none: [],
    }),
    ['Email addresses: ada@example.com', 'Founders: Ada Lovelace, Lin', 'Tags: seed, hardware'],
  )
  t.strictSame(facts({ api_key: [{ name: 'x' }], files: [{ name: 'https://ada:secret@example.com/' }] }), [])
  const many = Array.from({ length: 5_000 }, (_, index) => ({ name: `company ${index}` }))
  t.match(facts({ many }), [/^Many: company 0, company 1, .{100,}…$/])
})

t.test('what could be used by whoever reads it is no fact', async (t) => {
  const secrets = {
    token: '305805',
    token_hash: '7d5b7b',
    accessToken: 'abc',
    new_password: 'x',
    otp: 305805,
    'api-key': 'k',
    clientSecret: 's',
    credentials: { user: 'ada' },
    link: 'https://example.com/accept?ticket=eyJhbGci',
    reset: 'https://example.com/reset?a=1&reset_token=1',
    file: 'https://files.example.com/x.pdf?X-Amz-Signature=abc',
    login: 'https://ada:secret@example.com/',
    files: ['https://files.example.com/x.pdf', 'https://files.example.com/x.pdf?sig=abc'],
    bearer: 'eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln',
  }
  t.strictSame(facts({ ...secrets }), [])
  t.strictSame(facts({ total_tokens: 512, page: 'https://example.com/?utm_source=mail', tokenizer: 'bpe' }), [
    'Total tokens: 512',
    'Tokenizer: bpe',
    'Page: https://example.com/?utm_source=mail',
  ])
  const part = fc.constantFrom('', 'user_', 'a_b_')
  fc.assert(
    fc.property(
      part,
      fc.constantFrom('token', 'password', 'secret', 'otp', 'api_key'),
      anyJson(),
      (before, word, json) => {
        const value = JSON.parse(JSON.stringify(json))
        const shown = facts({ [before + word]: value, [`${word}_new`]: value, [word]: { value, id: value } })
        // What is nested deeper in it has no fact either.
        assert.deepEqual(shown, [])
      },
    ),
    { numRuns: 200 },
  )
})

t.test('ids of any sender are no facts, and words are', async (t) => {
  for (const id of [
    'user_35yN9rkEoR7Vqk2Yx3vT8dYQmPq',
    'ep_2Xg1hQkP8sBq9nF3KdYt0mWzRvC',
    'in_1MtHbELkdIwHu7ixl4OzzPMv',
    'resp_abc123def456',
    'member-live-5ee5eb32-45f5-4d8f-8b2d-6e9f0c2f0d3a',
    'evt_685343a1381c819085d44c354e1b330e',
  ])
    t.strictSame(facts({ made_by: id, members: [id] }), [], id)
  for (const text of [
    'confirm_email',
    'customer-42',
    'black_friday2026discount',
    'us-east-1',
    'v1',
    'too_expensive',
  ])
    t.strictSame(facts({ text }), [`Text: ${text}`])
})

t.test('what says little comes last, however many there are', async (t) => {
  const flags = Object.fromEntries(Array.from({ length: 8 }, (_, index) => [`has_${index}`, index % 2 === 0]))
  t.strictSame(
    facts({ ...flags, discount: 0, page: 'https://example.com/a', role: 'admin', nested: { plan: 'pro' } }),
    ['Role: admin', 'Plan: pro', 'Has 0: yes', 'Has 1: no', 'Has 2: yes', 'Has 3: no'],
  )
  t.strictSame(
    facts({ image_url: 'https://example.com/a.png', avatarUrl: 'https://example.com', logo: 'none' }),
    ['Logo: none'],
  )
})

t.test('what the type says is not repeated', async (t) => {
  const shown = (type: string, payload: JsonObject) =>
    summaryOf(aView(payload.data ?? null, { type, payload })).facts.map(
      ({ label, value }) => `${label}: ${value}`,
    )
  t.strictSame(shown('batch.failed', { data: { status: 'failed', failed: true, reason: 'failed twice' } }), [
    'Reason: failed twice',
  ])
  t.strictSame(shown('TRANSFER_PROCESSED', { event_type: 'TRANSFER_PROCESSED', payment_type: 'ACH' }), [
    'Payment type: ACH',
  ])
  t.strictSame(shown('order.paid', { data: { status: 'pending', paid: false } }), [
    'Status: pending',
    'Paid: no',
  ])
})

t.test('a number is a time where the name of its field says so', async (t) => {
  const shown = '28 Nov 2025, 14:33 UTC'
  for (const key of ['expires_at', 'expireAt', 'period_end', 'Event Time', 'lastSeenOn', 'fail_since', 'at'])
    for (const value of [1_764_340_412, 1_764_340_412_123])
      t.equal(summary({}, { [key]: value }).facts[0]?.value, shown, `${key}: ${value}`)
  t.strictSame(facts({ predict_time: 2.81, end: 0, bytes: 1_764_340_412, restart: 1_764_340_412 }), [
    'Predict time: 2.81',
    'Bytes: 1,764,340,412',
    'Restart: 1,764,340,412',
    'End: 0',
  ])
  fc.assert(
    fc.property(
      fc.date({ min: new Date('2001-09-10'), max: new Date('2106-01-01'), noInvalidDate: true }),
      (at) => {
        const [iso, ms, seconds] = [at.toISOString(), at.getTime(), Math.floor(at.getTime() / 1_000)].map(
          (seen_at) => summary({}, { seen_at }).facts[0]?.value,
        )
        assert.deepEqual([ms, seconds], [iso, iso])
      },
    ),
  )
})

t.test('numbers and texts as a reader writes them', async (t) => {
  for (const [json, shown] of [
    ['2021', '2021'],
    ['12500', '12,500'],
    ['-1234567.5', '-1,234,567.5'],
    ['87.3333333', '87.33'],
    ['99.999', '100'],
    ['0.0123456', '0.0123'],
    ['7.50', '7.50'],
    ['1e21', '1e21'],
    ['12345678901234567890', '12,345,678,901,234,567,890'],
    ['"2026-13-45"', '2026-13-45'],
    ['"12500"', '12500'],
  ] as const) {
    const data = withExactNumbers(`{"x":${json}}`, JSON.parse(`{"x":${json}}`)) as JsonObject
    t.strictSame(facts(data), [`X: ${shown}`])
  }
  // Grouping the digits takes time in the square of their number.
  for (const json of ['9'.repeat(201), `${'9'.repeat(20_000)}.125`, `1e${'9'.repeat(300)}`]) {
    const data = withExactNumbers(`{"x":${json}}`, JSON.parse(`{"x":${json}}`)) as JsonObject
    t.strictSame(facts(data), [`X: ${json.slice(0, 199)}…`], 'a number is cut like a text')
  }
})

t.test('what is long is cut between words, and within no character', async (t) => {
  const { name } = summary({
    company: { name: 'The Federated Laboratories of Autonomous Maritime Inspections' },
  })
  t.equal(name, 'The Federated Laboratories of Autonomous Maritime…')
  t.equal(summary({ company: { name: 'x'.repeat(60) } }).name, 'x'.repeat(60))
  t.equal(summary({ company: { name: '👩‍🚀'.repeat(61) } }).name, `${'👩‍🚀'.repeat(59)}…`)
  const [fact] = summary({}, { x: 'y'.repeat(100_000) }).facts
  t.match(fact, { value: `${'y'.repeat(199)}…`, long: true })
  t.match(summary({}, { x: 'short' }).facts, [{ long: false }])
})

t.test('ids that begin alike stay apart', async (t) => {
  const id = (subject: string | null, data: JsonObject = {}) => summaryOf(aView(data, { subject })).id
  t.not(id(ID), id('0191e29a-1644-7972-9466-18ada4a3637f'))
  t.equal(id('short'), 'short')
  t.equal(id(null, { id: 42 }), '42')
  t.equal(id(null), 'evt_01K9…ZZZZ')
  t.equal(
    summaryOf(aView(null, { subject: null, payload: { id: 'in_1' } })).id,
    'in_1',
    'of a payload without data',
  )
})

t.test('any event has a summary within its limits', async (t) => {
  fc.assert(
    fc.property(anyJson(), anyJson(), (data, step) => {
      const view = aView(JSON.parse(JSON.stringify(data)), {
        enriched: { step: JSON.parse(JSON.stringify(step)) },
      })
      const { name, facts } = summaryOf(view)
      assert.ok(facts.length <= 6)
      assert.ok(name === null || name.trim() !== '')
      for (const { label, value } of facts)
        assert.ok(label !== '' && value.trim() !== '', JSON.stringify(facts))
    }),
    { numRuns: 300 },
  )
  const deep = JSON.parse(`${'{"a":'.repeat(5_000)}1${'}'.repeat(5_000)}`)
  t.strictSame(summary({}, deep).facts, [])
})
