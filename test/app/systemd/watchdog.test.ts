/** When the watchdog is fed: real delivery loops over stores that answer, refuse, hang and throw. */
import t, { type Test } from 'tap'
import { Supervision } from '../../../src/app/systemd/supervision.ts'
import { heartbeatIntervalMs } from '../../../src/app/systemd/watchdog.ts'
import { DeliveryLoop } from '../../../src/pipeline/loop.ts'
import { openStore } from '../../../src/store/open.ts'
import { type Claimed, type Store, StoreUnavailable } from '../../../src/store/store.ts'
import { until } from '../../support/until.ts'

const LONG = 6_000

/** A loop over a store that claims like this, and what it sends to the manager and logs. */
function supervise(t: Test, claim: Store['claim']) {
  const sent: Readonly<Record<string, string>>[] = []
  const logged: string[] = []
  const clock = { ahead: 0 }
  const supervision = new Supervision({
    notifier: { send: (variables) => sent.push(variables) },
    heartbeatIntervalMs: 10,
    log: { error: (text: string) => logged.push(text), info: (text: string) => logged.push(text) },
    now: () => performance.now() + clock.ahead,
  })
  const loop = new DeliveryLoop({
    holder: 'test',
    store: {
      claim,
      renew: async () => {},
      reconfigure: async () => {},
      onDue: () => {},
      isSequential: false,
    },
    channels: () => new Map(),
    deliver: () => t.fail('nothing is due') as never,
    onBug: (error) => t.fail(String(error)),
    now: Date.now,
    clock: () => performance.now(),
    observe: (fact) => supervision.observe(fact),
  })
  t.teardown(() => supervision.stopping())
  return {
    loop,
    sent,
    logged,
    clock,
    heartbeats: () => sent.filter(({ WATCHDOG }) => WATCHDOG === '1').length,
    start() {
      loop.start()
      supervision.ready({ where: 'here', heartbeat: () => loop.heartbeat, storeLoss: () => null })
    },
  }
}

/** Resolves when the supervision has checked some more times. */
async function someChecks(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  let count = 0
  const timer = setInterval(() => {
    count += 1
    if (count === 4) resolve()
  }, 10)
  await promise
  clearInterval(timer)
}

t.test('heartbeats while the store answers', async (t) => {
  const store = await openStore('sqlite::memory:', 'service')
  t.teardown(() => store.close())
  const { loop, heartbeats, start, logged } = supervise(t, store.claim)
  t.teardown(() => loop.stop(0))
  start()
  await until(() => heartbeats() >= 5, 'some heartbeats')
  t.strictSame(logged, [])
})

t.test('heartbeats while the store refuses, and the status says that it does', async (t) => {
  let refuses = true
  const nothing: Claimed = { leased: [], nextDueAt: null }
  const { loop, heartbeats, start, sent, clock, logged } = supervise(t, async () => {
    if (refuses) throw new StoreUnavailable('the disk is full')
    return nothing
  })
  t.teardown(() => loop.stop(0))
  start()
  const status = () => sent.findLast(({ STATUS }) => STATUS !== undefined)?.STATUS ?? ''
  await until(() => heartbeats() >= 5 && status() !== '', 'heartbeats and a status')
  t.match(status(), /^the store is unavailable: the disk is full; here; /)
  t.strictSame(logged, [], 'a restart would not make room')
  refuses = false
  await loop.reconfigure()
  await until(() => loop.heartbeat.doing === 'resting', 'a claim')
  clock.ahead = 2 * LONG
  await until(() => status().startsWith('here; '), 'the status to be good again')
})

t.test('no heartbeat while a claim hangs; logged once; again when it ends', async (t) => {
  const answer = Promise.withResolvers<Claimed>()
  const { loop, heartbeats, start, clock, logged } = supervise(t, () => answer.promise)
  start()
  await until(() => heartbeats() >= 2, 'heartbeats while it may still come')
  clock.ahead = LONG
  await until(() => logged.length > 0, 'the log')
  const before = heartbeats()
  await someChecks()
  t.equal(heartbeats(), before)
  t.strictSame(logged.length, 1)
  t.match(
    logged[0],
    /^the store has not answered the delivery loop for 6 s: the watchdog gets no heartbeat any more/,
  )
  const stopped = loop.stop(0)
  answer.resolve({ leased: [], nextDueAt: null })
  await stopped
})

t.test('heartbeat again when the store answers after all', async (t) => {
  const first = Promise.withResolvers<Claimed>()
  const nothing: Claimed = { leased: [], nextDueAt: null }
  let claims = 0
  const { loop, heartbeats, start, clock, logged } = supervise(t, async () => {
    claims += 1
    return claims === 1 ? first.promise : nothing
  })
  t.teardown(() => loop.stop(0))
  start()
  clock.ahead = LONG
  await until(() => logged.length === 1, 'the log')
  clock.ahead = 0
  first.resolve(nothing)
  await until(() => logged.length === 2, 'the log')
  t.match(logged[1], /works again/)
  const before = heartbeats()
  await until(() => heartbeats() > before, 'heartbeats')
})

t.test('no heartbeat when the loop ended by an exception', async (t) => {
  const { loop, heartbeats, start, logged } = supervise(t, async () => {
    throw new TypeError('a bug')
  })
  start()
  await t.rejects(loop.stop(0), { message: 'a bug' }, 'outside of a test this ends the process')
  await until(() => logged.length > 0, 'the log')
  t.match(logged[0], /^the delivery loop has ended: /)
  const before = heartbeats()
  await someChecks()
  t.equal(heartbeats(), before)
})

t.test('how often: half of what the manager waits, if it waits for this process', async (t) => {
  t.equal(heartbeatIntervalMs({ WATCHDOG_USEC: '30000000', WATCHDOG_PID: '7' }, 7), 15_000)
  t.equal(heartbeatIntervalMs({ WATCHDOG_USEC: '3000000' }, 7), 1_500)
  t.equal(heartbeatIntervalMs({ WATCHDOG_USEC: '30000000', WATCHDOG_PID: '8' }, 7), undefined)
  for (const wrong of ['', '0', 'soon', '-5', '1e9'])
    t.equal(heartbeatIntervalMs({ WATCHDOG_USEC: wrong }, 7), undefined, wrong)
  t.equal(heartbeatIntervalMs({}, 7), undefined)
  t.equal(
    heartbeatIntervalMs({ WATCHDOG_USEC: '9'.repeat(19) }, 7),
    2 ** 31 - 1,
    'no longer than a timer can wait',
  )
})
