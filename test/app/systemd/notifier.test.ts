import t from 'tap'
import { Notifier } from '../../../src/app/systemd/notifier.ts'
import { standIn } from '../../support/systemd.ts'
import { until } from '../../support/until.ts'

function notifierTo(path: string) {
  const warnings: unknown[][] = []
  const log = { warn: (...words: unknown[]) => warnings.push(words) }
  return { warnings, notifier: new Notifier({ socket: '/run/nobody', path, log }) }
}

t.test('one call after another, in order; what waits goes together', async (t) => {
  const systemd = standIn(t)
  const { notifier, warnings } = notifierTo(systemd.path)
  systemd.hold()
  notifier.send({ READY: '1', STATUS: 'up' })
  notifier.send({ RELOADING: '1' })
  notifier.send({ STATUS: 'old' })
  notifier.send({ STATUS: 'two\nlines', WATCHDOG: '1' })
  notifier.send({ READY: '1' })
  notifier.send({ WATCHDOG: '1' })
  notifier.send({ STOPPING: '1' })
  systemd.release()
  await until(() => systemd.calls().includes('STOPPING=1'), 'the last call')
  t.strictSame(systemd.calls(), [
    'READY=1|STATUS=up',
    'RELOADING=1|STATUS=two lines|WATCHDOG=1',
    'READY=1|WATCHDOG=1',
    'STOPPING=1',
  ])
  t.strictSame(warnings, [])
})

t.test('the program sees nothing of our environment but what it needs', async (t) => {
  process.env.ONLY_TESTS_KNOW = 'a secret'
  t.teardown(() => delete process.env.ONLY_TESTS_KNOW)
  const systemd = standIn(t)
  notifierTo(systemd.path).notifier.send({ READY: '1' })
  await until(() => systemd.calls().length === 1, 'the call')
  t.notMatch(systemd.environment(), /a secret|^HOME=/m)
  t.match(systemd.environment(), /^NOTIFY_SOCKET=\/run\/nobody$/m)
})

t.test('a flood is bounded: of the messages that wait, the newest are sent', async (t) => {
  const systemd = standIn(t)
  const { notifier } = notifierTo(systemd.path)
  systemd.hold()
  for (let count = 1; count <= 1_000; count += 1) {
    notifier.send({ RELOADING: '1' })
    notifier.send({ READY: '1', STATUS: String(count) })
  }
  systemd.release()
  await until(() => systemd.calls().at(-1)?.includes('STATUS=1000') ?? false, 'the newest')
  t.ok(systemd.calls().length < 12, String(systemd.calls().length))
})

t.test('where there is no systemd-notify, one warning is all', async (t) => {
  const { notifier, warnings } = notifierTo('/nonexistent')
  notifier.send({ READY: '1' })
  await until(() => warnings.length > 0, 'the warning')
  for (let count = 0; count < 5; count += 1) notifier.send({ WATCHDOG: '1' })
  await new Promise((resolve) => setImmediate(resolve))
  t.strictSame(
    warnings.map(([, message]) => message),
    ['systemd-notify is not installed'],
  )
})

t.test('a failure is logged once, and the message is tried again', async (t) => {
  const systemd = standIn(t, 'echo "No such socket" >&2; exit 1')
  const { notifier, warnings } = notifierTo(systemd.path)
  notifier.send({ READY: '1' })
  await until(() => warnings.length > 0, 'the warning')
  notifier.send({ WATCHDOG: '1' })
  await until(() => systemd.calls().length === 2, 'the second try')
  t.strictSame(
    warnings.map(([, message]) => message),
    ['systemd-notify ended with 1: No such socket'],
  )
})
