/** The configuration is replaced again and again under load, and a third of what is put there is broken. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { replaceFile } from '../support/replace.ts'
import {
  environment,
  history,
  newEvent,
  post,
  type Service,
  startService,
  temporaryFolder,
} from '../support/service.ts'
import { type SlackServer, startSlackServer } from '../support/slack/server.ts'
import { until } from '../support/until.ts'

const VERSIONS = 50
const A_SECOND = 200
// A machine that cannot keep up sends less, rather than more and more at once.
const MOST_AT_ONCE = 100

/** Each version sends all events to a channel of its own. */
interface Sent {
  readonly messageId: string
  /** The version that was certainly in effect when the event was first sent. */
  readonly from: number
  id: string
  /** The newest version that can have been in effect when it was acknowledged. */
  to: number
}

interface World {
  readonly folder: string
  readonly config: string
  readonly slack: SlackServer
  service: Service
  /** In effect for certain, and on disk. */
  loaded: number
  written: number
}

const isBroken = (version: number) => version % 3 === 0

/** Every third version is broken, each time in another way; each sends distinguishable messages. */
function yaml({ folder, slack }: Pick<World, 'folder' | 'slack'>, version: number): string {
  const good = `
server: { port: 0, watch: true }
store: { url: "sqlite:${join(folder, 'store.db')}" }
sources: { cuuro: { svix: { secrets: [{ file: signing }] } } }
channels:
  slack: { token: "\${SLACK_BOT_TOKEN}", rate: 100000/s, burst: 1000, api_url: "${slack.url}" }
receivers:
  v${version}: { slack: { channel: "#v${version}" } }
routes:
  - { name: v${version}, receivers: [v${version}] }
`
  if (!isBroken(version)) return good
  const breakings = [
    (text: string) => `${text}  - [`,
    (text: string) => text.replace('"${SLACK', '"${UNSET_SLACK'),
    (text: string) => text.replace('file: signing', 'file: nowhere'),
    (text: string) => `${text}templates: broken\n`,
    (text: string) => text.replace(`receivers: [v${version}]`, 'receivers: [nobody]'),
    (text: string) => text.slice(0, -30),
  ]
  return breakings[(version / 3) % breakings.length]?.(good) ?? ''
}

async function startWorld(t: Test): Promise<World> {
  const folder = temporaryFolder(t)
  const slack = await startSlackServer({ delay: 5 })
  t.teardown(() => slack.close())
  writeFileSync(join(folder, 'signing'), environment.WEBHOOK_SECRET)
  mkdirSync(join(folder, 'broken/default'), { recursive: true })
  writeFileSync(join(folder, 'broken/default/slack.yaml'), 'text: "{{ data.id"\nblocks: []\n')
  const config = join(folder, 'config.yaml')
  writeFileSync(config, yaml({ folder, slack }, 1))
  const world: World = {
    folder,
    config,
    slack,
    service: await startService(config),
    loaded: 1,
    written: 1,
  }
  t.teardown(() => world.service.end('SIGKILL'))
  return world
}

/** Sends signed events until it is stopped, each again until it is acknowledged, as Svix does. */
function startSending(world: World): { readonly sent: readonly Sent[]; stop(): Promise<void> } {
  const sent: Sent[] = []
  const open = new Set<Promise<void>>()
  const begun = Date.now()
  let begunSoFar = 0
  const timer = setInterval(() => {
    const due = ((Date.now() - begun) / 1_000) * A_SECOND
    for (; begunSoFar < due && open.size < MOST_AT_ONCE; begunSoFar += 1) {
      const one = send().finally(() => open.delete(one))
      open.add(one)
    }
  }, 5)
  return {
    sent,
    async stop() {
      clearInterval(timer)
      await Promise.all(open)
    },
  }

  async function send(): Promise<void> {
    const event = newEvent()
    const from = world.loaded
    for (;;) {
      try {
        const response = await post(world.service.url, event)
        const { id } = (await response.json()) as { id: string }
        if (response.ok) {
          sent.push({ messageId: event.messageId, from, id, to: world.written })
          return
        }
      } catch {
        // The service is down: again when it is up.
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
    }
  }
}

function write(world: World, version: number): void {
  world.written = version
  replaceFile(world.config, yaml(world, version))
}

async function lastReload(world: World): Promise<{ at: string; ok: boolean }> {
  const { reload } = (await (await fetch(`${world.service.url}/readyz`)).json()) as {
    reload?: { at: string; ok: boolean }
  }
  return reload ?? { at: '', ok: true }
}

/** All that was acknowledged is stored, arrived, and went where a configuration said that was in effect then. */
async function checkAll(t: Test, { folder, slack }: World, sent: readonly Sent[]): Promise<void> {
  // Reading the history keeps the stand-in for Slack, which is in this process, from answering.
  await until(() => slack.messages.length >= sent.length, 'every message', 240_000)
  const done = async () => (await history(folder)).deliveries.every(({ state }) => state === 'delivered')
  await until(done, 'every delivery', 240_000)
  const { events, deliveries } = await history(folder)
  t.strictSame(
    new Set(events.map(({ id }) => id)),
    new Set(sent.map(({ id }) => id)),
    'the acknowledged events are the stored ones',
  )
  t.equal(deliveries.length, events.length, 'each has one message')
  const arrived = new Map<string, string[]>()
  for (const { channel, metadata } of slack.messages) {
    const delivery = /dlv_\w+/.exec(JSON.stringify(metadata))?.[0]
    const eventId = deliveries.find(({ id }) => id === delivery)?.eventId ?? ''
    arrived.set(eventId, [...(arrived.get(eventId) ?? []), channel])
  }
  const repeats = new Map(
    deliveries.map(({ eventId, history }) => [
      eventId,
      history.filter(({ outcome }) => outcome.kind === 'ambiguous').length,
    ]),
  )
  const wrong = sent.filter(({ id, from, to }) => {
    const found = arrived.get(id) ?? []
    const versions = new Set(found.map((channel) => Number(channel.slice('#v'.length))))
    const [version = 0] = versions
    const right = versions.size === 1 && version >= from && version <= to && !isBroken(version)
    return !right || found.length > 1 + (repeats.get(id) ?? 0)
  })
  t.strictSame(
    wrong.map((one) => ({ ...one, arrived: arrived.get(one.id) })),
    [],
    'each arrived once, by a good configuration that was in effect',
  )
}

t.test('50 versions under load, one process', async (t) => {
  const world = await startWorld(t)
  const { pid } = world.service
  const sending = startSending(world)
  const begun = Date.now()
  /** Some more events that were sent when this version was certainly in effect. */
  const eventsUnder = async (version: number) => {
    const under = () => sending.sent.filter(({ from }) => from === version).length
    const count = under()
    await until(() => under() >= count + 5, `events under version ${version}`)
  }
  await eventsUnder(1)
  for (let version = 2; version <= VERSIONS; version += 1) {
    const before = await lastReload(world)
    write(world, version)
    // Some are left to the watch; for the others the signal is quicker.
    if (version % 5 !== 0) process.kill(pid, 'SIGHUP')
    let last = before
    await until(async () => {
      last = await lastReload(world)
      return last.at !== before.at
    }, `version ${version} to be loaded`)
    t.equal(last.ok, !isBroken(version), `version ${version}`)
    if (last.ok) world.loaded = version
    await eventsUnder(world.loaded)
  }
  await sending.stop()
  const rate = sending.sent.length / ((Date.now() - begun) / 1000)
  t.comment(`${sending.sent.length} events, ${Math.round(rate)} a second`)
  await checkAll(t, world, sending.sent)
  const used = new Set(world.slack.messages.map(({ channel }) => channel))
  const good = Array.from({ length: VERSIONS }, (_, index) => index + 1).filter((one) => !isBroken(one))
  t.strictSame(used, new Set(good.map((version) => `#v${version}`)), 'every good version took events')
  const { id } = (await (await post(world.service.url, newEvent())).json()) as { id: string }
  const last = (await history(world.folder)).deliveries.find(({ eventId }) => eventId === id)
  t.equal(last?.route, `v${VERSIONS}`, 'the last one is in effect')
  t.equal((await fetch(`${world.service.url}/livez`)).status, 200, 'by the same process')
  t.strictSame(await world.service.end('SIGTERM'), { code: 0, signal: null }, 'which was never started again')
})

t.test('kill -9 in the middle of reloading under load', async (t) => {
  const world = await startWorld(t)
  const sending = startSending(world)
  for (const version of [2, 4, 5]) {
    const count = sending.sent.length
    await until(() => sending.sent.length >= count + 50, 'events under the version before')
    write(world, version)
    process.kill(world.service.pid, 'SIGHUP')
    const { promise, resolve } = Promise.withResolvers<void>()
    setTimeout(resolve, Math.random() * 30)
    await promise
    t.equal((await world.service.end('SIGKILL')).signal, 'SIGKILL')
    world.service = await startService(world.config)
    world.loaded = version
  }
  const count = sending.sent.length
  await until(() => sending.sent.length >= count + 50, 'events under the last version')
  await sending.stop()
  await checkAll(t, world, sending.sent)
  t.equal((await world.service.end('SIGTERM')).code, 0)
})
