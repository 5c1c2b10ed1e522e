import t from 'tap'
import { classifyClock, classifySecrets, classifySpace, classifySync } from '../../src/core/machine.ts'

const GIB = 2 ** 30

t.test('space is short below a GiB, and below a twentieth', async (t) => {
  t.match(classifySpace(10 * GIB, 100 * GIB, '/var/lib'), {
    level: 'fine',
    summary: '10.0 of 100.0 GiB free (10 %) in /var/lib',
  })
  t.match(classifySpace(0.5 * GIB, 1 * GIB, '/'), { level: 'warning', meaning: /503/, hint: /store\.retain/ })
  t.match(classifySpace(4 * GIB, 100 * GIB, '/'), { level: 'warning' })
  t.match(classifySpace(5 * GIB, 100 * GIB, '/'), { level: 'fine' })
  t.match(classifySpace(2 * GIB, 0, '/'), { level: 'fine' }, 'a file system that does not report its size')
})

t.test('one slow write is no slow disk', async (t) => {
  t.match(classifySync([1, 2, 500]), { level: 'fine', summary: /2\.0 ms \(median of 3\)/ })
  t.match(classifySync([30, 40]), {
    level: 'warning',
    summary: /35\.0 ms/,
    meaning: /about 28 of them a second/,
  })
  t.match(classifySync([3_000]), { level: 'warning', meaning: /about 1 of them/ })
})

t.test('clocks: a minute is warned of, four are wrong', async (t) => {
  const at = Date.UTC(2026, 10, 23, 12, 5)
  t.match(classifyClock('cuuro', [], 0), {
    level: 'unknown',
    summary: /with that of cuuro: no request has arrived yet/,
  })
  t.match(classifyClock('cuuro', [-300, 900_000, 200], at), {
    level: 'fine',
    summary: 'the clock agrees with that of cuuro (last request: 2026-11-23 12:05 UTC)',
  })
  t.match(classifyClock('cuuro', [60_000], at), { level: 'fine', summary: /60\.0 s ahead of/ })
  t.match(classifyClock('cuuro', [60_001], at), { level: 'warning' })
  t.match(classifyClock('cuuro', [-240_000], at), { level: 'warning', summary: /240\.0 s behind/ })
  t.match(classifyClock('cuuro', [-240_001], at), { level: 'wrong', hint: /timedatectl/ })
})

t.test('secrets: 24 bytes are long enough', async (t) => {
  t.match(classifySecrets('cuuro', [24]), { level: 'fine', summary: /^cuuro: its signing secret is/ })
  t.match(classifySecrets('cuuro', [24, 64]), { level: 'fine', summary: /its 2 signing secrets are/ })
  t.match(classifySecrets('cuuro', [32, 23]), {
    level: 'warning',
    summary: 'cuuro: secrets[1] has fewer than 24 bytes',
  })
})
