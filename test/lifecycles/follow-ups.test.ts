/** What the stages of one subject do in a destination: asked of the whole service, with a Slack stand-in. */
import t from 'tap'
import { COMPLETED, CREATED, startLifecycles } from '../support/lifecycles.ts'

t.test('post: each stage is a message of its own, in order', async (t) => {
  const { settle, messages } = await startLifecycles(t, '{ channel: "#deals" }')
  await settle(CREATED, 'an_1')
  await settle(COMPLETED, 'an_1')
  t.match(messages('an_1', '#deals'), [
    { text: /^analysis.created of an_1/, threadTs: null },
    { text: /^analysis.completed of an_1/, threadTs: null },
  ])
})

t.test(
  'reply: a later stage is in the thread of the first, and the last one is shown in the channel',
  async (t) => {
    const { settle, messages, slack } = await startLifecycles(t, '{ channel: "#deals", follow_up: reply }')
    for (const type of [CREATED, 'analysis.scored', COMPLETED]) await settle(type, 'an_1')
    const [first] = messages('an_1', '#deals')
    t.match(slack.messages, [
      { text: /^analysis.created of an_1/, threadTs: null, edits: 0 },
      { text: /^analysis.scored of an_1/, threadTs: first?.ts, broadcast: false },
      { text: /^analysis.completed of an_1/, threadTs: first?.ts, broadcast: true },
    ])
  },
)
