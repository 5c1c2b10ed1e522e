/** Everything goes by the clock of the database server, whatever the clocks of the machines say. */
import t from 'tap'
import { openPostgres } from '../../src/store/postgres.ts'
import {
  completeAs,
  deliveryId,
  entry,
  event,
  eventId,
  everything,
  planned,
} from '../store/contract/sample.ts'
import { hookbridge } from '../support/hookbridge.ts'
import { notDurable, startPostgres } from '../support/postgres.ts'

const HOUR_MS = 3_600_000

const config = `
store: { url: "\${URL}" }
sources: { cuuro: { svix: { secrets: ["\${WEBHOOK_SECRET}"] } } }
channels: { slack: { token: "\${SLACK_BOT_TOKEN}" } }
receivers: { deal-flow: { slack: { channel: "#deal-flow" } } }
routes: [{ receivers: [deal-flow] }]
`

t.test('commands on machines whose clocks are off', async (t) => {
  const postgres = await startPostgres(t, { settings: notDurable })
  const machine = Date.now
  t.teardown(() => {
    Date.now = machine
  })
  for (const off of [2 * HOUR_MS, -2 * HOUR_MS]) {
    const url = postgres.createDatabase()
    const store = await openPostgres({ url, role: 'service' })
    for (const number of [1, 2, 3]) await store.append(entry(event(number), [planned()]))
    await store.claim(everything(store.now()))
    for (const number of [1, 2, 3]) await completeAs(store, deliveryId(number, 1), 'parked', store.now())
    await store.close()
    const options = { cwd: t.testdir({ 'config.yaml': config }), env: { URL: url } }
    const began = machine()
    Date.now = () => machine() + off
    for (const args of [
      ['resend', deliveryId(1, 1)],
      ['replay', eventId(2), '--yes'],
      ['dismiss', deliveryId(3, 1), '--reason', 'done'],
    ])
      t.match(await hookbridge(args, options), { code: 0 })
    Date.now = machine
    const times = postgres.query(
      `SET search_path = hookbridge;
      SELECT due_at FROM deliveries WHERE due_at IS NOT NULL UNION ALL
      SELECT retrying_since FROM deliveries WHERE due_at IS NOT NULL UNION ALL
      SELECT at FROM plans WHERE number = 2 UNION ALL
      SELECT dismissed_at FROM deliveries WHERE dismissed_at IS NOT NULL`,
      url,
    )
    t.equal(times.filter((time) => /^\d+$/.test(time)).length, 6)
    for (const time of times.map(Number).filter(Number.isFinite))
      t.ok(time >= began - 1_000 && time <= machine() + 1_000, `${time - began} ms after the command began`)
  }
})
