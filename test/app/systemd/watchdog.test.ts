/** When the watchdog is notified: real delivery loops over stores that answer, refuse, hang and throw. */
import t, { type Test } from 'tap'
import { Supervision } from '../../../src/app/systemd/supervision.ts'
import { claimLimitMs, watchdogIntervalMs } from '../../../src/app/systemd/watchdog.ts'
import { DeliveryLoop } from '../../../src/pipeline/loop.ts'
import { openStore } from '../../../src/store/open.ts'
import { type Claimed, type Store, StoreUnavailable } from '../../../src/store/store.ts'
import { until } from '../../support/until.ts'

const LONG = 6_000

/** A loop over a store that claims like this, and what it sends to the manager and logs. */
function supervise(
  t: Test,
  claim: Store['claim'],
  { storeUrl = 'sqlite:store.db', onBug = (error: unknown): void => void t.fail(String(error)) } = {},
) {
  const sent: Readonly<Record<string, string>>[] = []
  const logged: string[] = []
  // It stands still, so that a machine that stalls is no store that hangs.
  const clock = { now: 0 }
  const supervision = new Supervision({
    notifier: { send: (variables) => sent.push(variables) },
    watchdogIntervalMs: 10,
    log: { error: (text: string) => logged.push(text), info: (text: string) => logged.push(text) },
    now: () => clock.now,
  })
  const loop = new DeliveryLoop({
    holder: 'test',
    store: {
      claim,
      idleUntil: () => null,
      renew: async () => {},
      reconfigure: async () => {},
      onDue: () => {},
      isSequential: false,
    },
    settings: () => ({ channels: new Map(), fingerprint: 'test' }),
    deliver: () => t.fail('nothing is due') as never,
    onBug,
    now: Date.now,
    clock: () => clock.now,
    observe: (fact) => supervision.observe(fact),
  })
  t.teardown(() => supervision.stopping())
  return {
    loop,
    sent,
    logged,
    clock,
    notified: () => sent.filter(({ WATCHDOG }) => WATCHDOG === '1').length,
    start() {
      loop.start()
      supervision.ready({
        where: 'here',
        activity: () => loop.activity,
        claimLimitMs: claimLimitMs(storeUrl),
        storeLoss: () => null,
      })
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

t.test('notified while the store answers', async (t) => {
  const store = await openStore('sqlite::memory:', 'service')
  t.teardown(() => store.close())
  const { loop, notified, start, logged } = supervise(t, store.claim)
  t.teardown(() => loop.stop(0))
  start()
  await until(() => notified() >= 5, 'some notifications')
  t.strictSame(logged, [])
})

t.test('notified while the store refuses, and the status says that it does', async (t) => {
  let refuses = true
  const nothing: Claimed = { leased: [], nextDueAt: null }
  const { loop, notified, start, sent, clock, logged } = supervise(t, async () => {
    if (refuses) throw new StoreUnavailable('the disk is full')
    return nothing
  })
  t.teardown(() => loop.stop(0))
  start()
  const status = () => sent.findLast(({ STATUS }) => STATUS !== undefined)?.STATUS ?? ''
  await until(() => notified() >= 5 && status() !== '', 'notifications and a status')
  t.match(status(), /^the store is unavailable: the disk is full; here; /)
  t.strictSame(logged, [], 'a restart would not make room')
  refuses = false
  await loop.reconfigure()
  await until(() => loop.activity.doing === 'resting', 'a claim')
  clock.now = 2 * LONG
  await until(() => status().startsWith('here; '), 'the status to be good again')
})

t.test('not notified while a claim hangs; logged once; again when it ends', async (t) => {
  const answer = Promise.withResolvers<Claimed>()
  const { loop, notified, start, clock, logged } = supervise(t, () => answer.promise)
  start()
  await until(() => notified() >= 2, 'notifications while it may still come')
  clock.now = LONG
  await until(() => logged.length > 0, 'the log')
  const before = notified()
  await someChecks()
  t.equal(notified(), before)
  t.strictSame(logged.length, 1)
  t.match(
    logged[0],
    /^the store has not answered the delivery loop for 6 s: the watchdog is not notified any more/,
  )
  const stopped = loop.stop(0)
  answer.resolve({ leased: [], nextDueAt: null })
  await stopped
})

t.test('a database that hangs is given the time of its statements', async (t) => {
  const answer = Promise.withResolvers<Claimed>()
  const { loop, notified, start, clock, logged } = supervise(t, () => answer.promise, {
    storeUrl: 'postgres://hookbridge@db/hookbridge?statement_timeout=20s',
  })
  start()
  await until(() => notified() >= 2, 'notifications')
  clock.now = 90_000
  const before = notified()
  await until(() => notified() > before + 2, 'more of them: a restart would not help')
  t.strictSame(logged, [])
  clock.now = 101_000
  await until(() => logged.length > 0, 'the log')
  t.match(logged[0], /^the store has not answered the delivery loop for 101 s/)
  const stopped = loop.stop(0)
  answer.resolve({ leased: [], nextDueAt: null })
  await stopped
})

t.test('notified again when the store answers after all', async (t) => {
  const first = Promise.withResolvers<Claimed>()
  const nothing: Claimed = { leased: [], nextDueAt: null }
  let claims = 0
  const { loop, notified, start, clock, logged } = supervise(t, async () => {
    claims += 1
    return claims === 1 ? first.promise : nothing
  })
  t.teardown(() => loop.stop(0))
  start()
  clock.now = LONG
  await until(() => logged.length === 1, 'the log')
  clock.now = 0
  first.resolve(nothing)
  await until(() => logged.length === 2, 'the log')
  t.match(logged[1], /works again/)
  const before = notified()
  await until(() => notified() > before, 'notifications')
})

t.test('notified after an exception, which the loop survives, and not once it has ended', async (t) => {
  let claims = 0
  const bug = new TypeError('a bug')
  const bugs: unknown[] = []
  const claim = async (): Promise<Claimed> => {
    claims += 1
    if (claims === 1) throw bug
    return { leased: [], nextDueAt: null }
  }
  const { loop, notified, start, logged } = supervise(t, claim, { onBug: (error) => bugs.push(error) })
  start()
  await until(() => claims > 1 && notified() >= 2, 'another claim')
  t.strictSame(bugs, [bug])
  t.strictSame(logged, [])
  await loop.stop(0)
  await until(() => logged.length > 0, 'the log')
  t.match(logged[0], /^the delivery loop has ended: /)
  const before = notified()
  await someChecks()
  t.equal(notified(), before)
})

t.test('how often: half of what the manager waits, if it waits for this process', async (t) => {
  t.equal(watchdogIntervalMs({ WATCHDOG_USEC: '30000000', WATCHDOG_PID: '7' }, 7), 15_000)
  t.equal(watchdogIntervalMs({ WATCHDOG_USEC: '3000000' }, 7), 1_500)
  t.equal(watchdogIntervalMs({ WATCHDOG_USEC: '30000000', WATCHDOG_PID: '8' }, 7), undefined)
  for (const wrong of ['', '0', 'soon', '-5', '1e9'])
    t.equal(watchdogIntervalMs({ WATCHDOG_USEC: wrong }, 7), undefined, wrong)
  t.equal(watchdogIntervalMs({}, 7), undefined)
  t.equal(
    watchdogIntervalMs({ WATCHDOG_USEC: '9'.repeat(19) }, 7),
    2 ** 31 - 1,
    'no longer than a timer can wait',
  )
})
