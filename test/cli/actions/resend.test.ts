import t from 'tap'
import { hookbridge } from '../../support/hookbridge.ts'
import {
  configure,
  configured,
  deliveryId,
  event,
  eventId,
  look,
  parkedInSlack,
  yaml,
} from '../history/stored.ts'

/** Each delivery's destination and state. */
function states(cwd: string): Promise<Record<string, string>> {
  return look(cwd, async (store) => {
    const { items } = await store.deliveries({}, { limit: 1_000 })
    return Object.fromEntries(
      items.toReversed().map(({ id, destination, state }) => [id, `${destination.target} ${state}`]),
    )
  })
}

const renamed = yaml.replace('#deals', '#deal-flow')

t.test('a filter means what is parked or dead, and it becomes due', async (t) => {
  const cwd = await configured(t, parkedInSlack(2))
  const { code, out } = await hookbridge(['resend', '--receiver', 'deals'], { cwd })
  t.equal(code, 0)
  t.equal(out, '2 deliveries due now; a running service attempts them within a second\n')
  const after = await states(cwd)
  t.equal(after[deliveryId(11)], '#deals pending')
  t.equal(after[deliveryId(21)], '#deals pending')
  t.equal(after[deliveryId(12)], 'ada@example.org delivered')
  t.match(await hookbridge(['resend', '--receiver', 'deals'], { cwd }), {
    code: 0,
    out: 'none of them is parked or dead; to send delivered messages again, pass --state delivered\n',
  })
})

t.test(
  'after its channel was renamed, a delivery goes to the new one, and nobody is mailed again',
  async (t) => {
    const cwd = await configured(t, parkedInSlack(2))
    configure(cwd, renamed)
    const before = await states(cwd)
    const dry = await hookbridge(['resend', '--state', 'parked', '--dry-run'], { cwd })
    t.equal(
      dry.out,
      '2 deliveries would be due now\n  2 of them to slack #deal-flow instead of slack #deals\n',
    )
    t.strictSame(await states(cwd), before, 'a dry run changes nothing')

    const { code, out } = await hookbridge(['resend', '--state', 'parked', '--json'], { cwd })
    t.equal(code, 0)
    const { resent } = JSON.parse(out)
    t.match(resent, [
      { id: deliveryId(21), from: { channel: 'slack', target: '#deals' }, to: { target: '#deal-flow' } },
      { id: deliveryId(11) },
    ])
    const after = await states(cwd)
    t.strictSame(Object.values(after).toSorted(), [
      '#deal-flow pending',
      '#deal-flow pending',
      '#deals cancelled',
      '#deals cancelled',
      'ada@example.org delivered',
      'ada@example.org delivered',
      'bob@example.org delivered',
      'bob@example.org delivered',
    ])
    t.equal(after[resent[0].instead], '#deal-flow pending')
    await look(cwd, async (store) => {
      const instead = await store.delivery(resent[1].instead)
      t.match(instead, { eventId: eventId(1), plan: 1, route: 'analyses', receiver: 'deals', template: null })
      t.match((await store.delivery(deliveryId(11)))?.reason, new RegExp(resent[1].instead))
    })
    t.match(await hookbridge(['resend', deliveryId(11)], { cwd }), {
      code: 0,
      out: /1 delivery left alone: cancelled, as dlv_/,
    })
  },
)

t.test('any id: a delivery in every state, of an event what is parked or dead', async (t) => {
  const cwd = await configured(t, parkedInSlack(1))
  const { messageId, subject } = event(1)
  for (const id of [eventId(1), messageId, subject ?? '', eventId(1).slice(0, 20)]) {
    const { out } = await hookbridge(['resend', id, '--dry-run', '--json'], { cwd })
    t.match(JSON.parse(out), { dry_run: true, resent: [{ id: deliveryId(11) }] })
  }
  const mails = await hookbridge(['resend', messageId, '--state', 'delivered', '--dry-run'], { cwd })
  t.equal(mails.out, '2 deliveries would be due now, 2 of them delivered before\n')
  t.match(await hookbridge(['resend', deliveryId(12), deliveryId(11)], { cwd }), {
    code: 0,
    out: /^2 deliveries due/,
  })
  t.match(await states(cwd), {
    [deliveryId(11)]: '#deals pending',
    [deliveryId(12)]: 'ada@example.org pending',
    [deliveryId(13)]: 'bob@example.org delivered',
  })
  t.match(await hookbridge(['resend', deliveryId(11)], { cwd }), {
    out: /^0 deliveries due now.*\n1 delivery left alone: being sent, due already, or changed meanwhile\n$/,
  })
})

t.test('an id that is unknown leaves everything as it is', async (t) => {
  const cwd = await configured(t, parkedInSlack(1))
  t.match(await hookbridge(['resend', deliveryId(11), 'dlv_none'], { cwd }), {
    code: 1,
    out: '',
    err: /no event or delivery has the id dlv_none/,
  })
  t.match(await states(cwd), { [deliveryId(11)]: '#deals parked' })
  t.match(await hookbridge(['resend'], { cwd }), {
    code: 2,
    err: /nothing is selected: pass ids, or filters/,
  })
  t.match(await hookbridge(['resend', 'x', '--since', '1d'], { cwd }), {
    code: 2,
    err: /either ids, or --type/,
  })
})

t.test('what has nowhere to go is left, with what to do', async (t) => {
  const cwd = await configured(t, parkedInSlack(2))
  configure(cwd, yaml.replace('slack: { channel: "#deals" }', 'console: {}'))
  const { code, out, err } = await hookbridge(['resend', '--state', 'parked'], { cwd })
  t.equal(code, 1)
  t.match(
    out,
    `2 deliveries cannot be resent: receiver deals does not use slack any more (dismiss it, or replay the event), as ${deliveryId(21)}\n`,
  )
  t.match(err, /2 deliveries cannot be resent/)
  t.match(await states(cwd), { [deliveryId(11)]: '#deals parked' })
})

t.test('before more than a few messages that had been delivered are sent again, it asks', async (t) => {
  const cwd = await configured(t, parkedInSlack(2))
  const args = ['resend', '--state', 'delivered']
  const before = await states(cwd)
  t.match(await hookbridge(args, { cwd }), {
    code: 1,
    err: /4 messages that had been delivered would be sent again; pass --yes/,
  })
  for (const answer of ['n\n', '\n', '']) {
    t.match(await hookbridge(args, { cwd, columns: 80, answer }), {
      code: 1,
      err: /4 messages that had been delivered would be sent again. Go on\? \[y\/N\] [\s\S]*nothing was sent again/,
    })
  }
  t.strictSame(await states(cwd), before, 'nothing was changed')
  t.match(await hookbridge(args, { cwd, columns: 80, answer: 'y\n' }), {
    code: 0,
    out: /^4 deliveries due now/,
  })

  const others = await configured(t, parkedInSlack(2))
  t.match(await hookbridge([...args, '--yes'], { cwd: others }), { code: 0, out: /^4 deliveries due now/ })
  const few = await configured(t, parkedInSlack(1))
  t.match(await hookbridge(args, { cwd: few }), { code: 0, out: /^2 deliveries due now/ })
})

t.test('many, in batches, with a progress bar on a terminal', async (t) => {
  const cwd = await configured(t, parkedInSlack(1_200))
  configure(cwd, renamed)
  const { code, out, err } = await hookbridge(['resend', '--destination', 'slack:#deals'], {
    cwd,
    columns: 80,
  })
  t.equal(code, 0)
  t.match(out, /^1200 deliveries due now.*\n {2}1200 of them to slack #deal-flow instead of slack #deals\n$/)
  t.match(err, /█░/)
  const { out: left } = await hookbridge(
    ['deliveries', '--destination', '#deal-flow', '--limit', '5000', '--json'],
    { cwd },
  )
  t.equal(JSON.parse(left).deliveries.length, 1_200)
})
