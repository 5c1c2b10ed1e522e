import t from 'tap'
import type { Store } from '../../../src/store/store.ts'
import { hookbridge } from '../../support/hookbridge.ts'
import {
  arrival,
  attemptDue,
  configured,
  dead,
  deliveryId,
  event,
  eventId,
  look,
  parked,
  planned,
  SECOND,
  START,
  sent,
} from '../history/stored.ts'

async function three(store: Store): Promise<void> {
  await store.append(
    arrival(event(1), [
      planned(1, 'slack #deals', 'deals'),
      planned(2, 'email ada@example.org', 'partners'),
      planned(3, 'email bob@example.org', 'partners'),
    ]),
  )
  await attemptDue(store, START + 10 * SECOND, ({ id }) =>
    id === deliveryId(1) ? parked() : id === deliveryId(2) ? dead() : sent,
  )
}

const stateOf = (cwd: string, number: number) =>
  look(cwd, async (store) => {
    const delivery = await store.delivery(deliveryId(number))
    return [delivery?.state, delivery?.reason]
  })

t.test('it closes what is parked or dead, and keeps the reason', async (t) => {
  const cwd = await configured(t, three)
  const why = ['--reason', 'the fund is closed']
  const dry = await hookbridge(['dismiss', '--receiver', 'deals', ...why, '--dry-run'], { cwd })
  t.equal(dry.out, '1 delivery would be dismissed\n')
  t.match(await stateOf(cwd, 1), ['parked', /channel_not_found/])
  t.match(await hookbridge(['dismiss', '--receiver', 'deals', ...why, '--yes'], { cwd }), {
    code: 0,
    out: '1 delivery dismissed\n',
  })
  t.strictSame(await stateOf(cwd, 1), ['dismissed', 'the fund is closed'])
  const all = await hookbridge(['dismiss', eventId(1), deliveryId(3), ...why, '--json'], { cwd })
  t.strictSame(JSON.parse(all.out), {
    dry_run: false,
    dismissed: [deliveryId(2)],
    untouched: [deliveryId(3)],
  })
  t.match(await hookbridge(['dismiss', deliveryId(3), ...why], { cwd }), {
    code: 0,
    out: `0 deliveries dismissed\n1 delivery left alone: delivered, as ${deliveryId(3)}\n`,
  })
  t.equal(
    (await hookbridge(['dismiss', eventId(1), ...why], { cwd })).out,
    '0 deliveries dismissed: none of them is parked or dead\n',
  )
  t.match(await hookbridge(['events', 'show', eventId(1)], { cwd }), {
    out: /dismissed\n.*\n +the fund is closed/,
  })
})

t.test('it needs a reason, and ids or filters', async (t) => {
  const cwd = await configured(t, three)
  t.match(await hookbridge(['dismiss', deliveryId(1)], { cwd }), { code: 2, err: /--reason/ })
  t.match(await hookbridge(['dismiss', deliveryId(1), '--reason', ' '], { cwd }), {
    code: 2,
    err: /say why/,
  })
  t.match(await hookbridge(['dismiss', '--reason', 'x'], { cwd }), { code: 2, err: /nothing is selected/ })
  t.match(await hookbridge(['dismiss', 'dlv_none', '--reason', 'x'], { cwd }), { code: 1, err: /dlv_none/ })
  t.match(await stateOf(cwd, 1), ['parked', /channel_not_found/])
})
