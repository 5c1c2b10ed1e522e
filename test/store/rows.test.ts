import t from 'tap'
import { stepOf } from '../../src/store/sql/rows.ts'

t.test('a step that an early checkout recorded has its present name', async (t) => {
  t.same(stepOf('{"how":"afresh","number":2}'), { how: 'restarted', number: 2 })
  t.same(stepOf('{"how":"reply","number":3}'), { how: 'reply', number: 3 })
})
