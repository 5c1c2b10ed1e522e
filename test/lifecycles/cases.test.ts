/** Every case of docs/lifecycles.md, asked of the whole service, with a Slack stand-in. */
import t, { type Test } from 'tap'
import { fenced, readPage, section } from '../docs/pages.ts'
import { COMPLETED, CREATED, type Lifecycles, SCORED, startLifecycles } from '../support/lifecycles.ts'
import { ageEvents, post } from '../support/service.ts'
import { until } from '../support/until.ts'

const BOTH = '{ channel: "#deals", follow_up: update_and_reply }'
const DEALS = '#deals'

type Case = (t: Test) => Promise<void>
const cases: Record<string, Case> = {}

/** The states of a subject's deliveries, oldest first, with their reasons. */
async function states(lifecycles: Lifecycles, subject: string): Promise<string[]> {
  const deliveries = await lifecycles.settled(subject)
  return deliveries.map(({ state, reason }) => (reason === null ? state : `${state}: ${reason}`))
}

const shown = ({ messages }: Lifecycles, subject: string, channel = DEALS) =>
  messages(subject, channel).map(({ text, threadTs, edits, broadcast }) =>
    [
      text.split(' of ')[0],
      ...(threadTs === null ? [] : [broadcast ? 'broadcast' : 'reply']),
      ...(edits > 0 ? [`edits ${edits}`] : []),
    ].join(' '),
  )

const refusing = (error: string) => ({ status: 200, body: JSON.stringify({ ok: false, error }) })

cases['in order'] = async (t) => {
  const both = await startLifecycles(t, BOTH)
  for (const type of [CREATED, SCORED, COMPLETED]) await both.settle(type, 'an_1')
  t.strictSame(shown(both, 'an_1'), [`${COMPLETED} edits 2`, `${SCORED} reply`, `${COMPLETED} broadcast`])
  t.strictSame(await states(both, 'an_1'), ['delivered', 'delivered', 'delivered'])
}

cases['a later stage comes first'] = async (t) => {
  const both = await startLifecycles(t, BOTH)
  await both.settle(COMPLETED, 'an_1')
  await both.settle(CREATED, 'an_1')
  t.strictSame(shown(both, 'an_1'), [COMPLETED])
  t.strictSame(await states(both, 'an_1'), ['delivered', `skipped: ${COMPLETED} was sent before it came`])
}

cases['two stages at once'] = async (t) => {
  const both = await startLifecycles(t, BOTH)
  const subjects = Array.from({ length: 12 }, (_, index) => `an_${index}`)
  await Promise.all(
    subjects.flatMap((subject) => [CREATED, COMPLETED].map((type) => both.send(type, subject))),
  )
  for (const subject of subjects) {
    await both.settled(subject)
    const [first] = shown(both, subject)
    const wanted = first === COMPLETED ? [COMPLETED] : [`${COMPLETED} edits 1`, `${COMPLETED} broadcast`]
    t.strictSame(shown(both, subject), wanted, 'one conversation, whichever was stored first')
  }
}

cases['the first message was deleted'] = async (t) => {
  const both = await startLifecycles(t, BOTH)
  await both.settle(CREATED, 'an_1')
  const [first] = both.messages('an_1', DEALS)
  if (first !== undefined) first.deleted = true
  await both.settle(SCORED, 'an_1')
  await both.settle(COMPLETED, 'an_1')
  t.strictSame(
    shown(both, 'an_1').slice(1),
    [`${COMPLETED} edits 1`, `${COMPLETED} broadcast`],
    'the message that took its place is the first one now',
  )
  const [, restarted] = await both.settled('an_1')
  t.match(restarted?.history, [
    { step: { how: 'restarted' }, notes: [/^posted as a new message: .* is deleted/] },
  ])
}

cases['the first message is too old to be edited'] = async (t) => {
  const both = await startLifecycles(t, BOTH, { editWindow: -1 })
  await both.settle(CREATED, 'an_1')
  await both.settle(COMPLETED, 'an_1')
  t.strictSame(shown(both, 'an_1'), [CREATED, COMPLETED])
  t.match((await both.settled('an_1'))[1]?.history, [{ step: { how: 'restarted' }, notes: [/too old/] }])
}

cases['the channel was archived'] = async (t) => {
  const both = await startLifecycles(t, BOTH)
  await both.settle(CREATED, 'an_1')
  both.slack.behave = () => refusing('is_archived')
  await both.settle(COMPLETED, 'an_1')
  t.match(await states(both, 'an_1'), ['delivered', /^parked: .*is_archived/])
  both.slack.behave = () => undefined
  await both.command('resend', '--state', 'parked', '--yes')
  await until(() => both.messages('an_1', DEALS).length === 2, 'what was parked')
  await both.settled('an_1')
  t.strictSame(shown(both, 'an_1'), [`${COMPLETED} edits 1`, `${COMPLETED} broadcast`])
}

cases['the first message was posted with another token'] = async (t) => {
  const both = await startLifecycles(t, BOTH)
  await both.settle(CREATED, 'an_1')
  await both.configure('"${SLACK_BOT_TOKEN}"', '"xoxb-another"')
  await both.settle(COMPLETED, 'an_1')
  t.strictSame(shown(both, 'an_1'), [CREATED, COMPLETED])
  t.match((await both.settled('an_1'))[1]?.history, [{ step: { how: 'restarted' }, notes: [/another app/] }])
}

cases['the receiver has another destination now'] = async (t) => {
  const both = await startLifecycles(t, BOTH)
  await both.settle(CREATED, 'an_1')
  await both.configure('"#deals"', '"#new"')
  await both.settle(COMPLETED, 'an_1')
  t.strictSame(shown(both, 'an_1'), [CREATED])
  t.strictSame(shown(both, 'an_1', '#new'), [COMPLETED], 'the first message there')
  await both.configure('"#new"', '"#deals"')
  await both.settle(COMPLETED, 'an_1')
  t.strictSame(shown(both, 'an_1'), [`${COMPLETED} edits 1`, `${COMPLETED} broadcast`], 'it goes on there')
}

cases['follow_up was changed'] = async (t) => {
  const both = await startLifecycles(t, '{ channel: "#deals", follow_up: post }')
  await both.settle(CREATED, 'an_1')
  await both.configure('follow_up: post', 'follow_up: reply')
  await both.settle(COMPLETED, 'an_1')
  t.strictSame(shown(both, 'an_1'), [CREATED, `${COMPLETED} broadcast`])
}

cases['the same message id again'] = async (t) => {
  const both = await startLifecycles(t, BOTH)
  await both.settle(CREATED, 'an_1')
  const event = await both.settle(COMPLETED, 'an_1')
  t.equal((await post(both.app.url, event)).status, 200)
  t.strictSame(await states(both, 'an_1'), ['delivered', 'delivered'])
}

cases['the same stage again'] = async (t) => {
  const both = await startLifecycles(t, BOTH)
  await both.settle(CREATED, 'an_1')
  await both.settle(CREATED, 'an_1')
  t.strictSame(shown(both, 'an_1'), [`${CREATED} edits 1`, `${CREATED} reply`])
}

cases['the first stage is resent'] = async (t) => {
  const both = await startLifecycles(t, BOTH)
  await both.settle(CREATED, 'an_1')
  const [first] = await both.settled('an_1')
  await both.command('resend', first?.id ?? '', '--yes')
  await until(() => both.messages('an_1', DEALS).length === 2, 'the message again')
  await both.settle(COMPLETED, 'an_1')
  t.strictSame(
    shown(both, 'an_1'),
    [CREATED, `${COMPLETED} edits 1`, `${COMPLETED} broadcast`],
    'what follows is under the new one',
  )
}

cases['a later stage is resent'] = async (t) => {
  const both = await startLifecycles(t, BOTH)
  await both.settle(CREATED, 'an_1')
  await both.settle(COMPLETED, 'an_1')
  const [, last] = await both.settled('an_1')
  await both.command('resend', last?.id ?? '', '--yes')
  await until(() => both.messages('an_1', DEALS).length === 3, 'the reply again')
  await both.settled('an_1')
  t.strictSame(shown(both, 'an_1'), [
    `${COMPLETED} edits 2`,
    `${COMPLETED} broadcast`,
    `${COMPLETED} broadcast`,
  ])
}

cases['both stages are replayed'] = async (t) => {
  const both = await startLifecycles(t, BOTH)
  await both.settle(CREATED, 'an_1')
  await both.settle(COMPLETED, 'an_1')
  await both.command('replay', '--subject', 'an_1', '--yes')
  await both.settled('an_1')
  t.strictSame(
    shown(both, 'an_1'),
    [`${COMPLETED} edits 1`, `${COMPLETED} broadcast`, `${COMPLETED} edits 1`, `${COMPLETED} broadcast`],
    'the conversation again',
  )
}

cases['the first message waits for its next attempt'] = async (t) => {
  const both = await startLifecycles(t, BOTH)
  let fails = true
  both.slack.behave = () => (fails ? { status: 503, body: '' } : undefined)
  await both.send(CREATED, 'an_1')
  await until(async () => ((await both.deliveries('an_1'))[0]?.attempts ?? 0) > 0, 'an attempt')
  await both.send(COMPLETED, 'an_1')
  t.match((await both.deliveries('an_1'))[1], {
    state: 'held',
    reason: 'waits for an earlier message of its conversation',
    attempts: 0,
  })
  fails = false
  await both.settled('an_1')
  t.strictSame(shown(both, 'an_1'), [`${COMPLETED} edits 1`, `${COMPLETED} broadcast`])
}

cases['the first message is parked'] = async (t) => {
  const both = await startLifecycles(t, BOTH)
  both.slack.behave = () => refusing('not_in_channel')
  await both.settle(CREATED, 'an_1')
  both.slack.behave = () => undefined
  await both.settle(COMPLETED, 'an_1')
  t.strictSame(shown(both, 'an_1'), [COMPLETED], 'a later stage does not wait for a person')
  await both.command('resend', '--state', 'parked', '--yes')
  await until(async () => (await both.deliveries('an_1'))[0]?.state === 'skipped', 'the resend')
  t.match(await states(both, 'an_1'), [`skipped: ${COMPLETED} was sent before it came`, 'delivered'])
}

cases['all of them are parked, and resent together'] = async (t) => {
  const both = await startLifecycles(t, BOTH)
  both.slack.behave = () => refusing('not_in_channel')
  await both.settle(CREATED, 'an_1')
  await both.settle(COMPLETED, 'an_1')
  both.slack.behave = () => undefined
  await both.command('resend', '--state', 'parked', '--yes')
  await until(async () => (await both.deliveries('an_1')).every(({ state }) => state === 'delivered'), 'both')
  t.strictSame(shown(both, 'an_1'), [`${COMPLETED} edits 1`, `${COMPLETED} broadcast`])
}

cases['the first message is dead'] = async (t) => {
  const both = await startLifecycles(t, BOTH)
  both.slack.behave = () => refusing('invalid_blocks')
  await both.settle(CREATED, 'an_1')
  both.slack.behave = () => undefined
  await both.settle(COMPLETED, 'an_1')
  t.match(await states(both, 'an_1'), [/^dead/, 'delivered'])
  t.strictSame(shown(both, 'an_1'), [COMPLETED])
}

cases['a webhook URL'] = async (t) => {
  const hook = await startLifecycles(t, '{ webhook_url: "WEBHOOK_URL" }')
  for (const type of [CREATED, COMPLETED]) await hook.settle(type, 'an_1')
  t.strictSame(shown(hook, 'an_1', 'webhook'), [CREATED, COMPLETED])
  await hook.settle(CREATED, 'an_2')
  await hook.settle(SCORED, 'an_2')
  t.strictSame(shown(hook, 'an_2', 'webhook'), [CREATED, SCORED], 'in order')
}

cases['two destinations'] = async (t) => {
  const both = await startLifecycles(t, BOTH, {
    receivers: '  other:\n    slack: { channel: "#other", follow_up: reply, broadcast: never }\n',
    to: '[all, other]',
  })
  await both.settle(CREATED, 'an_1')
  await both.settle(COMPLETED, 'an_1')
  t.strictSame(shown(both, 'an_1'), [`${COMPLETED} edits 1`, `${COMPLETED} broadcast`])
  t.strictSame(shown(both, 'an_1', '#other'), [CREATED, `${COMPLETED} reply`])
}

cases['no subject'] = async (t) => {
  const both = await startLifecycles(t, BOTH)
  for (const type of [COMPLETED, CREATED]) {
    await both.send(type, null)
  }
  await until(() => both.slack.messages.length === 2, 'two messages')
  t.match(both.slack.messages, [
    { text: /^analysis.completed/ },
    { text: /^analysis.created/, threadTs: null },
  ])
}

cases['a second round'] = async (t) => {
  const both = await startLifecycles(t, BOTH)
  for (const type of [CREATED, COMPLETED, CREATED, COMPLETED]) await both.settle(type, 'an_1')
  t.strictSame(shown(both, 'an_1'), [
    `${COMPLETED} edits 1`,
    `${COMPLETED} broadcast`,
    `${COMPLETED} edits 1`,
    `${COMPLETED} broadcast`,
  ])
}

cases['the service was stopped in between'] = async (t) => {
  const both = await startLifecycles(t, BOTH)
  await both.settle(CREATED, 'an_1')
  const again = await both.restart()
  await again.settle(COMPLETED, 'an_1')
  t.strictSame(shown(again, 'an_1'), [`${COMPLETED} edits 1`, `${COMPLETED} broadcast`])
}

cases['the first stage is older than store.retain'] = async (t) => {
  const both = await startLifecycles(t, BOTH)
  await both.settle(CREATED, 'an_1')
  ageEvents(both.app.folder, 31 * 86_400_000)
  const again = await both.restart()
  await until(async () => (await again.deliveries('an_1')).length === 0, 'the purge')
  await again.settle(COMPLETED, 'an_1')
  t.strictSame(shown(again, 'an_1'), [CREATED, COMPLETED])
}

cases['the lifecycle was removed from the configuration'] = async (t) => {
  const both = await startLifecycles(t, BOTH)
  await both.settle(CREATED, 'an_1')
  await both.configure('lifecycles:\n  analysis: ', '# ')
  await both.settle(COMPLETED, 'an_1')
  t.strictSame(shown(both, 'an_1'), [CREATED, COMPLETED])
}

// They wait more than they work.
t.jobs = 4
for (const [name, run] of Object.entries(cases)) t.test(name, { buffered: true }, run)

t.test('docs/lifecycles.md has these cases', async (t) => {
  const table = section(readPage('docs/lifecycles.md'), 'cases')
  const rows = [...table.matchAll(/^\| ([^|]+?) \|/gm)].map(([, name]) => name).slice(1)
  t.strictSame(rows, Object.keys(cases))
  t.strictSame(fenced(table, ''), [])
})
