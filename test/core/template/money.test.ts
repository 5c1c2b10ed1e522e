/** Amounts in the smallest unit of a currency. */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { numberOf } from '../../../src/core/json/number.ts'
import { createEngine } from '../../../src/core/template/template.ts'
import '../../support/property-seed.ts'

const template = createEngine((text) => text).compile('{{ data.amount | money: data.currency }}')
const money = (amount: unknown, currency: unknown) => template.render({ data: { amount, currency } }).text

t.test('amounts as a reader writes them', async (t) => {
  for (const [amount, currency, shown] of [
    [2_499_875, 'dkk', '24,998.75 DKK'],
    [100_000, 'USD', '1000.00 USD'],
    [-5, 'eur', '-0.05 EUR'],
    [0, 'EUR', '0.00 EUR'],
    ['1250', 'eur', '12.50 EUR'],
    [12_000, 'jpy', '12,000 JPY'],
    [1_500, 'kwd', '1.500 KWD'],
    [numberOf('12345678901234567890'), 'usd', '123,456,789,012,345,678.90 USD'],
    [12.5, 'eur', '12.5'],
    ['12.50', 'EUR', '12.50'],
    ['soon', 'EUR', 'soon'],
    [1_250, 'euro', '1250'],
    [1_250, '<!here>', '1250'],
  ] as const)
    t.equal(money(amount, currency), shown, `${amount} ${currency}`)
})

t.test('no digit is lost', async (t) => {
  fc.assert(
    fc.property(
      fc.bigInt({ min: -(10n ** 25n), max: 10n ** 25n }),
      fc.constantFrom('EUR', 'JPY', 'KWD'),
      (units, currency) => {
        const shown = money(String(units), currency)
        assert.equal(BigInt(shown.replaceAll(/[,.]|( [A-Z]{3})$/g, '')), units)
        assert.ok(shown.endsWith(` ${currency}`))
      },
    ),
  )
  t.pass('held')
})
