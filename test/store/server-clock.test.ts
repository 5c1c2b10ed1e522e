/** The clock of the database server, as instances keep it between two readings. */
import t from 'tap'
import { ServerClock } from '../../src/store/postgres/clock/server-clock.ts'

const SERVER = Date.UTC(2026, 5, 1)

/** A machine whose clock is an hour off. `takes`: how long a reading takes, half of it each way. */
function machine() {
  const state = { monotonic: 5_000, wall: SERVER + 3_600_000, server: SERVER, reads: 0, takes: 0 }
  const pass = (ms: number) => {
    state.monotonic += ms
    state.wall += ms
    state.server += ms
  }
  const clock = new ServerClock({ monotonic: () => state.monotonic, wall: () => state.wall })
  const reader = {
    async query() {
      state.reads += 1
      pass(state.takes / 2)
      const time = state.server
      pass(state.takes / 2)
      return [{ time }] as never
    },
  }
  return { state, pass, clock, reader }
}

t.test('it is read now and then, and goes on in between', async (t) => {
  const { state, pass, clock, reader } = machine()
  await clock.keep(reader)
  t.equal(clock.now(), SERVER)
  pass(9_000)
  await clock.keep(reader)
  t.equal(state.reads, 1)
  t.equal(clock.now(), SERVER + 9_000)
  pass(1_000)
  state.server -= 700
  await clock.keep(reader)
  t.equal(clock.now(), state.server)
})

t.test('after the machine was suspended, it is right at once, and read again', async (t) => {
  const { state, pass, clock, reader } = machine()
  await clock.read(reader)
  pass(2_000)
  const monotonic = state.monotonic
  pass(180_000)
  state.monotonic = monotonic
  t.equal(clock.now(), state.server)
  await clock.keep(reader)
  t.equal(state.reads, 2)
})

t.test('a clock of the machine that is set is no matter after the next reading', async (t) => {
  const { state, pass, clock, reader } = machine()
  await clock.read(reader)
  state.wall += 7_200_000
  await clock.keep(reader)
  t.equal(clock.now(), state.server)
  state.wall -= 3_600_000
  pass(100)
  t.equal(clock.now(), state.server)
})

t.test('a slow reading is used only where there is no better one', async (t) => {
  const { state, pass, clock, reader } = machine()
  state.takes = 3_000
  await clock.keep(reader)
  t.equal(clock.now(), state.server, 'the first one')
  state.takes = 0
  pass(10_000)
  await clock.keep(reader)
  // The answer waits for a stall of this process.
  const stalled = { query: async () => [{ time: state.server }, pass(3_000)].slice(0, 1) as never }
  pass(10_000)
  await clock.keep(stalled)
  t.equal(clock.now(), state.server)
  pass(60_000)
  await clock.keep(stalled)
  t.equal(clock.now(), state.server - 1_500, 'one that is too old is no better')
})

t.test('a time that came with an answer corrects it', async (t) => {
  const { state, pass, clock, reader } = machine()
  await clock.read(reader)
  const asked = clock.now()
  pass(5_000)
  t.equal(clock.agrees(state.server - 2_500, asked), true, 'a slow answer says nothing')
  t.equal(clock.now(), state.server)
  // A virtual machine that was paused: none of its clocks went on.
  state.server += 180_000
  t.equal(clock.agrees(state.server, clock.now()), false)
  t.equal(clock.now(), state.server)
  state.server -= 60_000
  t.equal(clock.agrees(state.server, clock.now()), false, 'somebody set the clock of the server back')
  t.equal(clock.now(), state.server)
})
