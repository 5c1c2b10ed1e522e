import t from 'tap'
import { seeded } from '../support/seeded-random.ts'
import { kinds, scheduleFaults } from './schedule.ts'

t.test('a schedule of faults', async (t) => {
  for (const seed of [1, 2, 3, 4, 5]) {
    const schedule = scheduleFaults(40_000, 800, seeded(seed))
    t.same(schedule, scheduleFaults(40_000, 800, seeded(seed)), 'is the same for the same seed')
    t.same(new Set(schedule.map(({ fault }) => fault.kind)), new Set(kinds), 'has every kind')
    t.equal(schedule.length, 50)
    let hours = 0
    for (const { fault } of schedule) {
      if (fault.kind === 'clock') hours += fault.hours
      if (Math.abs(hours) > 2) t.fail(`the clock is wrong by ${hours} hours`)
    }
    const times = schedule.map(({ at }) => at)
    t.same(
      times,
      times.toSorted((one, other) => one - other),
    )
    t.ok((times.at(-1) ?? 0) <= 40_000)
    const late = schedule.filter((_, index) => index >= 0.75 * schedule.length).map(({ fault }) => fault)
    t.notOk(
      late.some((fault) => fault.kind === 'kill' || ('kills' in fault && fault.kills)),
      'kills nothing at last',
    )
  }
  const few = scheduleFaults(1_000, 800, seeded(1)).map(({ fault }) => fault.kind)
  t.same(new Set(few), new Set(kinds), 'has every kind, however few events there are')
})
