import t from 'tap'
import {
  parseDaysOfMonth,
  parseMonths,
  parseTime,
  parseWeekdays,
  parseYears,
} from '../../../src/core/time-intervals/ranges.ts'

const range = (from: number, to = from) => ({ from, to })

t.test('values and ranges, as Alertmanager writes them', async (t) => {
  t.same(parseWeekdays('monday:friday'), range(1, 5))
  t.same(parseWeekdays('Sunday'), range(0))
  t.same(parseWeekdays(' saturday '), range(6))
  t.same(parseDaysOfMonth('1:5'), range(1, 5))
  t.same(parseDaysOfMonth('-3:-1'), range(-3, -1))
  t.same(parseDaysOfMonth('15:-1'), range(15, -1))
  t.same(parseMonths('may:august'), range(5, 8))
  t.same(parseMonths('1:3'), range(1, 3))
  t.same(parseMonths('December'), range(12))
  t.same(parseYears('2027:2029'), range(2027, 2029))
})

t.test('times of day, up to the end of the day', async (t) => {
  t.equal(parseTime('00:00'), 0)
  t.equal(parseTime('9:05'), 545)
  t.equal(parseTime('24:00'), 1_440)
  for (const wrong of ['24:01', '9', '09:60', '25:00', '9:5', '09:00:00', 'noon', ''])
    t.equal(parseTime(wrong), null, wrong)
})

t.test('what is wrong is said, with what is probably meant', async (t) => {
  t.equal(parseWeekdays('mon'), 'must be a day such as monday (did you mean monday?)')
  t.equal(parseWeekdays('firday'), 'must be a day such as monday (did you mean friday?)')
  t.match(parseWeekdays('friday:monday'), /two entries, friday:saturday and sunday:monday$/)
  t.match(parseWeekdays('saturday:sunday'), /two entries, saturday and sunday$/)
  t.match(parseWeekdays('a:b:c'), /two with a colon/)
  t.match(parseDaysOfMonth('0'), /day of the month/)
  t.match(parseDaysOfMonth('32'), /day of the month/)
  t.match(parseDaysOfMonth('5:1'), /ends before/)
  t.match(parseDaysOfMonth('-1:-3'), /ends before/)
  t.match(parseDaysOfMonth('31:-3'), /ends before it begins, in every month/)
  t.match(parseDaysOfMonth('-3:3'), /two entries, -3:-1 and 1:3$/)
  t.match(parseMonths('13'), /1 to 12/)
  t.match(parseMonths('nov'), /did you mean november/)
  t.match(parseMonths('november:february'), /november:december and january:february$/)
  t.match(parseYears('27'), /year/)
  t.match(parseYears('2029:2027'), /ends before/)
})
