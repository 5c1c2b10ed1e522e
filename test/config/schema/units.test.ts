import fc from 'fast-check'
import t from 'tap'
import { formatDuration, formatSize, parseDuration, parseSize } from '../../../src/config/schema/units.ts'
import { cpuTime } from '../../support/cpu-time.ts'

t.test('durations', async (t) => {
  const known = {
    '0s': 0,
    '250ms': 250,
    '30s': 30_000,
    '5m': 300_000,
    '1h30m': 5_400_000,
    '30d': 2_592_000_000,
  }
  for (const [text, ms] of Object.entries(known)) {
    t.equal(parseDuration(text), ms, text)
    t.equal(formatDuration(ms), text, text)
  }
  t.equal(parseDuration('90m'), 5_400_000, 'not only as it is formatted')
})

t.test('what is no duration', async (t) => {
  for (const text of [
    '',
    '5',
    'm',
    '5 m',
    '5M',
    '1.5h',
    '-1s',
    '30m1h',
    '1h1h',
    '5w',
    '1h ',
    '٣s',
    '9999999999d',
  ]) {
    t.equal(parseDuration(text), null, JSON.stringify(text))
  }
})

t.test('sizes', async (t) => {
  for (const [text, bytes] of Object.entries({
    '0b': 0,
    '1000b': 1_000,
    '256kb': 262_144,
    '1mb': 1_048_576,
  })) {
    t.equal(parseSize(text), bytes, text)
    t.equal(formatSize(bytes), text, text)
  }
  for (const text of ['', '1', 'kb', '1gb', '1KB', '1 kb', '0.5mb', '1kb1b'])
    t.equal(parseSize(text), null, text)
})

t.test('what is formatted is read back', async () => {
  const whole = fc.nat({ max: 2 ** 31 - 1 })
  fc.assert(fc.property(whole, (ms) => parseDuration(formatDuration(ms)) === ms))
  fc.assert(fc.property(fc.nat({ max: 999_999_999 }), (bytes) => parseSize(formatSize(bytes)) === bytes))
})

t.test('a hostile text takes no time', async (t) => {
  const cost = cpuTime()
  t.equal(parseDuration('1'.repeat(1_000_000)), null)
  t.equal(parseDuration(`${'1d'.repeat(500_000)}`), null)
  t.ok(cost() < 1_000)
})
