/** What commands, metrics and templates say of conversations. */
import t from 'tap'
import { COMPLETED, CREATED, SCORED, startLifecycles } from '../support/lifecycles.ts'
import { startMailServer } from '../support/mail-server.ts'
import { scrape } from '../support/metrics.ts'

const NAME = 'analysis/an_1/slack/#deals'

t.test('explain and preview say what a stage would do', async (t) => {
  const { settle, command, messages } = await startLifecycles(
    t,
    '{ channel: "#deals", follow_up: update_and_reply }',
  )
  const explain = async (type: string, ...more: readonly string[]) =>
    (await command('explain', '--type', type, '--data', 'id=an_1', ...more)).trim().split('\n').at(-1)
  t.equal(await explain(CREATED), 'slack #deals: begins a conversation')
  await settle(CREATED, 'an_1')
  const permalink = (await settled())?.permalink
  t.match(permalink, /^https:\/\/slack\.com\/archives\/C\d+\/p\d+$/)
  t.equal(await explain(SCORED), `slack #deals: edits ${permalink}, and replies to it`)
  const last = `edits ${permalink}, and replies to it, shown in the channel as well`
  t.equal(await explain(COMPLETED), `slack #deals: ${last}`)
  const json = JSON.parse(await command('explain', '--type', COMPLETED, '--data', 'id=an_1', '--json'))
  t.match(json.deliveries, [
    { conversation: NAME, follow_up: { how: 'update_and_reply', broadcast: true, first: { permalink } } },
  ])
  const preview = await command('preview', '--type', COMPLETED, '--data', 'id=an_1')
  t.match(preview.replace(/\s+/g, ' '), last)
  t.match(preview, /analysis\.completed took \d+ s/, 'with the time that it took')
  t.match(JSON.parse(await command('preview', '--type', COMPLETED, '--data', 'id=an_1', '--json')).messages, [
    { follow_up: { how: 'update_and_reply' } },
  ])

  await settle(COMPLETED, 'an_1')
  t.equal(await explain(SCORED), `slack #deals: skipped: ${COMPLETED} was sent before it came`)
  t.equal(await explain(CREATED), 'slack #deals: begins a conversation', 'another round')
  t.equal(messages('an_1', '#deals').length, 2, 'nothing was sent')

  async function settled() {
    const shown = JSON.parse(await command('deliveries', 'show', 'an_1', '--json'))
    return shown.deliveries[0]?.history[0]?.outcome.reference
  }
})

t.test('the history links a conversation, and metrics count what its messages did', async (t) => {
  const { settle, command, app } = await startLifecycles(t, '{ channel: "#deals", follow_up: update }')
  await settle(COMPLETED, 'an_2')
  await settle(CREATED, 'an_2')
  await settle(CREATED, 'an_1')
  const { messageId } = await settle(COMPLETED, 'an_1')
  const shown = await command('events', 'show', messageId)
  t.match(shown, `conversation ${NAME}`)
  t.match(shown, 'conversation: edited the first message')
  const listed = JSON.parse(await command('deliveries', '--conversation', NAME, '--json'))
  t.match(listed, { total: 2, deliveries: [{ conversation: NAME }, { conversation: NAME }] })
  const shownJson = JSON.parse(await command('deliveries', 'show', listed.deliveries[0].id, '--json'))
  t.match(shownJson.deliveries, [{ history: [{ step: { how: 'update', number: 2 } }] }])
  t.match(await command('deliveries', '--conversation', 'analysis/an_3/slack/#deals'), 'no deliveries')

  const { value } = await scrape(app.url)
  const count = (how: string) => value('hookbridge_conversation_messages_total', { channel: 'slack', how })
  t.strictSame(
    ['first', 'update', 'skipped', 'reply', 'restarted'].map(count),
    [2, 1, 1, 0, 0],
    'those that did not happen are 0',
  )
  t.match(
    app.log.filter(({ msg }) => String(msg).startsWith('delivery ')),
    [
      { how: 'first' },
      { msg: `delivery skipped: ${COMPLETED} was sent before it came` },
      {},
      { how: 'update', conversation: NAME },
    ],
  )
})

t.test('an edit alone, and every reply in the channel', async (t) => {
  const { settle, messages } = await startLifecycles(t, '{ channel: "#deals", follow_up: update }', {
    receivers: '  other: { slack: { channel: "#other", follow_up: reply, broadcast: always } }\n',
    to: '[all, other]',
  })
  for (const type of [CREATED, SCORED]) await settle(type, 'an_1')
  t.match(messages('an_1', '#deals'), [{ text: /^analysis.scored/, edits: 1 }])
  t.match(messages('an_1', '#other'), [{ edits: 0 }, { text: /^analysis.scored/, broadcast: true }])
})

t.test('a stage that no route took counts, with the key that the lifecycle names', async (t) => {
  const { send, settle, messages } = await startLifecycles(t, '{ channel: "#deals" }', {
    key: '/data/analysis',
    match: '{ lifecycle.is_last: true }',
  })
  await send(CREATED, 'one', { analysis: 'an_1' })
  await settle(COMPLETED, 'another', { analysis: 'an_1' })
  t.match(messages('another', '#deals'), [{ text: /^analysis.completed of another after \d+ s$/ }])
  t.equal(messages('one', '#deals').length, 0)
})

t.test('mails of a conversation are a thread, unless the receiver wants none', async (t) => {
  const mail = await startMailServer()
  t.teardown(() => mail.close())
  const { settle } = await startLifecycles(t, '{ channel: "#deals" }', {
    moreChannels: `  email: { smtp: "${mail.url}", from: alerts@example.com }\n`,
    receivers:
      '  threads: { email: { to: [ada@example.com] } }\n  alone: { email: { to: [ben@example.com], follow_up: post } }\n',
    to: '[threads, alone]',
  })
  for (const type of [CREATED, SCORED, COMPLETED]) await settle(type, 'an_1')
  const mailsTo = (address: string) =>
    mail.messages
      .filter(({ to }) => to.includes(address))
      .map(({ raw }) => String(raw).replace(/\r\n[ \t]+/g, ' '))
  const header = (raw: string | undefined, name: string) =>
    new RegExp(`^${name}: (.*)\r$`, 'im').exec(raw ?? '')?.[1]
  const [first, second, third] = mailsTo('ada@example.com')
  const ids = [first, second].map((raw) => header(raw, 'Message-ID'))
  t.equal(header(first, 'In-Reply-To'), undefined)
  t.equal(header(second, 'In-Reply-To'), ids[0])
  t.equal(header(third, 'In-Reply-To'), ids[1])
  t.equal(header(third, 'References'), ids.join(' '))
  const alone = mailsTo('ben@example.com')
  t.equal(alone.length, 3)
  for (const raw of alone) t.equal(header(raw, 'References'), undefined)
})
