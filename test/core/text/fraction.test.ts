import t from 'tap'
import { fractionOf } from '../../../src/core/text/fraction.ts'

t.test('fractions of texts that differ in a digit are spread evenly', async (t) => {
  const COUNT = 10_000
  const BINS = 10
  const bins = new Array<number>(BINS).fill(0)
  for (let number = 0; number < COUNT; number++) {
    const fraction = fractionOf(`slack:#deals ${number}`)
    const bin = Math.floor(fraction * BINS)
    bins[bin] = (bins[bin] ?? 0) + 1
  }
  t.equal(bins.length, BINS, 'none is below 0, or 1 or more')
  for (const count of bins) t.ok(Math.abs(count - COUNT / BINS) < 150, `${count} of ${COUNT}`)
})

t.equal(fractionOf('slack:#deals 1'), fractionOf('slack:#deals 1'))
