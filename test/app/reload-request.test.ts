/** How a reload is asked for: together, over HTTP with the admin token, and by changing files. */
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { ADMIN, metric, NEW_SECRET, readyz, reload, start } from '../support/reload.ts'
import { edit, replaceFile } from '../support/replace.ts'
import { history, newEvent, post, secret } from '../support/service.ts'
import { until } from '../support/until.ts'

t.test('reloads that come together share one, and it has the last content', async (t) => {
  const app = await start(
    t,
    'receivers: { here: { console: {} } }\nroutes: [{ name: v0, receivers: [here] }]\n',
  )
  const asked = Array.from({ length: 10 }, (_, index) => {
    edit(app.config, `name: v${index}`, `name: v${index + 1}`)
    return app.reload('signal')
  })
  const answers = await Promise.all(asked)
  t.ok(answers.every(({ ok }) => ok))
  t.equal(app.log.filter(({ msg }) => msg === 'configuration reloaded').length, 1)
  t.match(app.log.at(-1), { trigger: 'signal', changed: ['routes'] })
  await post(app.url, newEvent())
  await until(async () => (await history(app.folder)).deliveries.length === 1, 'the event')
  t.match((await history(app.folder)).deliveries[0], { route: 'v10' })
  const [first, second] = [app.reload('signal'), app.reload('http')]
  t.equal(first, second, 'two ask before it begins')
  await first
  t.match(app.log.at(-1), { trigger: 'signal,http' })
  await app.stop()
  t.match(await app.reload('signal'), { ok: false, code: 'stopping' }, 'none while it stops')
})

t.test('only the admin token opens /-/reload, and another one takes effect', async (t) => {
  const app = await start(t, 'receivers: { here: { console: {} } }\nroutes: [{ receivers: [here] }]\n')
  const ask = (headers: Record<string, string>, init: RequestInit = {}) =>
    fetch(`${app.url}/-/reload`, { method: 'POST', headers, ...init })
  for (const headers of [
    {},
    { authorization: ADMIN },
    { authorization: 'Bearer ' },
    { authorization: `Basic ${ADMIN}` },
    { authorization: `Bearer ${ADMIN}x` },
    { authorization: `Bearer ${ADMIN.slice(1)}` },
  ] as Record<string, string>[]) {
    const response = await ask(headers)
    t.equal(response.status, 401, JSON.stringify(headers))
    t.equal(response.headers.get('www-authenticate'), 'Bearer')
    t.match(await response.json(), { error: 'unauthorized', message: /server\.admin_token/ })
  }
  t.equal(await metric(app, 'hookbridge_config_reloads_total{result="ok"}'), 0, 'none of them reloaded')
  t.match(app.log.at(-1), { level: 40, source: '/-/reload', code: 'unauthorized', address: '127.0.0.1' })
  const authorization = `bearer ${ADMIN}`
  const form = { authorization, 'content-type': 'application/x-www-form-urlencoded' }
  t.equal((await ask(form, { body: 'a=b' })).status, 200, 'as curl -d posts')
  t.equal(
    (await ask({ authorization }, { body: 'x'.repeat(2_000) })).status,
    200,
    'a body is read and forgotten',
  )
  t.equal((await ask({ authorization }, { body: 'x'.repeat(300_000) })).status, 413)
  t.equal((await ask({ authorization }, { method: 'GET' })).status, 405)

  const changed = 'another-admin-token-for-tests'
  replaceFile(join(app.folder, 'admin'), changed)
  t.match(await reload(app), { status: 200, body: { changed: ['server.admin_token'] } })
  t.equal((await reload(app)).status, 401, 'the old one is over')
  t.equal((await reload(app, changed)).status, 200)
  edit(app.config, 'admin_token: { file: admin }', 'watch: false')
  t.equal((await reload(app, changed)).status, 200)
  const response = await ask({ authorization: `Bearer ${changed}` })
  t.equal(response.status, 404, 'without one there is nothing')
  t.match(await response.json(), { error: 'not_found' })
  const logged = JSON.stringify(app.log)
  for (const token of [ADMIN, changed]) t.notOk(logged.includes(token))
})

t.test('with `watch` the service reloads by itself; a reload can turn it on and off', async (t) => {
  const app = await start(
    t,
    'receivers: { here: { console: {} } }\nroutes: [{ name: v0, receivers: [here] }]\n',
    ', watch: true',
  )
  const reloads = () => app.log.filter(({ trigger }) => trigger === 'watch')
  const route = async () => {
    const { id } = (await (await post(app.url, newEvent())).json()) as { id: string }
    return (await history(app.folder)).events.find((event) => event.id === id)?.plans[0]?.routes[0]?.route
  }
  edit(app.config, 'name: v0', 'name: v1')
  await until(() => reloads().length === 1, 'the configuration to be reloaded')
  t.equal(await route(), 'v1')
  edit(app.config, 'name: v1', 'nmae: v2')
  await until(() => reloads().length === 2, 'the bad one to be tried')
  t.equal(await route(), 'v1', 'nothing has changed')
  t.match((await readyz(app)).body, { reload: { ok: false, problems: [/unknown key "nmae"/] } })
  edit(app.config, 'nmae: v2', 'name: v2')
  await until(() => reloads().length === 3, 'the good one to be taken')
  t.equal(await route(), 'v2')
  replaceFile(join(app.folder, 'signing'), NEW_SECRET)
  await until(() => reloads().length === 4, 'the secret to be seen')
  t.match(reloads().at(-1), { changed: ['sources.cuuro'] })
  replaceFile(join(app.folder, 'signing'), secret)
  await until(() => reloads().length === 5, 'the secret to be seen again')
  rmSync(join(app.folder, 'signing'))
  await until(() => reloads().length === 6, 'the missing file to be seen')
  t.equal(await route(), 'v2', 'the secret that is in effect stays')
  writeFileSync(join(app.folder, 'signing'), secret)
  await until(() => reloads().length === 7, 'the file to be seen when it is back')
  t.match(reloads().at(-1), { level: 30, changed: [] })

  edit(app.config, 'watch: true', 'watch: false')
  await until(() => reloads().length === 8, 'watching to be switched off')
  edit(app.config, 'watch: false', 'watch: true')
  t.equal((await reload(app)).status, 200)
  edit(app.config, 'name: v2', 'name: v3')
  await until(() => reloads().length === 9, 'watching to be on again')
  t.equal(await route(), 'v3')
})
