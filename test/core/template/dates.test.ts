/** What the filters for dates read, on machines in whatever zone. */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { Liquid } from 'liquidjs'
import t from 'tap'
import { readDate } from '../../../src/core/template/dates/wall-time.ts'
import { createEngine } from '../../../src/core/template/template.ts'
import '../../support/property-seed.ts'

// Of opposite signs; both put their clocks forward and back.
const zones = ['Europe/Berlin', 'America/New_York', 'UTC'] as const
const engine = createEngine((text) => text)
const filters = [
  'date: "%Y-%m-%d %H:%M:%S"',
  'date: "%a %A %b %B %c %C %d %e %h %H %I %j %k %l %L %m %M %N %p %P %q %s %S %u %U %w %W %x %X %y %Y %z %Z"',
  'date: "%-d %^b %#p %_H %05d %:z %3N %Q %", "Asia/Tokyo"',
  'date: "%F %H:%M %z %Z", -330',
  'date',
  'date_to_string: "ordinal", "US"',
  'date_to_long_string: "ordinal"',
  'date_to_string',
  'date_to_long_string',
  'date_to_rfc822',
  'date_to_xmlschema',
]
const templates = filters.map((filter) => engine.compile(`{{ data | ${filter} }}`))

/** What an action gives with the machine in each of the zones. */
function inZones<Result>(action: () => Result): Result[] {
  const before = process.env.TZ
  try {
    return zones.map((zone) => {
      process.env.TZ = zone
      return action()
    })
  } finally {
    if (before === undefined) delete process.env.TZ
    else process.env.TZ = before
  }
}

const everywhere = (data: unknown) =>
  inZones(() => templates.map((template) => template.render({ data }).text).join('\n'))

const written = (value: string) =>
  engine.compile('{{ data | date: "%Y-%m-%d %H:%M" }}').render({ data: value }).text

t.test('a time without a zone is formatted as it was written', async (t) => {
  for (const text of [
    '2026-10-25T02:30:00',
    // In Berlin there is no such time: clocks are put forward.
    '2026-03-29T02:30',
    '2026-10-25 02:30:00',
    '2026-10-25T02:30:00.123456',
    'Sun Oct 25 2026 02:30:00',
    '10/25/2026, 2:30:00 AM',
    '25-Oct-2026 02:30',
    '2026-10-25 02:30 (PST)',
  ]) {
    const [one, ...others] = everywhere(text)
    for (const other of others) t.equal(other, one, text)
    t.equal(written(text), `2026-${text.includes('03-29') ? '03-29' : '10-25'} 02:30`, text)
    const inTokyo = engine.compile('{{ data | date: "%H:%M", "Asia/Tokyo" }}').render({ data: text }).text
    t.equal(inTokyo, '02:30', `${text}: never converted`)
  }
})

t.test('a date alone, and a time with its zone', async (t) => {
  t.equal(written('2026-10-25'), '2026-10-25 00:00')
  t.equal(written('Oct 25, 2026'), '2026-10-25 00:00')
  t.equal(written('2026-10-25T02:30:00+02:00'), '2026-10-25 00:30')
  t.equal(written('2026-10-25T02:30:00-0500'), '2026-10-25 07:30')
  t.equal(written('2026-10-25 02:30:00 +0200'), '2026-10-25 00:30')
  t.equal(written('Sun, 25 Oct 2026 02:30:00 EST'), '2026-10-25 07:30')
  t.equal(written('2026-10-25 02:30:00+00'), '2026-10-25 02:30', 'of PostgreSQL')
  t.equal(written('2026-10-25 02:30:00.5-07'), '2026-10-25 09:30')
  t.equal(written('Sun Oct 25 02:30:00 UTC 2026'), '2026-10-25 02:30', 'of date(1)')
  t.equal(written('Sun Oct 25 02:30:00 PST 2026'), '2026-10-25 10:30')
  t.equal(written('Sun Oct 25 02:30:00 +0200 2026'), '2026-10-25 00:30')
  t.equal(written('1792895400'), '2026-10-25 02:30', 'seconds')
  for (const text of ['2026-10-25T02:30:00Z', '2026-10-25', '1792895400', 'Sun, 25 Oct 2026 02:30:00 GMT'])
    t.equal(new Set(everywhere(text)).size, 1, text)
})

t.test('a number of milliseconds is the same time as that of its seconds', async (t) => {
  // From 2001 to 2106: what a sender's clock says.
  fc.assert(
    fc.property(fc.integer({ min: 1_000_000_000, max: 4_294_967_295 }), (seconds) => {
      for (const template of templates) {
        const { text } = template.render({ data: seconds })
        for (const data of [seconds * 1_000, `${seconds}000`])
          assert.equal(template.render({ data }).text, text)
      }
    }),
    { numRuns: 200 },
  )
  t.equal(written('1792895400123'), '2026-10-25 02:30')
})

t.test('what is no date stays as it is', async (t) => {
  for (const text of [
    '2026-02-30',
    '2026-02-30T10:00:00Z',
    '2026-13-01',
    '2026-10-25 02:30 (PST',
    'no date',
    '',
    `${'word '.repeat(100)}1`,
  ])
    t.equal(written(text), text)
})

t.test('no text is read in the zone of the machine', async (t) => {
  const part = fc.constantFrom(
    ...'+00 -07 +0200 2026 10 25 02:30 02:30:00 2:30 00 1 31 Oct October Sun T Z z UTC GMT EST am PM - + / . , : ( ) +02:00 -0500 +2 2026-10-25'.split(
      ' ',
    ),
    ...' |\t|x|é|2026-10-25T02:30|2026-10-25 02:30:00|10/25/2026'.split('|'),
  )
  const text = fc
    .array(fc.tuple(part, fc.constantFrom('', '', ' ')), { maxLength: 8 })
    .map((parts) => parts.flat().join(''))
  fc.assert(
    fc.property(text, (value) => {
      const read = inZones(() => {
        return readDate(value)
      })
      for (const other of read) assert.deepEqual(other, read[0], value)
    }),
    { numRuns: 3_000 },
  )
  t.pass('held')
})

t.test('they give what LiquidJS gives on a machine in UTC, on every machine', async (t) => {
  const theirs = new Liquid({ locale: 'en-US', timezoneOffset: 0 })
  const time = fc.oneof(
    fc.integer({ min: -2_200_000_000, max: 99_999_999_999 }),
    // Around the changes to and from summer time.
    ...[Date.UTC(2026, 2, 29), Date.UTC(2026, 9, 25), Date.UTC(2026, 2, 8), Date.UTC(2026, 10, 1)].map(
      (day) => fc.integer({ min: 0, max: 24 * 60 }).map((minutes) => day / 1000 + minutes * 60),
    ),
  )
  fc.assert(
    fc.property(time, fc.constantFrom(...filters), (seconds, filter) => {
      const text = `{{ data | ${filter} }}`
      const value = new Date(seconds * 1000).toISOString()
      const data = value.startsWith('20') ? value : seconds
      process.env.TZ = 'UTC'
      const expected = theirs.parseAndRenderSync(text, { data })
      for (const shown of inZones(() => engine.compile(text).render({ data }).text))
        assert.equal(
          shown.replaceAll('\u202f', ' '),
          expected.replaceAll('\u202f', ' '),
          `${text} of ${data}`,
        )
    }),
    { numRuns: 1_000 },
  )
  t.pass('held')
})
