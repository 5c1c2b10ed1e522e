/**
 * Three services on one database, killed, suspended and cut off at random: every acknowledged event is delivered, none twice
 * but where an attempt was recorded as ambiguous, conversations are in order, and the rate of a channel holds over all of them.
 */
import t, { type Test } from 'tap'
import {
  endWell,
  type Instances,
  makeStories,
  outOfOrder,
  rateHolds,
  type Sender,
  settled,
  startInstances,
  startSender,
  storedDeliveries,
  unexplainedArrivals,
} from '../support/instances.ts'
import { openDatabase, type Postgres, startPostgres } from '../support/postgres.ts'
import { seeded } from '../support/seeded-random.ts'
import { type Sinks, startSinks } from '../support/sinks.ts'
import { until } from '../support/until.ts'

// EVENTS=10000 for the whole proof, by hand.
const EVENTS = Number(process.env.EVENTS || 1_000)
const SEED = Number(process.env.SEED ?? Date.now() % 1_000_000)
const SENDERS = 24
const PATIENCE_MS = 900_000

const random = seeded(SEED)
t.comment(`SEED=${SEED}`)

interface Scene {
  readonly postgres: Postgres
  readonly url: string
  readonly sinks: Sinks
  readonly instances: Instances
  readonly sender: Sender
}

t.test(`${EVENTS} events, kills and a pause`, { timeout: 2 * PATIENCE_MS }, async (t) => {
  const postgres = await startPostgres(t)
  const url = postgres.createDatabase()
  const sinks = await startSinks(t, 3)
  const instances = await startInstances(t, { url, sinks, count: 3, timeout: '5s' })
  const [analyses, alerts] = [Math.round(EVENTS * 0.03), Math.round(EVENTS * 0.06)]
  const stories = makeStories({ analyses, alerts, mails: EVENTS - alerts - 2 * analyses }, random)
  const sender = startSender(stories, instances, SENDERS)
  const scene: Scene = { postgres, url, sinks, instances, sender }

  const paused = pauseOne(t, scene)
  for (const { at, act } of disasters(scene)) {
    await until(() => sender.acknowledged.size >= at, `${at} acknowledgements`, PATIENCE_MS)
    await act()
  }
  await sender.done
  await paused
  t.equal(sender.acknowledged.size, EVENTS, 'every event is acknowledged in the end, as its sender repeats')
  t.comment(`refused meanwhile: ${JSON.stringify(Object.fromEntries(sender.refused))}`)
  await settled(t, url, PATIENCE_MS)

  const deliveries = storedDeliveries(postgres, url)
  const events = postgres.query("SELECT id FROM hookbridge.events WHERE source = 'cuuro'", url)
  t.equal(events.length, EVENTS, 'each message id is one event')
  t.strictSame(new Set(events), new Set(sender.acknowledged.values()), 'which has the acknowledged id')
  t.equal(deliveries.length, EVENTS, 'each has its delivery')
  t.strictSame(unexplainedArrivals(sinks, deliveries), [], 'which arrived once, or was recorded as ambiguous')
  t.strictSame(outOfOrder(sinks, deliveries), [], 'conversations are in order')
  for (const channel of ['#alerts', '#stories']) rateHolds(t, sinks, channel)
  const ambiguous = deliveries.reduce((sum, delivery) => sum + delivery.ambiguous, 0)
  t.comment(
    `${ambiguous} attempts were ambiguous, ${sinks.slack.messages.length + sinks.mail.messages.length - EVENTS} came twice`,
  )
  await endWell(t, instances.services)
})

/** Some kills of instances and two of the server, at random places of the whole. */
function disasters({ postgres, instances }: Scene): readonly { at: number; act(): Promise<void> }[] {
  const killInstance = () => instances.replace(1 + Math.floor(random() * 2))
  const killServer = async () => {
    await postgres.kill()
    await postgres.start()
  }
  return [killInstance, killServer, killInstance, killInstance, killServer, killInstance]
    .map((act) => ({ at: Math.floor((0.05 + random() * 0.9) * EVENTS), act }))
    .sort((one, other) => one.at - other.at)
}

/** Suspends the first instance until the others have taken over all that it was sending, and lets it go on. */
async function pauseOne(t: Test, { url, instances, sender }: Scene): Promise<void> {
  const [service] = instances.services
  if (service === undefined) return
  const held = `SELECT count(*) AS count FROM deliveries WHERE state = 'sending' AND holder LIKE '% ${service.pid}'`
  const database = openDatabase(t, url)
  // Null while the server is away.
  const holding = async () => {
    const rows = await database.query<{ count: number }>(held).catch(() => null)
    return rows?.[0]?.count ?? null
  }
  await until(() => sender.acknowledged.size > EVENTS / 10, 'the sender to be under way', PATIENCE_MS)
  let leases = 0
  await until(
    async () => {
      process.kill(service.pid, 'SIGSTOP')
      leases = (await holding()) ?? 0
      if (leases > 0) return true
      process.kill(service.pid, 'SIGCONT')
      return false
    },
    'a moment at which it is sending',
    PATIENCE_MS,
  )
  let checked = 0
  await until(
    async () => {
      if (Date.now() - checked < 1_000) return false
      checked = Date.now()
      return (await holding()) === 0
    },
    'the others to take over what it was sending',
    PATIENCE_MS,
  )
  process.kill(service.pid, 'SIGCONT')
  t.comment(`an instance with ${leases} leases was suspended until they had ended`)
}
