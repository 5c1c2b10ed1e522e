/** Instances with different configurations, as while a new one is rolled out. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { openPostgres } from '../../src/store/postgres.ts'
import type { ClaimRequest, Store } from '../../src/store/store.ts'
import { deliveryId, entry, event, everything, limited, planned } from '../store/contract/sample.ts'
import { startJsonApi } from '../support/json-api.ts'
import { openedStore } from '../support/opened-store.ts'
import { notDurable, type Postgres, startPostgres } from '../support/postgres.ts'
import {
  environment,
  newEvent,
  post,
  type Service,
  startService,
  temporaryFolder,
} from '../support/service.ts'
import { type Sinks, startSinks } from '../support/sinks.ts'
import { until } from '../support/until.ts'

const mail = planned({ channel: 'email', target: 'a@example.com' })

t.test('a channel that one instance has and another one lacks', async (t) => {
  const postgres = await startPostgres(t, { settings: notDurable })

  t.test('its deliveries wait for the one that has it', async (t) => {
    const url = postgres.createDatabase()
    const [one, other] = [await openedStore(t, url), await openedStore(t, url)]
    await claimed(one)
    await one.append(entry(event(1), [mail, planned()]))
    t.same(await claimed(other, withoutMail()), [deliveryId(1, 2)], 'what it can send is not left')
    t.not(other.idleUntil(other.now()), null, 'it does not ask for what is left again and again')
    await announced(postgres, url, 2)
    t.same(await claimed(other, withoutMail()), [])
    t.same(await claimed(one), [deliveryId(1, 1)])
  })

  t.test('also for one that has just got it, and has not said so yet', async (t) => {
    const url = postgres.createDatabase()
    const [one, other] = [await openedStore(t, url), await openedStore(t, url)]
    await claimed(one, withoutMail())
    await claimed(other, withoutMail())
    await announced(postgres, url, 2)
    await one.append(entry(event(1), [mail]))
    t.same(await claimed(other, withoutMail()), [])
    t.same(await claimed(one), [deliveryId(1, 1)])
  })

  t.test('what a killed instance was sending is recorded by the next one that has the channel', async (t) => {
    const url = postgres.createDatabase()
    const [gone, other] = [await openPostgres({ url, role: 'service' }), await openedStore(t, url)]
    await gone.append(entry(event(1), [mail]))
    t.same(await claimed(gone), [deliveryId(1, 1)])
    await announced(postgres, url, 1)
    t.same(await claimed(other, withoutMail()), [])
    await gone.close()
    t.same(await claimed(other, withoutMail()), [], 'it may come back')
    const next = await openedStore(t, url)
    const { leased } = await next.claim(everything(next.now()))
    t.match(leased, [{ delivery: { id: deliveryId(1, 1) }, interruptedAt: Number }])
  })

  t.test('one of a version that does not say what it has may have it', async (t) => {
    const url = postgres.createDatabase()
    const [one, other] = [await openedStore(t, url), await openedStore(t, url)]
    await claimed(one, withoutMail())
    await announced(postgres, url, 1)
    // It claims with its own limits, as such a version does, and is never heard of.
    await one.append(entry(event(1), [mail]))
    t.same(await claimed(one, withoutMail()), [])
    t.same(await claimed(other), [deliveryId(1, 1)])
  })

  t.test('an instance that is alone parks them at once', async (t) => {
    const store = await openedStore(t, postgres.createDatabase())
    await store.append(entry(event(1), [mail]))
    t.same(await claimed(store, withoutMail()), [deliveryId(1, 1)])
  })
})

function withoutMail(): Partial<ClaimRequest> {
  return { channels: new Map([...limited()].filter(([name]) => name !== 'email')) }
}

async function claimed(store: Store, change: Partial<ClaimRequest> = {}): Promise<string[]> {
  const { leased } = await store.claim(everything(store.now(), change))
  return leased.map(({ delivery }) => delivery.id)
}

/** Waits until so many instances have said which channels they have. */
async function announced(postgres: Postgres, url: string, count: number): Promise<void> {
  const sql = 'SELECT number FROM hookbridge.instances WHERE channels IS NOT NULL'
  await until(() => postgres.query(sql, url).length === count, 'instances to say which channels they have')
}

t.test('services with different configurations', async (t) => {
  const postgres = await startPostgres(t, { settings: notDurable })

  t.test('the old one sends nothing that only the new one can send as it was planned', async (t) => {
    const { sinks, older, newer, ended, attempts } = await rollout(t, postgres, ({ sinks }) => ({
      channels: `  email: { smtp: "${sinks.mail.url}", from: "Alerts <alerts@example.com>" }`,
      receivers: `  hook: { slack: { webhook_url: "${sinks.slack.webhookUrl}" } }
  partners: { email: { to: [partners@example.com] } }`,
      routes: `  - { template: card, receivers: [deals], continue: true }
  - { receivers: [hook, partners] }`,
      template: 'text: "CARD {{ event.type }}"',
    }))
    const began = Promise.withResolvers<void>()
    let isDown = true
    sinks.mail.behave = () => (isDown ? { code: 451, message: 'later' } : undefined)
    sinks.slack.behave = () => {
      began.resolve()
      return undefined
    }
    for (const _ of [1, 2, 3]) t.equal((await post(newer.url, newEvent())).status, 202)
    await began.promise
    // While it is suspended, the other one comes upon what waits.
    process.kill(newer.pid, 'SIGSTOP')
    const left = (what: RegExp) => attempts().filter((outcome) => what.test(outcome))
    await until(
      () => left(/left to another instance.*there is no template card/).length > 0,
      'one to be left',
    )
    await until(() => left(/left to another instance.*no webhook_url/).length > 0, 'another one')
    process.kill(newer.pid, 'SIGCONT')
    isDown = false
    await ended(9)
    t.strictSame(left(/"park"|not configured/), [])
    t.equal(sinks.mail.messages.length, 3)
    const deals = sinks.slack.messages.filter(({ channel }) => channel === '#deals')
    t.strictSame(
      deals.map(({ text }) => text),
      Array(3).fill('CARD analysis.completed'),
    )
    t.equal((await older.end('SIGTERM')).code, 0)
  })

  t.test('an event is not planned without the step that only the new one has', async (t) => {
    let isDown = true
    const api = await startJsonApi(t, () => (isDown ? { status: 503 } : { body: { score: 91 } }))
    const { sinks, newer, ended, attempts, url } = await rollout(t, postgres, () => ({
      top: `enrich: [{ name: analysis, get: "${api.url}/x", pick: { score: /score }, within: 5m }]`,
      routes: '  - { match: { enriched.analysis.score: 91 }, receivers: [deals] }',
    }))
    t.equal((await post(newer.url, newEvent())).status, 202)
    await until(() => api.requests.length > 0, 'a try')
    const dueAt = () =>
      postgres.query('SELECT due_at FROM hookbridge.enrichments WHERE holder IS NULL', url)[0]
    await until(() => dueAt() !== undefined, 'it to wait for another one')
    process.kill(newer.pid, 'SIGSTOP')
    const before = dueAt()
    await until(() => dueAt() !== before, 'the old one to put it back')
    process.kill(newer.pid, 'SIGCONT')
    isDown = false
    await ended(1)
    t.equal(attempts().length, 1)
    t.same(postgres.query('SELECT enriched FROM hookbridge.events', url), ['{"analysis":{"score":91}}'])
    t.equal(sinks.slack.messages.length, 1)
  })
})

interface Changes {
  readonly top?: string
  readonly channels?: string
  readonly receivers?: string
  readonly routes?: string
  readonly template?: string
}

/** One service with an old configuration, and one with the changes. */
async function rollout(t: Test, postgres: Postgres, change: (given: { sinks: Sinks }) => Changes) {
  const url = postgres.createDatabase()
  const sinks = await startSinks(t)
  const start = async (changes: Changes): Promise<Service> => {
    const folder = temporaryFolder(t)
    const {
      top = '',
      channels = '',
      receivers = '',
      routes = '  - { receivers: [deals] }',
      template,
    } = changes
    if (template !== undefined) {
      mkdirSync(join(folder, 'templates', 'card'), { recursive: true })
      writeFileSync(join(folder, 'templates', 'card', 'slack.yaml'), template)
    }
    const file = join(folder, 'config.yaml')
    writeFileSync(
      file,
      `
server: { port: 0 }
store: { url: "${url}" }
sources: { cuuro: { svix: { secrets: ["\${WEBHOOK_SECRET}"] } } }
${top}
${template === undefined ? '' : 'templates: templates'}
channels:
  slack: { token: "\${SLACK_BOT_TOKEN}", rate: 1/s, burst: 1, api_url: "${sinks.slack.url}" }
${channels}
receivers:
  deals: { slack: { channel: "#deals" } }
${receivers}
routes:
${routes}
`,
    )
    const service = await startService(file, environment)
    t.teardown(() => service.end('SIGKILL'))
    return service
  }
  const [older, newer] = [await start({}), await start(change({ sinks }))]
  const states = () => postgres.query('SELECT state FROM hookbridge.deliveries', url)
  return {
    url,
    sinks,
    older,
    newer,
    /** How each ended. */
    attempts: () => postgres.query('SELECT outcome FROM hookbridge.attempts', url),
    /** Waits until so many deliveries have ended. */
    ended: async (count: number) => {
      await until(
        () => states().filter((state) => state === 'delivered' || state === 'parked').length === count,
        'all to end',
        120_000,
      )
    },
  }
}
