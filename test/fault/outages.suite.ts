/** Slack limits and fails at random, the mail server is away for a while: everything arrives in the end. */
import t from 'tap'
import { startMailServer } from '../support/mail-server.ts'
import { holdPort } from '../support/ports.ts'
import { seeded } from '../support/seeded-random.ts'
import { history, newEvent, post, startService, temporaryFolder, writeConfig } from '../support/service.ts'
import { arrivals, unexplained } from '../support/sinks.ts'
import { startSlackServer } from '../support/slack/server.ts'
import { until } from '../support/until.ts'

const EVENTS = 100
/** `delivery.ambiguous_resends`: a message whose next attempt ends without a result too is parked. */
const RESENDS = 2

t.test('429 and 500 at random, and SMTP refusing', async (t) => {
  const folder = temporaryFolder(t)
  const slack = await startSlackServer()
  const answers: Record<string, number> = {}
  // Of a hundred posts and more, some meet with each failure whatever is drawn for look-ups meanwhile.
  const [ofPosts, ofOthers] = [seeded(14), seeded(15)]
  const ambiguous = new Map<string, number>()
  slack.behave = ({ method, body }) => {
    const chance = method === 'chat.postMessage' ? ofPosts() : ofOthers()
    let status = chance < 0.04 ? 429 : chance < 0.15 ? 500 : 200
    if (status === 500 && method === 'chat.postMessage') {
      const id = /dlv_\w+/.exec(JSON.stringify(body.metadata))?.[0] ?? ''
      const before = ambiguous.get(id) ?? 0
      if (before < RESENDS) ambiguous.set(id, before + 1)
      else status = 200
    }
    answers[status] = (answers[status] ?? 0) + 1
    if (status === 429) return { status, headers: { 'retry-after': '1' }, body: 'ratelimited' }
    return status === 500 ? { status, headers: {}, body: 'oops' } : undefined
  }
  // The port is known before the server is there: at first it refuses connections.
  const reserved = holdPort(t)
  const config = writeConfig({
    folder,
    slackUrl: slack.url,
    smtpUrl: `smtp://127.0.0.1:${reserved.port}`,
    // Nothing hangs here: a busy machine must not add attempts without a result.
    extra: `delivery: { timeout: 60s, ambiguous_resends: ${RESENDS} }\n`,
  })
  const service = await startService(config)
  t.teardown(() => service.end('SIGKILL'))

  const statuses = await Promise.all(
    Array.from({ length: EVENTS }, async () => (await post(service.url, newEvent())).status),
  )
  t.ok(
    statuses.every((status) => status === 202),
    'a dead destination does not show to the sender',
  )
  await until(
    () => slack.messages.length >= EVENTS / 2,
    'Slack messages to arrive while mail is down',
    60_000,
  )
  const during = await history(folder)
  const mails = during.deliveries.filter(({ destination }) => destination.channel === 'email')
  t.ok(
    mails.some(({ history }) => history.length > 0),
    'mail was attempted',
  )
  t.ok(
    mails.every(({ state }) => state === 'pending' || state === 'retrying' || state === 'sending'),
    'and is waiting',
  )
  const mailAttempts = mails.reduce((sum, { attempts }) => sum + attempts, 0)
  t.ok(mailAttempts < EVENTS, `a dead server is probed, not hammered: ${mailAttempts} attempts`)

  const mail = await startMailServer({ socket: reserved.give() })
  t.teardown(async () => {
    await mail.close()
    await slack.close()
  })
  const sinks = { slack, mail }
  try {
    // Attempts that fail by chance, several times in a row, wait longer each time.
    await until(() => arrivals(sinks).size >= 2 * EVENTS, 'everything to arrive', 300_000)
  } catch (error) {
    const { deliveries } = await history(folder)
    for (const delivery of deliveries.filter(({ state }) => state !== 'delivered')) t.comment(delivery)
    throw error
  }
  await until(
    async () => (await history(folder)).deliveries.every(({ state }) => state === 'delivered'),
    'everything to be recorded',
  )
  const { deliveries } = await history(folder)
  t.strictSame(unexplained(sinks, deliveries), [], 'each arrived exactly once, or as often as was recorded')
  const retries = deliveries
    .flatMap(({ history }) => history)
    .filter(({ outcome }) => outcome.kind === 'retry')
  t.ok(
    retries.some(({ outcome }) => outcome.kind === 'retry' && outcome.after === 1_000),
    'Retry-After is honoured and recorded',
  )
  t.ok((answers[429] ?? 0) > 0 && (answers[500] ?? 0) > 0, 'Slack did fail')
  t.ok(ambiguous.size > 0, 'also when it was asked to post')
  t.equal((await service.end('SIGTERM')).code, 0)
})
