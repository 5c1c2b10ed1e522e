/** The real service, with a stand-in for systemd-notify. */
import { writeFileSync } from 'node:fs'
import t from 'tap'
import { edit } from '../../support/replace.ts'
import {
  environment,
  newEvent,
  post,
  startService,
  temporaryFolder,
  writeConfig,
} from '../../support/service.ts'
import { startSinks } from '../../support/sinks.ts'
import { standIn } from '../../support/systemd.ts'
import { until } from '../../support/until.ts'

t.test('what the service reports to systemd, from its start to its end', async (t) => {
  const sinks = await startSinks(t)
  const folder = temporaryFolder(t)
  const config = writeConfig({ folder, slackUrl: sinks.slack.url, smtpUrl: sinks.mail.url })
  const systemd = standIn(t)
  const service = await startService(config, {
    ...environment,
    PATH: systemd.path,
    NOTIFY_SOCKET: '/run/nobody',
    WATCHDOG_USEC: '400000',
  })
  t.teardown(() => service.end('SIGKILL'))
  const reported = (pattern: RegExp, after = 0) =>
    systemd.calls().findIndex((call, at) => at >= after && pattern.test(call))
  const waitFor = async (pattern: RegExp, after = 0) => {
    await until(() => reported(pattern, after) >= 0, String(pattern))
    return reported(pattern, after)
  }

  t.equal(await waitFor(/./), 0)
  t.equal(
    systemd.calls()[0],
    `READY=1|STATUS=listening on ${service.url}; 0 events received, 0 messages delivered`,
  )
  const fed = await waitFor(/\bWATCHDOG=1/)
  await waitFor(/\bWATCHDOG=1/, fed + 1)

  await post(service.url, newEvent())
  await waitFor(/STATUS=.*; 1 event received, 2 messages delivered/)

  process.kill(service.pid, 'SIGHUP')
  const reloading = await waitFor(/\bRELOADING=1\|MONOTONIC_USEC=\d+/)
  const since = Number(/MONOTONIC_USEC=(\d+)/.exec(systemd.calls()[reloading] ?? '')?.[1])
  const now = Number(process.hrtime.bigint() / 1_000n)
  t.ok(since <= now && since > now - 60_000_000, 'of the same clock')
  const ready = await waitFor(/\bREADY=1/, reloading)
  t.notMatch(
    systemd
      .calls()
      .slice(reloading, ready + 1)
      .join('\n'),
    'not reloaded',
  )

  edit(config, 'receivers: [deal-flow]', 'receivers: [nobody]')
  process.kill(service.pid, 'SIGHUP')
  const bad = await waitFor(/\bRELOADING=1/, ready)
  await waitFor(/\bREADY=1\|STATUS=not reloaded: .*config\.yaml:\d+:\d+: .*nobody.*; listening on http/, bad)
  edit(config, 'receivers: [nobody]', 'receivers: [deal-flow]')
  process.kill(service.pid, 'SIGHUP')
  await waitFor(/\bREADY=1\|STATUS=listening on/, bad + 2)

  t.equal((await service.end('SIGTERM')).code, 0)
  await waitFor(/\bSTOPPING=1/)
  t.equal(reported(/READY|WATCHDOG/, 1 + reported(/\bSTOPPING=1/)), -1, 'nothing is reported after that')
  t.notOk(systemd.calls().includes('two at once'))
})

t.test('without systemd-notify the service works as ever', async (t) => {
  const sinks = await startSinks(t)
  const folder = temporaryFolder(t)
  const config = writeConfig({ folder, slackUrl: sinks.slack.url, smtpUrl: sinks.mail.url })
  writeFileSync(`${folder}/empty`, '')
  const service = await startService(config, {
    ...environment,
    PATH: folder,
    NOTIFY_SOCKET: '/run/nobody',
    WATCHDOG_USEC: '20000',
  })
  t.teardown(() => service.end('SIGKILL'))
  t.equal((await post(service.url, newEvent())).status, 202)
  await until(() => service.output().includes('systemd-notify is not installed'), 'the warning')
  await until(() => sinks.slack.messages.length === 1, 'the message')
  t.equal((await service.end('SIGTERM')).code, 0)
  t.equal(service.output().split('systemd-notify').length, 2, 'one warning')
})

t.test('a wrong configuration has an exit code of its own under systemd', async (t) => {
  const folder = temporaryFolder(t)
  const config = writeConfig({ folder, slackUrl: 'http://127.0.0.1:1/', smtpUrl: 'smtp://127.0.0.1:1' })
  edit(config, 'receivers: [deal-flow]', 'receivers: [nobody]')
  const systemd = standIn(t)
  const supervised = { ...environment, PATH: systemd.path, NOTIFY_SOCKET: '/run/nobody' }
  await t.rejects(startService(config, supervised), {
    message: /ended with 78:.*1 problem in the configuration/s,
  })
  await t.rejects(startService(config), { message: /ended with 1:.*1 problem in the configuration/s })
  t.strictSame(systemd.calls(), [])
})

t.test('what may be otherwise at the next start has not', async (t) => {
  const folder = temporaryFolder(t)
  const config = writeConfig({ folder, slackUrl: 'http://127.0.0.1:1/', smtpUrl: 'smtp://127.0.0.1:1' })
  const systemd = standIn(t)
  const supervised = { ...environment, PATH: systemd.path, NOTIFY_SOCKET: '/run/nobody' }
  const other = await startService(config)
  t.teardown(() => other.end('SIGKILL'))
  await t.rejects(startService(config, supervised), { message: /ended with 1:.*another hookbridge service/s })
})
