import t from 'tap'
import { readRetryAfter } from '../../../src/core/delivery/retry-after.ts'

const NOW = Date.UTC(2026, 10, 26, 8, 0, 0)
const SECOND = 1_000
const HOUR = 3_600_000
const DAY = 24 * HOUR

t.test('Retry-After, in every form of RFC 9110', async (t) => {
  const cases: readonly (readonly [string, number | null])[] = [
    ['0', 0],
    ['1', SECOND],
    [' 120 ', 120 * SECOND],
    ['999999', 999_999 * SECOND],
    ['1.5', 1_500],
    // IMF-fixdate, rfc850-date, asctime-date
    ['Thu, 26 Nov 2026 08:00:30 GMT', 30 * SECOND],
    ['Thursday, 26-Nov-26 08:00:30 GMT', 30 * SECOND],
    ['Thu Nov 26 08:00:30 2026', 30 * SECOND],
    ['Thu Nov  5 08:00:30 2026', 0],
    ['Sun, 06 Nov 1994 08:49:37 GMT', 0],
    ['Sunday, 06-Nov-94 08:49:37 GMT', 0],
    ['Friday, 27-Nov-76 08:00:00 GMT', Date.UTC(2076, 10, 27, 8) - NOW],
    ['Saturday, 27-Nov-77 08:00:00 GMT', 0],
    ['Fri, 27 Nov 2026 08:00:00 GMT', DAY],
    // Neither.
    ['', null],
    ['-5', null],
    ['+5', null],
    ['1e9', null],
    ['soon', null],
    ['30, 60', null],
    ['2026-11-26T08:00:30Z', null],
    ['Thu, 26 Nov 2026 08:00:30 CET', null],
    ['Thu, 26 Foo 2026 08:00:30 GMT', null],
    ['thu, 26 nov 2026 08:00:30 gmt', null],
  ]
  for (const [text, expected] of cases) t.equal(readRetryAfter(text, null, NOW), expected, text)
})

t.test('a date is compared with the clock of the answer', async (t) => {
  const slow = 'Thu, 26 Nov 2026 06:00:00 GMT'
  t.equal(readRetryAfter('Thu, 26 Nov 2026 06:00:30 GMT', slow, NOW), 30 * SECOND)
  t.equal(readRetryAfter('Thursday, 26-Nov-26 06:00:30 GMT', 'Thu Nov 26 06:00:00 2026', NOW), 30 * SECOND)
  t.equal(readRetryAfter('Thu, 26 Nov 2026 08:00:30 GMT', 'today', NOW), 30 * SECOND, 'else with ours')
  t.equal(readRetryAfter('30', slow, NOW), 30 * SECOND, 'seconds need no clock')
})
