/** A service that runs: what systemd does for it, and what an operator does with it. */
import type { Test } from 'tap'
import { newEvent, post, type SignedEvent } from '../support/service.ts'
import { arrivals } from '../support/sinks.ts'
import { until } from '../support/until.ts'
import { documented } from './documented.ts'
import { CONFIG, type Place } from './place.ts'

const EVENTS = 400
const SENDERS = 10
// Only a test that fails takes or waits that long.
const LONGEST_STREAM = 300_000
const PATIENCE_MS = 300_000
const HISTORY = `--config ${CONFIG}`

export async function testOperation(t: Test, place: Place): Promise<void> {
  const { run, show, deliver } = place
  const pid = () => show('MainPID')

  await t.test('a reload applies a valid configuration, and reports an invalid one', async (t) => {
    const before = await pid()
    const config = place.read(CONFIG)
    place.write(CONFIG, config.replace('"#deal-flow"', '"#other"'))
    await run(documented('reload'))
    await deliver()
    t.equal(place.sinks.slack.messages.at(-1)?.channel, '#other')
    place.write(CONFIG, config.replace('receivers: [deal-flow]', 'receiverz: [deal-flow]'))
    t.not((await place.machine().run('systemctl reload hookbridge')).code, 0)
    await until(async () => /receiverz/.test(await place.journal()), 'the problem in the journal')
    t.match(await place.journal(), /config\.yaml:\d+:\d+: .*receiverz.*did you mean/)
    t.match(await show('StatusText'), /old|problem|not reloaded/i)
    await deliver()
    t.equal(place.sinks.slack.messages.at(-1)?.channel, '#other', 'the one before keeps working')
    place.write(CONFIG, config)
    await run(documented('reload'))
    await deliver()
    t.equal(place.sinks.slack.messages.at(-1)?.channel, '#deal-flow')
    t.equal(await pid(), before, 'it is the same process')
  })

  await t.test('kill -9 within a stream of events: nothing is refused, nothing is lost', async (t) => {
    const restarts = Number(await show('NRestarts'))
    const stream = send(place.url, EVENTS)
    for (const part of [0.2, 0.6]) {
      await until(() => stream.acknowledged.size > EVENTS * part, 'events to be acknowledged', PATIENCE_MS)
      const before = await pid()
      await run(`kill -9 ${before}`)
      await until(async () => !['0', before].includes(await pid()), 'systemd to start it again')
    }
    await stream.done
    t.equal(stream.acknowledged.size, EVENTS)
    t.strictSame(
      stream.errors.filter((code) => code === 'ECONNREFUSED'),
      [],
      `of ${stream.errors}`,
    )
    t.equal(Number(await show('NRestarts')), restarts + 2)
    const open = await unfinished(place)
    t.strictSame(open, [])
    const acknowledged = new Set(stream.acknowledged.values())
    const stored = (await deliveriesOf(place)).filter((delivery) => acknowledged.has(delivery.event_id))
    t.equal(stored.length, 2 * EVENTS, 'two messages each')
    const arrived = arrivals(place.sinks)
    t.strictSame(
      stored.filter(({ id }) => !arrived.has(id)),
      [],
    )
  })

  await t.test('a service whose event loop is blocked is restarted', async (t) => {
    const dropIn = '/etc/systemd/system/hookbridge.service.d/watchdog.conf'
    await run(`mkdir -p $(dirname ${dropIn}); printf '[Service]\\nWatchdogSec=10\\n' > ${dropIn}`)
    await run('systemctl daemon-reload; systemctl restart hookbridge')
    const before = await pid()
    await run(`kill -STOP ${before}`)
    await until(async () => !['0', before].includes(await pid()), 'the watchdog', PATIENCE_MS)
    await until(async () => (await show('ActiveState')) === 'active', 'the new process to be ready')
    t.match(await place.journal(), /Watchdog timeout/)
    await deliver()
    await run(`rm ${dropIn}; systemctl daemon-reload; systemctl restart hookbridge`)
  })

  await t.test('root looks at the history, beside the service and without it', async (t) => {
    const id = await deliver()
    const owners = () => run('stat -c %u /var/lib/hookbridge/ /var/lib/hookbridge/* | sort -u | wc -l')
    t.match(await run(documented('look')), new RegExp(id))
    const shown = JSON.parse(await run(`hookbridge deliveries show ${id} --json ${HISTORY}`)) as Deliveries
    const [first = '', second = ''] = shown.deliveries.map((delivery) => delivery.id)
    t.match(await run(`hookbridge resend ${first} ${HISTORY}`), /^1 delivery due now/)
    await until(() => arrivals(place.sinks).get(first) === 2, 'the message to come again')
    t.equal((await owners()).trim(), '1')
    await run('systemctl stop hookbridge.socket hookbridge.service')
    t.match(await run(`hookbridge events show ${id} ${HISTORY}`), 'delivered')
    await run(`hookbridge resend ${second} ${HISTORY}`)
    t.equal((await owners()).trim(), '1', 'no file is left that is not the service’s')
    await run('systemctl start hookbridge')
    await until(() => arrivals(place.sinks).get(second) === 2, 'what was asked for while it was stopped')
    await deliver()
  })

  await t.test('doctor sees what the service sees, while it runs and while it does not', async (t) => {
    const owners = () => run('stat -c %u /var/lib/hookbridge/ /var/lib/hookbridge/* | sort -u | wc -l')
    const secret = '/etc/hookbridge/credentials/slack-bot-token'
    const token = place.read(secret)
    const fine = await run(documented('doctor'))
    t.match(fine, /^slack\n +✓/m)
    t.match(fine, /nothing is wrong/)
    await run('systemctl stop hookbridge.socket hookbridge.service')
    t.match(await run(documented('doctor')), /nothing is wrong/)
    t.equal((await owners()).trim(), '1', 'its files are those of the service')
    await run(`rm ${secret}`)
    const broken = await place.machine().run(documented('doctor'))
    t.match(broken, { code: 1, out: /credentials\/slack-bot-token/ })
    await run(`printf '%s' '${token}' | install -m 600 /dev/stdin ${secret}`)
    await run('systemctl start hookbridge')
    await deliver()
  })

  await t.test('a failure that no restart can fix starts the unit for it', async (t) => {
    const report = '/run/hookbridge-failed'
    await run(documented('failure', { 'mail -s "Hookbridge failed on %H" root': `tee ${report}` }))
    const config = place.read(CONFIG)
    place.write(CONFIG, config.replace('receivers: [deal-flow]', 'receiverz: [deal-flow]'))
    t.not((await place.machine().run('systemctl restart hookbridge')).code, 0)
    await until(async () => /receiverz/.test((await place.machine().run(`cat ${report}`)).out), 'the report')
    place.write(CONFIG, config)
    await run('rm -r /etc/systemd/system/hookbridge.service.d /etc/systemd/system/hookbridge-failed.service')
    await run('systemctl daemon-reload; systemctl reset-failed hookbridge; systemctl start hookbridge')
    await deliver()
  })

  await t.test('it starts at boot', async (t) => {
    await place.reboot()
    t.equal(await show('ActiveState'), 'active')
    await deliver()
  })
}

/** What `hookbridge deliveries --json` prints, as far as it is looked at. */
interface Deliveries {
  readonly deliveries: readonly Readonly<
    Record<'id' | 'event_id' | 'state', string> & { reason: string | null }
  >[]
}

/** The deliveries that are still not delivered after a time in which they should be, each with its state. */
async function deliveriesOf({ run }: Place): Promise<Deliveries['deliveries']> {
  const shown: Deliveries = JSON.parse(await run(`hookbridge deliveries --limit 100000 --json ${HISTORY}`))
  return shown.deliveries
}

async function unfinished(place: Place): Promise<string[]> {
  let open: string[] = []
  const isDone = async () => {
    open = (await deliveriesOf(place)).flatMap(({ id, state, reason }) =>
      state === 'delivered' ? [] : [`${id} ${state} ${reason}`],
    )
    return open.length === 0
  }
  await until(isDone, 'all deliveries', PATIENCE_MS).catch(() => {})
  return open
}

/** Senders that repeat each event until it is acknowledged, as Svix does. */
function send(url: string, count: number) {
  const events: SignedEvent[] = Array.from({ length: count }, () => newEvent())
  const acknowledged = new Map<string, string>()
  const errors: string[] = []
  const deadline = Date.now() + LONGEST_STREAM
  let next = 0
  const sender = async () => {
    for (let event = events[next++]; event !== undefined; event = events[next++]) {
      while (!acknowledged.has(event.messageId) && Date.now() < deadline) {
        try {
          const response = await post(url, event)
          const { id } = (await response.json()) as { id: string }
          if (response.ok) acknowledged.set(event.messageId, id)
        } catch (error) {
          const cause = error instanceof Error ? error.cause : undefined
          errors.push(cause instanceof Error && 'code' in cause ? String(cause.code) : String(error))
        }
      }
    }
  }
  return { acknowledged, errors, done: Promise.all(Array.from({ length: SENDERS }, sender)) }
}
