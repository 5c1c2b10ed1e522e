import t from 'tap'
import { freePort } from './ports.ts'

t.test('no port is given twice, though nobody has opened it yet', async (t) => {
  const drawn = [0.25, 0.25, 0.75]
  const random = () => drawn.shift() ?? Math.random()
  t.not(freePort(random), freePort(random))
})
