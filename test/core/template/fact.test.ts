/** Numbers and dates as a reader sees them: those that were sent, and no others. */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { numberOf } from '../../../src/core/json/number.ts'
import { factValue } from '../../../src/core/template/summary/fact.ts'
import '../../support/property-seed.ts'

// A view holds numbers as they were written, whose type is that of JSON.
const shown = (text: string) => factValue(numberOf(text) as number)

t.test('of HTML the words are shown', async (t) => {
  for (const [html, words] of [
    ['<p>Hello <b>world</b> &amp; all</p>\n<p>of <i>y</i>ou</p>', 'Hello world & all of you'],
    ['<!doctype html><html><head><title>x</title></head><body><STYLE>p{}</STYLE><h1>Hi</h1></body>', 'Hi'],
    ['<a href="https://example.com/?a=1&amp;b=2">Read</a>: &lt;b&gt; is bold', 'Read: <b> is bold'],
    ['<p>1 &amp;lt; 2', '1 &lt; 2'],
    ['<p>x</p><style>p {', 'x'],
    ['<p>It&#8217;s &#x201C;new&#X201d;&#0;&#xd800;&#9999999;', 'It’s “new” ��'],
    ['Ben &amp; Jerry&#39;s', 'Ben &amp; Jerry&#39;s'],
    ['<div', '<div'],
    ['<pro> plan', '<pro> plan'],
    ['<!here> hello', '<!here> hello'],
    ['a <b>c</b>', 'a <b>c</b>'],
    ['Ada <ada@example.com>', 'Ada <ada@example.com>'],
  ] as const)
    t.equal(factValue(html), words)
  t.equal(factValue('<p> </p>'), null, 'nothing')
  const part = fc.constantFrom(
    '<p>',
    '</p>',
    '<br/>',
    '<a href="x">',
    '</a>',
    '<style>p {}</style>',
    'x',
    ' ',
    '&lt;',
  )
  fc.assert(
    fc.property(fc.array(part), (parts) => {
      const shown = factValue(`<p>${parts.join('')}`) ?? ''
      const words = parts
        .filter((one) => one === 'x' || one === '&lt;')
        .map((one) => one.replace('&lt;', '<'))
      assert.equal(shown.replaceAll(/\s/g, ''), words.join(''))
    }),
  )
})

t.test('what a reader would not see, and a date that is not set, is nothing', async (t) => {
  for (const text of [
    '\u200b',
    '\u00a0\u200d \ufeff',
    '0001-01-01T00:00:00Z',
    '0001-01-01T00:00:00.0000000+00:00',
    '0001-01-01',
    '0000-00-00 00:00:00',
  ])
    t.equal(factValue(text), null, JSON.stringify(text))
  t.equal(factValue(['\u200b', 'x', null]), 'x')
  t.equal(factValue('0001-01-01 is the first day'), '0001-01-01 is the first day')
  t.equal(factValue('0001-02-01'), '1 Feb 1')
})

t.test('numbers are rounded as they were written', async (t) => {
  const cases = [
    ['9007199254740993.125', '9,007,199,254,740,993.13'],
    ['12345678901234567890.123', '12,345,678,901,234,567,890.12'],
    ['1000000000000000000000.125', '1,000,000,000,000,000,000,000.13'],
    ['0.0000001', '0.0000001'],
    ['-0.00012345', '-0.000123'],
    ['0.30000000000000004', '0.3'],
    ['1.005', '1.01'],
    ['-1.005', '-1.01'],
    ['9999.999', '10,000'],
    ['0.9999', '1'],
    ['-0.000', '0'],
    ['87.50', '87.50'],
    ['2026', '2026'],
    ['1e21', '1e21'],
    ['1e-7', '1e-7'],
    ['1E400', '1E400'],
    [`1.${'3'.repeat(1_000)}`, '1.33'],
  ] as const
  for (const [text, expected] of cases) t.equal(shown(text), expected, text.slice(0, 40))
  t.match(shown(`0.${'0'.repeat(1_000)}1`), /^0\.0+…$/)
})

t.test('what is shown is the nearest number with so many digits', async (t) => {
  const digits = (minLength: number, maxLength: number) =>
    fc.array(fc.integer({ min: 0, max: 9 }), { minLength, maxLength }).map((all) => all.join(''))
  const whole = fc.oneof(
    fc.constant('0'),
    digits(1, 40).map((text) => text.replace(/^0+(?=\d)/, '')),
  )
  /** In units of 10^-60. */
  const scaled = (text: string) => {
    const [before = '', after = ''] = text.split('.')
    return BigInt(before + after.padEnd(60, '0'))
  }
  fc.assert(
    fc.property(fc.constantFrom('', '-'), whole, digits(1, 50), (sign, before, after) => {
      const value = shown(`${sign}${before}.${after}`)?.replaceAll(',', '') ?? ''
      const decimals = before === '0' ? after.search(/[1-9]|$/) + 3 : 2
      const exact = scaled(`${before}.${after}`)
      const error = scaled(value.replace('-', '')) - exact
      const unit = 10n ** BigInt(60 - decimals)
      assert.ok(error * 2n <= unit && error * 2n > -unit, `${before}.${after} is ${value}`)
      assert.match(value, /^-?\d+(\.\d+)?$/)
      if (/[1-9]/.test(value)) assert.equal(value.startsWith('-'), sign === '-')
    }),
    { numRuns: 500 },
  )
  t.pass('held')
})

t.test('a day that there is not stays text', async (t) => {
  const cases = [
    ['2026-02-28', '28 Feb 2026'],
    ['2028-02-29', '29 Feb 2028'],
    ['2026-10-25T02:30:00+02:00', '25 Oct 2026, 00:30 UTC'],
    ['9999-12-31T23:30Z', '31 Dec 9999, 23:30 UTC'],
  ] as const
  for (const [text, expected] of cases) t.equal(factValue(text), expected)
  for (const text of [
    '2026-02-30',
    '2026-02-29',
    '2026-04-31T10:00:00Z',
    '2026-13-01',
    '2026-10-25T02:30:00',
    '2026-10-25T25:00:00Z',
    '9999-12-31T23:30-0500',
    '0000-01-01T00:00+01:00',
  ])
    t.equal(factValue(text), text)
})
