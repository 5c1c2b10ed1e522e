import t from 'tap'
import { ProbePaces } from '../../src/pipeline/probe-pace.ts'

t.test('the pace of each channel', async (t) => {
  const paces = new ProbePaces()
  t.equal(paces.waitMs(0), Number.POSITIVE_INFINITY, 'nothing was held back')
  for (let attempt = 0; attempt < 5; attempt++) paces.take('slack', 0)
  t.equal(paces.room('slack', 0), 0)
  t.equal(paces.room('email', 0), 5)
  t.equal(paces.waitMs(0), 200)
  t.equal(paces.room('slack', 39), 0)
  t.equal(paces.room('slack', 40), 1)
  t.equal(paces.room('slack', 1_000), 5)
  t.equal(paces.waitMs(1_000), Number.POSITIVE_INFINITY)
})

t.test('an attempt that found its destination working does not count', async (t) => {
  const paces = new ProbePaces()
  for (let attempt = 0; attempt < 5; attempt++) paces.take('slack', 0)
  paces.giveBack('slack', 0)
  t.equal(paces.room('slack', 0), 1)
  for (let attempt = 0; attempt < 10; attempt++) paces.giveBack('slack', 0)
  t.equal(paces.room('slack', 0), 5, 'never more than at first')
})

t.test('attempts that nothing holds back are not owed', async (t) => {
  const paces = new ProbePaces()
  for (let attempt = 0; attempt < 1_000; attempt++) paces.take('gone', 0)
  t.equal(paces.room('gone', 40), 1)
})
