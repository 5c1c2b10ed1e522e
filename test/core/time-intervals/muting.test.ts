import fc from 'fast-check'
import t from 'tap'
import { createMuting, HORIZON_MS } from '../../../src/core/time-intervals/muting.ts'
import { contains, type TimeInterval } from '../../../src/core/time-intervals/time-interval.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const ZONES = ['UTC', 'Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'Asia/Kathmandu']
// Around them clocks are set in one of the zones: by an hour, and by half of one.
const TURNS = [
  '2026-03-08T07:00Z',
  '2026-03-29T01:00Z',
  '2026-04-04T15:00Z',
  '2026-10-03T15:30Z',
  '2026-10-25T01:00Z',
  '2026-11-01T06:00Z',
  '2026-12-31T23:00Z',
  '2028-02-28T12:00Z',
].map((text) => Date.parse(text))

const everything: TimeInterval = {
  times: null,
  weekdays: null,
  daysOfMonth: null,
  months: null,
  years: null,
  location: 'UTC',
}

function interval(part: Partial<TimeInterval>, name = 'nights') {
  return { name, parts: [{ ...everything, ...part }] }
}

t.test('a time lies in an interval where each part contains it', async (t) => {
  const isIn = (part: Partial<TimeInterval>, text: string) =>
    contains({ ...everything, ...part }, Date.parse(`${text}Z`))
  t.ok(isIn({}, '2026-11-28T12:00'))
  const times = [{ from: 540, to: 1_020 }]
  t.ok(isIn({ times }, '2026-11-28T09:00'), 'the first minute')
  t.notOk(isIn({ times }, '2026-11-28T08:59:59.999'))
  t.ok(isIn({ times }, '2026-11-28T16:59:59.999'))
  t.notOk(isIn({ times }, '2026-11-28T17:00'), 'not the last minute')
  t.ok(isIn({ times: [{ from: 1_320, to: 1_440 }] }, '2026-11-28T23:59:59.999'))
  t.ok(isIn({ weekdays: [{ from: 6, to: 6 }] }, '2026-11-28T12:00'))
  t.notOk(isIn({ weekdays: [{ from: 1, to: 5 }] }, '2026-11-28T12:00'))
  t.ok(isIn({ daysOfMonth: [{ from: -1, to: -1 }] }, '2028-02-29T12:00'), 'the last day of a leap month')
  t.notOk(isIn({ daysOfMonth: [{ from: -1, to: -1 }] }, '2028-02-28T12:00'))
  t.ok(isIn({ daysOfMonth: [{ from: 15, to: -1 }] }, '2026-11-30T12:00'))
  t.notOk(isIn({ daysOfMonth: [{ from: 31, to: 31 }] }, '2026-11-30T12:00'))
  t.ok(isIn({ daysOfMonth: [{ from: -31, to: -28 }] }, '2026-02-01T12:00'), 'days that the month has not')
  t.ok(isIn({ months: [{ from: 11, to: 12 }], years: [{ from: 2026, to: 2026 }] }, '2026-11-28T12:00'))
  t.notOk(isIn({ months: [{ from: 11, to: 12 }], years: [{ from: 2027, to: 2027 }] }, '2026-11-28T12:00'))
})

t.test('a route without time intervals is never muted', async (t) => {
  t.equal(createMuting([], [], 'defer'), null)
})

t.test('muted in a time interval, and outside of others', async (t) => {
  const nights = interval({
    times: [
      { from: 0, to: 480 },
      { from: 1_320, to: 1_440 },
    ],
    location: 'Europe/Berlin',
  })
  const weekdays = interval({ weekdays: [{ from: 1, to: 5 }], location: 'Europe/Berlin' }, 'office')
  const muting = createMuting([nights], [weekdays], 'defer')
  const at = (text: string) => muting?.at(Date.parse(text))
  t.equal(at('2026-11-27T12:00+01:00'), null)
  t.same(at('2026-11-26T23:00+01:00'), {
    reason: 'muted by the time interval nights',
    until: Date.parse('2026-11-27T08:00+01:00'),
  })
  t.same(at('2026-11-27T23:00+01:00'), {
    reason: 'muted by the time interval nights',
    until: Date.parse('2026-11-30T08:00+01:00'),
  })
  t.same(at('2026-11-28T12:00+01:00'), {
    reason: 'muted outside the time interval office',
    until: Date.parse('2026-11-30T08:00+01:00'),
  })
})

t.test('a night lasts as long as the clocks say where they are set', async (t) => {
  const nights = interval({ times: [{ from: 0, to: 180 }], location: 'Europe/Berlin' })
  const until = (text: string) => createMuting([nights], [], 'defer')?.at(Date.parse(text))?.until
  t.equal(until('2026-03-28T23:00Z'), Date.parse('2026-03-29T01:00Z'), 'two hours')
  t.equal(until('2026-10-24T22:00Z'), Date.parse('2026-10-25T02:00Z'), 'four hours')
})

t.test('where it does not end within a year', async (t) => {
  const past = interval({ years: [{ from: 2020, to: 2020 }] }, 'past')
  const now = Date.parse('2026-11-28T12:00Z')
  t.same(createMuting([], [past], 'defer')?.at(now), {
    reason: 'muted outside the time interval past',
    until: null,
  })
  t.equal(createMuting([past], [], 'defer')?.at(now), null)
  const [year = 0] = [new Date(now + HORIZON_MS).getUTCFullYear()]
  const next = interval({ months: [{ from: 1, to: 12 }], years: [{ from: year, to: year }] }, 'next')
  t.equal(createMuting([], [next], 'defer')?.at(now)?.until, Date.UTC(year, 0, 1))
})

t.test('until then each minute is muted, and the next one is not', async () => {
  const range = (least: number, most: number) =>
    fc
      .tuple(fc.integer({ min: least, max: most }), fc.integer({ min: least, max: most }))
      .map(([one, other]) => ({
        from: Math.min(one, other),
        to: Math.max(one, other),
      }))
  const some = (least: number, most: number) =>
    fc.option(fc.array(range(least, most), { minLength: 1, maxLength: 2 }))
  const part = fc.record({
    times: fc.option(
      fc.array(
        range(0, 1_440).filter(({ from, to }) => from < to),
        { minLength: 1, maxLength: 2 },
      ),
    ),
    weekdays: some(0, 6),
    daysOfMonth: fc.option(fc.array(fc.oneof(range(1, 31), range(-31, -1)), { minLength: 1, maxLength: 2 })),
    months: some(1, 12),
    years: fc.constant(null),
    location: fc.constantFrom(...ZONES),
  })
  const named = (name: string) =>
    fc.array(
      fc.array(part, { minLength: 1, maxLength: 2 }).map((parts) => ({ name, parts })),
      { maxLength: 2 },
    )
  fc.assert(
    fc.property(
      named('mute'),
      named('active'),
      fc.constantFrom(...TURNS),
      fc.integer({ min: -30 * HOUR, max: 30 * HOUR }),
      (mute, active, turn, offset) => {
        const muting = createMuting(mute, active, 'defer')
        const time = turn + offset
        const isMuted = (at: number) =>
          mute.some(({ parts }) => parts.some((one) => isInByTheClock(one, at))) ||
          (active.length > 0 && !active.some(({ parts }) => parts.some((one) => isInByTheClock(one, at))))
        const muted = muting?.at(time) ?? null
        if (!isMuted(time)) return muted === null
        if (muted === null) return false
        const { until } = muted
        const last = Math.min(until ?? Number.POSITIVE_INFINITY, time + 60 * HOUR)
        for (let at = time; at < last; at += MINUTE) if (!isMuted(at)) return false
        return until === null || (!isMuted(until) && isMuted(until - 1))
      },
    ),
    { numRuns: 60 },
  )
})

t.test('looks for the end of a mute a few times a day, and goes on from there the next time', async (t) => {
  let looks = 0
  const counted = (part: Partial<TimeInterval>): TimeInterval => ({
    ...everything,
    ...part,
    get weekdays() {
      looks += 1
      return null
    },
  })
  const everyOtherMinute = Array.from({ length: 720 }, (_, index) => ({ from: 2 * index, to: 2 * index + 1 }))
  const parts = [counted({ times: everyOtherMinute }), counted({})]
  const muting = createMuting([{ name: 'always', parts }], [], 'defer')
  const now = Date.parse('2026-11-28T12:00Z')
  t.equal(muting?.at(now)?.until, null)
  t.ok(looks < 10_000, `${looks} looks in a year`)
  looks = 0
  for (let minute = 1; minute <= 60; minute++) t.equal(muting?.at(now + minute * MINUTE)?.until, null)
  t.ok(looks < 1_000, `${looks} looks in an hour`)
})

t.test('the end of a mute is the same whatever was asked before', async (t) => {
  const parts = [
    { ...everything, times: [{ from: 0, to: 480 }] },
    { ...everything, times: [{ from: 1_200, to: 1_440 }] },
    { ...everything, daysOfMonth: [{ from: 29, to: -1 }] },
  ]
  const create = () =>
    createMuting([{ name: 'nights', parts }], [interval({ weekdays: [{ from: 1, to: 5 }] })], 'defer')
  const asked = create()
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 14 * 24 * 60 }), (minutes) => {
      const time = Date.parse('2026-11-28T12:00Z') + minutes * MINUTE
      t.same(asked?.at(time), create()?.at(time))
    }),
  )
})

const clocks = new Map(
  ZONES.map((timeZone) => [
    timeZone,
    new Intl.DateTimeFormat('en-US', {
      timeZone,
      hourCycle: 'h23',
      weekday: 'short',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
    }),
  ]),
)

/** From what a clock there shows, and not from an offset. */
function isInByTheClock(part: TimeInterval, at: number): boolean {
  const shown = new Map(
    clocks
      .get(part.location)
      ?.formatToParts(at)
      .map(({ type, value }) => [type, value]),
  )
  const number = (type: Intl.DateTimeFormatPartTypes) => Number(shown.get(type))
  const minute = number('hour') * 60 + number('minute')
  const weekday = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'].indexOf(shown.get('weekday') ?? '')
  const [day, month] = [number('day'), number('month')]
  const days = new Date(Date.UTC(number('year'), month, 0)).getUTCDate()
  const within = (ranges: TimeInterval['months'], value: number) =>
    ranges === null || ranges.some(({ from, to }) => value >= from && value <= to)
  return (
    (part.times === null || part.times.some(({ from, to }) => minute >= from && minute < to)) &&
    within(part.weekdays, weekday) &&
    within(part.months, month) &&
    (part.daysOfMonth === null ||
      part.daysOfMonth.some(({ from, to }) => within([{ from, to }], from < 0 ? day - days - 1 : day)))
  )
}
