/** Commands that look at one event, or at all, take it from the history. */
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { hookbridge } from '../../support/hookbridge.ts'
import { arrival, configure, configured, deliveryId, event, eventId, planned, yaml } from './stored.ts'

const stored = () => [
  planned(1, 'slack #deals', 'deals'),
  planned(2, 'email ada@example.org', 'partners'),
  planned(3, 'email bob@example.org', 'partners'),
]

t.test('explain, preview and the tests of a configuration take any id', async (t) => {
  const cwd = await configured(t, async (store) => {
    await store.append(arrival(event(1), stored()))
    await store.append(arrival(event(2)))
  })
  const ids = [eventId(1), eventId(1).slice(0, 20), event(1).messageId, event(1).subject ?? '', deliveryId(2)]
  for (const id of ids) {
    t.match(await hookbridge(['explain', id], { cwd }), {
      code: 0,
      out: new RegExp(`^analysis\\.completed from cuuro \\(${eventId(1)}\\)`),
    })
    const { out } = await hookbridge(['preview', id, '--json'], { cwd })
    t.equal(JSON.parse(out).event.id, eventId(1))
  }
  for (const command of ['explain', 'preview'])
    t.match(await hookbridge([command, 'evt_01KARZ'], { cwd }), {
      code: 1,
      err: /fits 2 records; type more/,
    })

  const file = join(cwd, 'config.yaml')
  const config = readFileSync(file, 'utf8')
  const check = (id: string) => {
    writeFileSync(
      file,
      `${config}tests: [{ stored: "${id}", expect: { routes: [analyses], receivers: [deals, partners] } }]\n`,
    )
    return hookbridge(['check'], { cwd })
  }
  for (const id of ids) t.match(await check(id), { code: 0, out: /1 test passed/ })
  t.match(await check('evt_01KARZ'), {
    code: 1,
    out: new RegExp(`evt_01KARZ may mean ${eventId(1)}, ${eventId(2)}\n`),
  })
})

t.test(
  'explain --since compares with the last plan, and with those before it for other receivers',
  async (t) => {
    const cwd = await configured(t, async (store) => {
      const receivedAt = Date.now() - 1_000
      await store.append(arrival(event(1, { receivedAt }), stored()))
    })
    const since = () => hookbridge(['explain', '--since', '1h'], { cwd })
    t.match(await since(), { code: 0, out: 'nothing changes for any of 1 stored event\n' })
    configure(cwd, yaml.replace('#deals', '#deal-flow'))
    t.match(await since(), { out: /^moved +1 +analysis\.completed +.*slack #deals +.*slack #deal-flow/m })
    t.match(await hookbridge(['replay', eventId(1), '--receiver', 'deals'], { cwd }), { code: 0 })
    t.match(await since(), { code: 0, out: 'nothing changes for any of 1 stored event\n' })
    configure(cwd, yaml.replace('receivers: [deals, partners]', 'receivers: [deals]'))
    t.match(await since(), {
      out: /^moved +1 +analysis\.completed +email ada@.*slack #deal-flow +slack #deals/m,
    })
  },
)

t.test('check compares types with those that were received', async (t) => {
  const cwd = await configured(t, async (store) => {
    await store.append(arrival(event(1, { type: 'analysis.failed' })))
    await store.append(arrival(event(2, { source: 'crm', type: 'deal.won' })))
    await store.append(arrival(event(3, { source: 'crm', type: 'deal.lost' })))
  })
  const file = join(cwd, 'config.yaml')
  const warnings = async (text: string) => {
    writeFileSync(file, text)
    const { out } = await hookbridge(['check', '--json'], { cwd })
    const problems: readonly { code: string; line: number; message: string; hint: string }[] = JSON.parse(out)
    return problems
      .filter(({ code }) => code === 'unknown_type')
      .map(({ line, message, hint }) => `${line}: ${message} (${hint})`)
  }
  const config = (source: string, types: readonly string[], link: string, tested: string) => `
store: { url: "sqlite:store.db" }
sources: { ${source}: { svix: { secrets: ["\${WEBHOOK_SECRET}"] } } }
receivers: { ops: { console: {} } }
routes:
  - match: { type: [${types.map((type) => JSON.stringify(type)).join(', ')}] }
    receivers: [ops]
links: { ${link}: "https://app.acme.io/{{ data.id }}" }
tests: [{ event: { type: ${tested}, data: { id: "1" } }, expect: { routes: [] } }]
`
  const never = (type: string, meant: string) =>
    `no event in the store has the type "${type}" (did you mean "${meant}"?)`
  t.same(
    await warnings(
      config('crm', ['deal.won', 'deals.won', 'quote.sent', 'deals.*'], 'deal.lots', 'deal.wno'),
    ),
    [
      `6: ${never('deals.won', 'deal.won')}`,
      `8: ${never('deal.lots', 'deal.lost')}`,
      `9: ${never('deal.wno', 'deal.won')}`,
    ],
  )
  t.same(await warnings(config('crm', ['deal.won'], 'deal.lost', 'quote.sent')), [])
  t.same(
    await warnings(config('cuuro', ['analysis.failed', 'analysis.fialed'], '"*.failed"', 'analysis.failed')),
    ['6: no event has the type "analysis.fialed" (did you mean "analysis.failed"?)'],
  )
  rmSync(join(cwd, 'store.db'))
  t.match(await warnings(config('cuuro', ['analysis.failed'], '"*.failed"', 'analysis.created')), [
    /6: no event has the type "analysis.failed"/,
    /8: no event has a type like "\*.failed"/,
  ])
  t.same(await warnings(config('crm', ['deals.won'], 'deal.lots', 'deal.wno')), [])
  t.notOk(existsSync(join(cwd, 'store.db')), 'it makes no store')
})
