/** What templates see as `lifecycle`: when the stages were, by the best time there is, and how long they took. */
import t from 'tap'
import type { Event } from '../../../src/core/event.ts'
import { lifecycleView } from '../../../src/core/lifecycle/timeline.ts'
import { anEvent } from '../../support/event.ts'

const lifecycle = { name: 'analysis', stages: ['analysis.created', 'analysis.completed'], key: null }
const NOON = Date.UTC(2026, 10, 23, 12)
const MINUTE = 60_000
const plain = { messageId: 'msg_1', payload: { data: { id: '42' } } }
const created = (more: Partial<Event> = {}) =>
  anEvent({ ...plain, id: 'evt_1', type: 'analysis.created', receivedAt: NOON, ...more })
const completed = (more: Partial<Event> = {}) =>
  anEvent({ ...plain, id: 'evt_2', type: 'analysis.completed', receivedAt: NOON + 12 * MINUTE, ...more })
const view = (event: Event, ...before: readonly Event[]) => lifecycleView(lifecycle, event, before)
const at = (ms: number) => new Date(ms).toISOString()

/** An id as Svix makes them: `msg_` and a KSUID of that second. */
function svixId(ms: number): string {
  const digits = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
  let value = (BigInt(Math.floor(ms / 1_000) - 1_400_000_000) << 128n) + 0x1234_5678n
  let text = ''
  for (; text.length < 27; value /= 62n) text = digits[Number(value % 62n)] + text
  return `msg_${text}`
}

t.test('for want of better ones, times are of receipt', async (t) => {
  t.strictSame(view(completed(), created()), {
    name: 'analysis',
    stage: 'analysis.completed',
    is_last: true,
    started_at: at(NOON),
    elapsed: '12 min',
    approximate: true,
    stages: [
      { name: 'analysis.created', at: at(NOON) },
      { name: 'analysis.completed', at: at(NOON + 12 * MINUTE) },
    ],
  })
})

t.test('the first stage has started and took nothing; without it nobody can say', async (t) => {
  t.match(view(created()), { started_at: at(NOON), elapsed: null, is_last: false })
  t.match(view(created()).stages, [{}, { name: 'analysis.completed', at: null }])
  t.match(view(completed()), { started_at: null, elapsed: null, is_last: true })
})

t.test('the time in the id of Svix, where it is plausible', async (t) => {
  const known = svixId(Date.UTC(2026, 10, 23, 11, 50))
  t.match(view(completed({ messageId: svixId(NOON + 9 * MINUTE) }), created({ messageId: known })), {
    started_at: at(Date.UTC(2026, 10, 23, 11, 50)),
    elapsed: '19 min',
    approximate: false,
  })
  // The example of https://github.com/segmentio/ksuid, of 2017-10-10T04:00:47Z.
  const { receivedAt } = created({ receivedAt: Date.UTC(2017, 9, 10, 5) })
  t.equal(
    view(created({ messageId: 'msg_0ujtsYcgvSTl8PAuAdqWYSMnLOv', receivedAt })).started_at,
    '2017-10-10T04:00:47.000Z',
  )
  for (const messageId of [
    // Long before the receipt, or after it; no KSUID; more than 20 bytes.
    svixId(NOON - 31 * 86_400_000),
    svixId(NOON + 6 * MINUTE),
    'msg_42',
    'msg_zzzzzzzzzzzzzzzzzzzzzzzzzzz',
    'evt_0ujtsYcgvSTl8PAuAdqWYSMnLOv',
  ])
    t.match(view(created({ messageId })), { started_at: at(NOON), approximate: true }, messageId)
})

t.test('what enrichment fetched is better, and says when both were', async (t) => {
  const messageId = svixId(NOON)
  for (const [began, ended] of [
    ['2026-11-23T10:00:00Z', '2026-11-23T12:00:30+01:00'],
    [NOON / 1_000 - 7_200, NOON / 1_000 - 3_570],
    [NOON - 7_200_000, NOON - 3_570_000],
  ]) {
    const enriched = { analysis: { created_at: began ?? null, completedAt: ended ?? null } }
    t.match(view(completed({ messageId, enriched }), created({ messageId })), {
      started_at: '2026-11-23T10:00:00.000Z',
      elapsed: '1 h 1 min',
      approximate: false,
    })
  }
})

t.test('what was fetched for the last stage says when the first one was, which never came', async (t) => {
  const analysis = { created_at: '2026-11-23T11:40:00Z', completed_at: '2026-11-23T12:00:00Z' }
  t.match(view(completed({ enriched: { analysis } })), {
    started_at: '2026-11-23T11:40:00.000Z',
    elapsed: '20 min',
    approximate: false,
  })
  const tomorrow = { created_at: '2026-11-24T12:20:00Z' }
  t.match(view(completed({ enriched: { analysis: tomorrow } })), { started_at: null, elapsed: null })
})

t.test('a step about something else, text that is no time, and times to come are left alone', async (t) => {
  for (const enriched of [
    { company: { completed_at: '2020-01-01T00:00:00Z' } },
    { analysis: { completed_at: 'yesterday' } },
    { analysis: { completed_at: '2026-11-23' } },
    { analysis: { completed_at: '2026-13-45T99:99:99Z' } },
    { analysis: { completed_at: '2030-01-01T00:00:00Z' } },
    { analysis: { completed_at: 12 } },
    { analysis: { completed_at: Number.NaN } },
    { analysis: { completed_at: null } },
    { analysis: [] },
  ])
    t.match(view(completed({ enriched }), created()), { elapsed: '12 min' }, JSON.stringify(enriched))
})

t.test('the payload says it where it does', async (t) => {
  const payload = { data: { id: '42', completed_at: '2026-11-23T12:05:00Z' } }
  t.match(view(completed({ payload }), created({ messageId: svixId(NOON) })), {
    elapsed: '5 min',
    approximate: false,
  })
})

t.test('no negative time', async (t) => {
  t.match(view(completed({ receivedAt: NOON - 1 }), created()), { started_at: at(NOON), elapsed: null })
})

t.test('elapsed is for reading', async (t) => {
  for (const [ms, words] of [
    [0, '0 s'],
    [400, '0 s'],
    [42_400, '42 s'],
    [59_600, '1 min'],
    [60_000, '1 min'],
    [12 * MINUTE + 20_000, '12 min'],
    [59 * MINUTE + 40_000, '1 h'],
    [65 * MINUTE, '1 h 5 min'],
    [24 * 60 * MINUTE - 1, '1 d'],
    [51 * 60 * MINUTE, '2 d 3 h'],
  ] as const)
    t.equal(view(completed({ receivedAt: NOON + ms }), created()).elapsed, words, `${ms}`)
})
