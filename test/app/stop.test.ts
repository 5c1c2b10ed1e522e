/** What a stop begins, and how long it waits for a store that does not answer. */
import t from 'tap'
import { type Running, stopLimitsMs, stopService } from '../../src/app/stop.ts'

const never = () => new Promise<never>(() => {})

function running(parts: Partial<Running>): { readonly running: Running; readonly log: string[] } {
  const log: string[] = []
  const ended = async () => {}
  const defaults: Running = {
    servers: [],
    loop: { stop: ended },
    enrichLoop: { stop: ended },
    notices: { stop: ended },
    heartbeat: { stop: ended },
    timers: [],
    generations: { close: ended },
    observability: { stopLogs() {}, stopTraces: ended },
    store: { close: ended },
    log: { warn: (message: unknown) => void log.push(String(message)) },
    onBug: (error) => void log.push(`bug: ${error}`),
  }
  return { running: { ...defaults, ...parts }, log }
}

t.test('every part is stopped at once, while requests are still answered', async (t) => {
  const stopped: string[] = []
  const stop = (name: string) => async () => void stopped.push(name)
  const answered = Promise.withResolvers<void>()
  const { running: all, log } = running({
    servers: [{ close: () => answered.promise, closeAllConnections: () => stopped.push('connections') }],
    loop: { stop: stop('deliveries') },
    enrichLoop: { stop: stop('enrichments') },
    notices: { stop: stop('notices') },
    heartbeat: { stop: stop('heartbeat') },
    timers: [() => stopped.push('timer')],
    store: { close: stop('store') },
  })
  const ended = stopService(all)
  t.strictSame(stopped.toSorted(), ['deliveries', 'enrichments', 'heartbeat', 'notices', 'timer'])
  answered.resolve()
  await ended
  t.strictSame(stopped.slice(5), ['connections', 'store'], 'the store last')
  t.strictSame(log, [])
})

t.test('one part waits for the store, and the others do not wait for it', async (t) => {
  for (const part of ['loop', 'enrichLoop', 'notices'] as const) {
    const stopped: string[] = []
    const name = (one: string) => ({ stop: async () => void stopped.push(one) })
    const others = { loop: name('loop'), enrichLoop: name('enrichLoop'), notices: name('notices') }
    const answer = Promise.withResolvers<void>()
    const ended = stopService(running({ ...others, [part]: { stop: () => answer.promise } }).running)
    t.strictSame(
      stopped,
      ['loop', 'enrichLoop', 'notices'].filter((one) => one !== part),
    )
    answer.resolve()
    await ended
  }
})

t.test('a store that does not answer does not keep the process', async (t) => {
  const limits = { requests: 1, attempts: 1, records: 1, connections: 1, store: 1 }
  const { running: all, log } = running({
    servers: [{ close: never, closeAllConnections() {} }],
    loop: { stop: never },
    enrichLoop: { stop: never },
    notices: { stop: never },
    heartbeat: { stop: never },
    generations: { close: never },
    store: { close: never },
  })
  await stopService(all, limits)
  t.match(log, [/the store did not answer in time/, /could not be closed in time/])
  const { requests, ...others } = stopLimitsMs
  const sum = Object.values(others).reduce((total, ms) => total + ms, 0)
  t.ok(sum <= 7_000 && requests <= sum, 'in all, a stop takes seven seconds at the most')
})

t.test('a bug in one part leaves nothing open', async (t) => {
  let closed = 0
  const { running: all, log } = running({
    loop: { stop: () => Promise.reject(new Error('a bug')) },
    store: {
      async close() {
        closed += 1
      },
    },
  })
  await stopService(all)
  t.equal(closed, 1)
  t.strictSame(log, ['bug: Error: a bug'])
})
