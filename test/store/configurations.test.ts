/** What an instance leaves to others while configurations differ. */
import t from 'tap'
import { type Announced, Configurations } from '../../src/store/postgres/configurations.ts'

const MINUTE = 60_000
const SECOND = 1_000

const having = (...channels: readonly string[]): Announced => ({
  configuration: `with ${channels.join(' and ')}`,
  channels: JSON.stringify(channels),
})
const unknown: Announced = { configuration: null, channels: null }

function started(own = having('slack')) {
  let time = 0
  const configurations = new Configurations(() => time)
  configurations.own = own
  return {
    configurations,
    /** As long as a delivery waits, each second a claim asks. */
    wait(ms: number): boolean {
      let isLeft = configurations.isChannelLeft('email')
      for (const end = time + ms; time < end; ) {
        time += SECOND
        isLeft = configurations.isChannelLeft('email')
      }
      return isLeft
    },
    sleep(ms: number) {
      time += ms
    },
  }
}

t.test('a channel is left as long as another instance has it, and for five minutes more', async (t) => {
  for (const other of [having('slack', 'email'), unknown]) {
    const { configurations, wait } = started()
    configurations.sawOthers([having('slack'), other])
    t.ok(wait(60 * MINUTE))
    configurations.sawOthers([having('slack')])
    t.ok(wait(5 * MINUTE - SECOND), 'it may come back')
    t.notOk(wait(SECOND))
    configurations.sawOthers([having('email')])
    t.ok(wait(0), 'it has')
    configurations.sawOthers([])
    t.ok(wait(5 * MINUTE - SECOND), 'also where this one is the last')
    t.notOk(wait(SECOND))
  }
})

t.test('one that has not said what it has may have got the channel just now', async (t) => {
  const { configurations, wait, sleep } = started()
  configurations.sawOthers([having('slack')])
  t.ok(wait(5 * MINUTE - SECOND))
  t.notOk(wait(2 * MINUTE))
  sleep(15 * SECOND)
  t.ok(wait(SECOND), 'nothing waited: this is another time')
})

t.test('an instance that is alone leaves nothing', async (t) => {
  const { configurations, wait } = started()
  t.notOk(wait(0))
  t.notOk(configurations.areLeft(0, 0))
})

t.test('what else it lacks is left for five minutes, while configurations differ', async (t) => {
  const { configurations, sleep } = started()
  const isLeft = (ms: number) => configurations.areLeft(1_000, 1_000 + ms)
  configurations.sawOthers([having('slack')])
  t.notOk(isLeft(0), 'it is the same one')
  for (const other of [having('slack', 'email'), unknown]) {
    configurations.sawOthers([having('slack'), other])
    t.ok(isLeft(5 * MINUTE - 1))
    t.notOk(isLeft(5 * MINUTE))
    configurations.sawOthers([having('slack')])
    sleep(MINUTE - 1)
    t.ok(isLeft(0), 'it may have been killed, and start again')
    sleep(1)
    t.notOk(isLeft(0))
  }
})
