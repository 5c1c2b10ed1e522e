/** The account finds every fault that it is there for, in records that were doctored, and none in right ones. */
import t from 'tap'
import {
  type Arrival,
  checkEvent,
  checkOrder,
  checkStored,
  type Expected,
  type FindingKind,
  findingKinds,
  type StoredDelivery,
  type StoredEvent,
} from './account.ts'

const AMBIGUOUS_RESENDS = 2
const ambiguous = { kind: 'ambiguous', startedAt: 0 }
const sent = { kind: 'sent', startedAt: 0 }
const found = { ...sent, lookUp: 'found' }
const retry = { kind: 'retry', startedAt: 0 }

const delivered: StoredDelivery = {
  id: 'dlv_1',
  target: '#a',
  state: 'delivered',
  reason: null,
  attempts: [retry, sent],
}
const parked: StoredDelivery = {
  ...delivered,
  state: 'parked',
  reason: 'ambiguous: it is unknown whether 3 attempts delivered it',
  attempts: [ambiguous, ambiguous, ambiguous],
}
const right: Expected = { acknowledged: 'evt_1', alternatives: [['#a']] }
const seen = new Set<FindingKind>()

/** The kinds of findings for one event with one delivery, of which so many arrived. */
function kindsOf(
  delivery: Partial<StoredDelivery>,
  arrived: number | readonly (readonly [target: string, delivery: string])[],
  more: { readonly event?: Partial<StoredEvent>; readonly expected?: Expected | undefined } = {},
): FindingKind[] {
  const whole = { ...delivered, ...delivery }
  const event = { id: 'evt_1', messageId: 'msg_1', deliveries: [whole], ...more.event }
  const places = typeof arrived === 'number' ? Array(arrived).fill(['#a', 'dlv_1']) : arrived
  const arrivals = places.map(([target, delivery], place): Arrival => ({ target, delivery, place, at: 0 }))
  const expected = 'expected' in more ? more.expected : right
  const kinds = checkEvent(event, expected, arrivals, AMBIGUOUS_RESENDS).map(({ kind }) => kind)
  for (const kind of kinds) seen.add(kind)
  return kinds
}

t.test('what is right has no findings', async (t) => {
  for (const [delivery, arrived] of [
    [delivered, 1],
    [{ attempts: [ambiguous, sent] }, 1],
    [{ attempts: [ambiguous, sent] }, 2],
    [{ attempts: [ambiguous, ambiguous, sent] }, 3],
    [{ attempts: [ambiguous, found] }, 1],
    [parked, 0],
    [parked, 3],
  ] as const)
    t.same(kindsOf(delivery, arrived), [])
  const alternatives = [['#b'], ['#a']]
  t.same(kindsOf({}, 1, { expected: { ...right, alternatives } }), [], 'either configuration')
})

t.test('a lost event', async (t) => {
  const [finding] = checkStored(['msg_1', 'msg_2'], new Map([['msg_1', 1]]))
  t.match(finding, { kind: 'lost', detail: /msg_2/ })
  seen.add('lost')
})

t.test('an event that is stored twice, or by another id, or was never sent', async (t) => {
  t.match(checkStored(['msg_1'], new Map([['msg_1', 2]])), [{ kind: 'other_id' }])
  t.same(kindsOf({}, 1, { event: { id: 'evt_2' } }), ['other_id'])
  t.same(kindsOf({}, 1, { expected: undefined }), ['invented'])
})

t.test('a message that was lost, or is still on its way', async (t) => {
  t.same(kindsOf({}, 0), ['not_arrived'])
  t.same(kindsOf({ attempts: [ambiguous, found] }, 0), ['not_arrived'], 'found, and not there')
  t.same(kindsOf({ attempts: [] }, 1), ['not_arrived'], 'delivered by no attempt')
  for (const state of ['pending', 'sending', 'retrying', 'ambiguous', 'held', 'skipped'])
    t.same(kindsOf({ state }, 0), ['unfinished'], state)
})

t.test('a message that was given up without need', async (t) => {
  t.same(kindsOf({ ...parked, attempts: [ambiguous, ambiguous] }, 0), ['given_up'])
  t.same(kindsOf({ ...parked, reason: 'not_in_channel' }, 0), ['given_up'])
  t.same(kindsOf({ ...parked, attempts: [ambiguous, ambiguous, ambiguous, sent] }, 1), ['given_up'])
  t.same(kindsOf({ state: 'dead', reason: 'gave up after 9 attempts' }, 0), ['given_up'])
})

t.test('duplicates', async (t) => {
  t.same(kindsOf({}, 2), ['unrecorded_duplicate'])
  t.same(
    kindsOf({ attempts: [ambiguous, found] }, 2),
    ['unrecorded_duplicate'],
    'it was found, and sent again',
  )
  t.same(kindsOf({ attempts: [ambiguous, ambiguous, ambiguous, sent] }, 4), ['too_many'])
})

t.test('a message in the wrong place', async (t) => {
  t.same(kindsOf({ target: '#b' }, 0), ['misrouted', 'not_arrived'])
  t.same(kindsOf({}, 1, { event: { deliveries: [] } }), ['misrouted', 'stray'])
  const twice = { deliveries: [delivered, { ...delivered, id: 'dlv_2' }] }
  const one = ['#a', 'dlv_1'] as const
  t.same(kindsOf({}, [one, ['#a', 'dlv_2']], { event: twice }), ['misrouted'], 'two of them')
  t.same(kindsOf({}, [one, ['#b', 'dlv_1']]), ['stray'])
  t.same(kindsOf({}, [one, ['#a', 'dlv_9']]), ['stray'], 'of a delivery that is not stored')
})

t.test('a wrong order', async (t) => {
  const order = (...places: (number | undefined)[]) => checkOrder([{ subject: 's', places }])
  t.same(order(1, 2), [])
  t.same(order(1, undefined), [])
  t.match(order(2, 1), [{ kind: 'wrong_order' }])
  seen.add('wrong_order')
})

t.test('every kind of finding was seen', async (t) => {
  t.same(new Set(findingKinds), seen)
})
