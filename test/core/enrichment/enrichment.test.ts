import t from 'tap'
import { type Answer, judge } from '../../../src/core/enrichment/answer.ts'
import {
  type HostHealth,
  healthyHost,
  pausedFor,
  requestsAtOnce,
  settleHost,
} from '../../../src/core/enrichment/host-health.ts'
import {
  afterTry,
  afterWait,
  needsEnrichment,
  nextStep,
  notAsked,
  notBegun,
  patience,
} from '../../../src/core/enrichment/progress.ts'
import { compileSteps, type Step, type StepSettings } from '../../../src/core/enrichment/step.ts'
import { type Event, enrichedOf, viewOf } from '../../../src/core/event.ts'
import type { Json } from '../../../src/core/json/json.ts'
import { compileMatch } from '../../../src/core/match/match.ts'
import { Secret } from '../../../src/core/secret.ts'
import { anEvent } from '../../support/event.ts'

const RECEIVED = Date.UTC(2026, 10, 23, 12)
const event = anEvent({ receivedAt: RECEIVED })

function matchOf(raw: unknown) {
  const compiled = compileMatch(raw)
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.problems))
  return compiled.match
}

function steps(...settings: Partial<StepSettings>[]): readonly Step[] {
  const compiled = compileSteps(
    settings.map((one) => ({
      name: 'analysis',
      get: 'https://api.example.com/v1/analyses/{{ data.id }}',
      headers: {},
      require: [],
      within: 30_000,
      timeout: 5_000,
      allow_private: false,
      ...one,
    })),
  )
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.problems))
  return compiled.steps
}

function step(settings: Partial<StepSettings> = {}): Step {
  const [only] = steps(settings)
  if (only === undefined) throw new Error('no step')
  return only
}

function requestOf(settings: Partial<StepSettings>, different: Partial<Event> = {}) {
  return step(settings).requestFor(viewOf({ ...event, ...different }))
}

function data(value: Event['payload'][string]): Partial<Event> {
  return { payload: { event: 'analysis.completed', data: value } }
}

t.test('the host is fixed, and values stay in their place', async (t) => {
  const get = 'https://api.example.com:8443/v1/{{ data.id }}?of={{ event.subject }}'
  t.equal(step({ get }).host, 'api.example.com:8443')
  t.same(requestOf({ get }, { ...data({ id: 'a/b?c#d' }), subject: 'é&x' }), {
    ok: true,
    url: 'https://api.example.com:8443/v1/a%2Fb%3Fc%23d?of=%C3%A9%26x',
    headers: {},
  })
  for (const id of ['..', '.', '', '../../admin', 'a/../b', 'a\\..']) {
    t.match(requestOf({ get: 'https://api.example.com/v1/{{ data.id }}/x' }, data({ id })), { ok: false })
  }
  t.match(requestOf({ get }, data({})), { ok: false, reason: 'the event has no data.id' })
  for (const wrong of [
    'https://{{ data.id }}/',
    'https://a{{ data.id }}.com/',
    '{{ data.url }}',
    'ftp://a/x',
  ])
    t.match(compileSteps([{ ...step(), get: wrong }]), { ok: false, problems: [{ path: [0, 'get'] }] })
})

t.test('headers may hold secrets and values; neither breaks its line', async (t) => {
  const headers = { authorization: new Secret('Bearer s3cret'), 'x-team': '{{ data.team }}' }
  const team = 'a\r\nx-admin: 1\u00e9'
  t.match(requestOf({ headers }, data({ id: '1', team })), {
    headers: { authorization: 'Bearer s3cret', 'x-team': 'a%0D%0Ax-admin: 1%C3%A9' },
  })
  t.match(requestOf({ headers }, data({ id: '1' })), { ok: false, reason: 'the event has no data.team' })
  const broken = { ...step(), headers: { authorization: new Secret('s3cret {{ data.id') } }
  t.notMatch(JSON.stringify(compileSteps([broken])), 's3cret', 'a mistake does not quote it')
})

const ok = (body: unknown): Answer => ({
  kind: 'answer',
  status: 200,
  body: enrichedOf(JSON.stringify({ body })).body,
  retryAfter: null,
})
const status = (code: number, retryAfter: number | null = null): Answer => ({
  kind: 'answer',
  status: code,
  body: undefined,
  retryAfter,
})

t.test('an answer is picked from', async (t) => {
  const pick = { score: '/score', name: '/company/name', first: '/list/0', missing: '/nope', 'a-b': '/a~1b' }
  const body = { score: 91, company: { name: 'Acme' }, list: [1, 2], 'a/b': null, more: 'x' }
  t.same(judge(step({ pick }), ok(body)), {
    kind: 'picked',
    value: { score: 91, name: 'Acme', first: 1, 'a-b': null },
    fields: ['score', 'name', 'first', 'a-b'],
  })
  t.match(judge(step(), ok(body)), { kind: 'picked', value: body })
  t.match(judge(step(), ok([1])), { kind: 'picked', value: [1], fields: [] })
  t.match(judge(step(), ok({ text: 'x'.repeat(17_000) })), { kind: 'failed', reason: /16 kB.*pick/ })
  t.match(judge(step({ pick }), ok({ score: 'é'.repeat(9_000) })), { kind: 'failed', reason: /pick less/ })
})

t.test('names that objects have anyway are names like others', async (t) => {
  const body: Json = JSON.parse('{"__proto__":{"polluted":1},"a":{"b":2}}')
  const pick = Object.fromEntries([
    ['__proto__', '/a'],
    ['own', '/__proto__/polluted'],
    ['inherited', '/constructor/name'],
    ['length', '/a/toString'],
  ])
  const verdict = judge(step({ pick }), ok(body))
  t.equal(
    JSON.stringify(verdict),
    '{"kind":"picked","value":{"__proto__":{"b":2},"own":1},"fields":["__proto__","own"]}',
  )
  t.match(judge(step({ pick, require: ['inherited'] }), ok(body)), { kind: 'again', reason: /no inherited/ })
  const [one] = steps({ name: '__proto__', pick })
  const { progress } = afterTry(one ?? step(), notBegun, verdict, at(RECEIVED))
  t.equal(JSON.stringify(progress.enriched), '{"__proto__":{"__proto__":{"b":2},"own":1}}')
  t.equal(enrichedOf(JSON.stringify(progress.enriched)).polluted, undefined)
})

t.test('a required field that is missing or null means not ready', async (t) => {
  const wanted = step({ pick: { score: '/score' }, require: ['score'] })
  t.match(judge(wanted, ok({})), { kind: 'again', reason: 'not ready: the answer has no score' })
  t.match(judge(wanted, ok({ score: null })), { kind: 'again', after: null })
  const accepted: Answer = { kind: 'answer', status: 202, body: { state: 'queued' }, retryAfter: 7 }
  t.match(judge(wanted, accepted), { kind: 'again', after: 7, unavailable: false }, 'it says when it will be')
  t.match(judge(wanted, ok({ score: 0 })), { kind: 'picked' })
  t.match(judge(step({ require: ['score'] }), ok([])), { kind: 'again' })
  t.match(judge(step({ require: ['score'] }), ok({ score: 1 })), { kind: 'picked' })
})

t.test('what a status means', async (t) => {
  for (const code of [404, 409, 423, 425])
    t.match(judge(step(), status(code, 7)), { kind: 'again', after: 7, unavailable: false }, String(code))
  for (const code of [408, 429, 500, 502, 503])
    t.match(judge(step(), status(code, 7)), { kind: 'again', after: 7, unavailable: true }, String(code))
  for (const code of [301, 304, 400, 405, 410, 418, 422])
    t.match(judge(step(), status(code)), { kind: 'failed', status: null }, String(code))
  for (const code of [401, 403])
    t.match(judge(step(), status(code)), { kind: 'failed', status: code, reason: /the key in headers/ })
  t.match(judge(step(), status(403, 60)), { kind: 'again', after: 60, unavailable: true }, 'a rate limit')
  t.match(judge(step(), status(401, 60)), { kind: 'failed', status: 401 })
  t.match(judge(step(), status(200)), { kind: 'again', reason: /no JSON/ })
  const none = { kind: 'none', reason: 'connect ECONNREFUSED' } as const
  t.match(judge(step(), { ...none, permanent: false }), { kind: 'again', after: null, unavailable: true })
  t.match(judge(step(), { ...none, permanent: true }), { kind: 'failed', reason: 'connect ECONNREFUSED' })
})

const again = (after: number | null = null, unavailable = false) =>
  ({ kind: 'again', reason: 'HTTP 404', after, unavailable }) as const
const picked = (value: object) =>
  ({ kind: 'picked', value: enrichedOf(JSON.stringify(value)), fields: Object.keys(value) }) as const
const at = (now: number, random = 1) => ({ receivedAt: RECEIVED, startedAt: now - 5, now, random })

t.test('a step is asked again until its time is over, the last time at its end', async (t) => {
  const one = step()
  let progress = notBegun
  let now = RECEIVED + 10
  const pauses: number[] = []
  for (;;) {
    const after = afterTry(one, progress, again(), at(now))
    progress = after.progress
    if (after.againAt === null) break
    pauses.push(after.againAt - now)
    now = after.againAt
  }
  t.same(pauses, [1000, 2000, 4000, 8000, 14_990])
  t.match(progress, {
    enriched: {},
    current: null,
    steps: [
      { step: 'analysis', result: 'failed', tries: 6, since: RECEIVED + 5, reason: 'HTTP 404', fields: [] },
    ],
  })
  t.equal(now, RECEIVED + 30_000)
  t.equal(afterTry(one, notBegun, again(), at(RECEIVED, 0)).againAt, RECEIVED + 500, 'pauses are spread')
})

t.test('once at least, also after a downtime; and not without end where the clock is set back', async (t) => {
  const one = step()
  t.equal(afterTry(one, notBegun, again(), at(RECEIVED + 3_600_000)).againAt, null)
  let progress = notBegun
  let tries = 0
  for (let againAt: number | null = 0; againAt !== null && tries < 99; tries += 1)
    ({ progress, againAt } = afterTry(one, progress, again(), at(RECEIVED - 3_600_000)))
  t.equal(tries, 6)
})

t.test('Retry-After is honoured, and ends the step where it is too late', async (t) => {
  t.equal(afterTry(step(), notBegun, again(20_000), at(RECEIVED)).againAt, RECEIVED + 20_000)
  t.equal(
    afterTry(step(), notBegun, again(1), at(RECEIVED)).againAt,
    RECEIVED + 1000,
    'at least our own pause',
  )
  t.equal(afterTry(step(), notBegun, again(31_000), at(RECEIVED)).againAt, null)
})

t.test(
  'a step waits for its turn until its time is over, which begins with the process if it was never asked',
  async (t) => {
    const one = step()
    const waiting = (now: number, workingSince = RECEIVED - 1) => ({
      receivedAt: RECEIVED,
      workingSince,
      now,
    })
    t.equal(patience(one, notBegun, waiting(RECEIVED + 10_000)), 20_000)
    t.equal(patience(one, notBegun, waiting(RECEIVED + 29_000)), 5_000, 'its timeout at least')
    const downtime = RECEIVED + 3_600_000
    t.equal(patience(one, notBegun, waiting(downtime + 4, downtime)), 29_996)
    const { progress: tried } = afterTry(one, notBegun, again(), at(RECEIVED))
    t.equal(patience(one, tried, waiting(downtime + 4, downtime)), 5_000, 'it was asked before')

    const busy = { afterMs: 2_000, reason: 'busy' }
    const put = afterWait(one, notBegun, busy, waiting(downtime, downtime))
    t.match(put, { againAt: downtime + 2_000, progress: { steps: [], current: { tries: 0, paused: 2_000 } } })
    t.match(afterWait(one, tried, busy, waiting(RECEIVED + 5)).progress.current, {
      tries: 1,
      paused: 3_000,
      reason: 'busy',
    })
    for (const afterMs of [null, 30_001]) {
      const over = afterWait(one, notBegun, { afterMs, reason: 'busy' }, waiting(RECEIVED))
      t.equal(over.againAt, null)
      t.match(over.progress, { current: null, steps: [{ result: 'failed', tries: 0, reason: 'busy' }] })
    }
    let progress = notBegun
    let waits = 0
    for (let againAt: number | null = 0; againAt !== null && waits < 99; waits += 1)
      ({ progress, againAt } = afterWait(one, progress, busy, waiting(RECEIVED - 3_600_000)))
    t.equal(waits, 16, 'not without end where the clock is set back')
  },
)

t.test('a host that fails is asked less often, and one that asks for a pause gets it', async (t) => {
  const within = 30_000
  const fails = (health: HostHealth, now: number, after: number | null = null, startedAt = now) =>
    settleHost(health, again(after, true), { startedAt, now, within })
  const burst = [1, 2, 3, 4, 5, 6, 7, 8].reduce(
    (health, ms) => fails(health, 100 + ms, null, ms),
    healthyHost,
  )
  t.match(
    burst,
    { failures: 3, pause: { from: 103, until: 1_103 } },
    'requests that were under way are one failure',
  )
  t.equal(requestsAtOnce(burst), 1)
  t.equal(requestsAtOnce(healthyHost), 8)
  const pauses: number[] = []
  let health = burst
  for (let now = 1_103; pauses.length < 6; now += pausedFor(health, now)) {
    health = fails(health, now)
    pauses.push(pausedFor(health, now))
  }
  t.same(pauses, [2_000, 4_000, 8_000, 15_000, 15_000, 15_000], 'at most half the time of a step')
  const works = { startedAt: 0, now: 0, within }
  t.same(settleHost(health, picked({}), works), healthyHost)
  t.same(settleHost(health, again(), works), healthyHost, 'an object that is not ready is an answer')
  t.equal(pausedFor(fails(healthyHost, 50, 60_000), 50), 60_000, 'Retry-After, at the first failure')
  t.equal(pausedFor(fails(fails(healthyHost, 50, 60_000), 60, 5_000, 40), 60), 59_990, 'the longer one holds')
  t.equal(pausedFor(fails(healthyHost, 50), 50), 0)
})

t.test('steps follow each other, each seeing what was fetched before it', async (t) => {
  const chained = steps(
    { match: matchOf({ type: 'analysis.*' }), pick: { company_id: '/company' } },
    { name: 'company', get: 'https://api.example.com/companies/{{ enriched.analysis.company_id }}' },
    { name: 'extra', match: matchOf({ 'enriched.company.tier': 'gold' }) },
  )
  t.match(nextStep(chained, event, notBegun), {
    kind: 'ask',
    step: { name: 'analysis' },
    request: { ok: true },
  })
  const first = afterTry(chained[0] ?? step(), notBegun, picked({ company_id: 'c 7' }), at(RECEIVED)).progress
  t.match(first, { enriched: { analysis: { company_id: 'c 7' } }, steps: [{ result: 'fetched', tries: 1 }] })
  const second = nextStep(chained, event, first)
  t.match(second, { step: { name: 'company' }, request: { url: 'https://api.example.com/companies/c%207' } })
  const company = afterTry(chained[1] ?? step(), first, picked({ tier: 'gold' }), at(RECEIVED)).progress
  t.match(nextStep(chained, event, company), { step: { name: 'extra' } })
  const other = afterTry(chained[1] ?? step(), first, picked({ tier: 'none' }), at(RECEIVED)).progress
  t.match(nextStep(chained, event, other), { kind: 'done' })

  const failed = afterTry(
    chained[0] ?? step(),
    notBegun,
    { ...again(), kind: 'failed', status: null },
    at(RECEIVED),
  )
  const blocked = nextStep(chained, event, failed.progress)
  t.match(blocked, { request: { ok: false, reason: 'the event has no enriched.analysis.company_id' } })
  const skipped = notAsked(chained[1] ?? step(), failed.progress, 'a reason', RECEIVED)
  t.match(skipped.steps[1], { step: 'company', result: 'failed', tries: 0, reason: 'a reason' })
  t.match(nextStep(chained, event, skipped), { kind: 'done' })
})

t.test('a try that succeeds keeps why earlier ones did not; another step begins anew', async (t) => {
  const one = step()
  const { progress } = afterTry(one, notBegun, again(), at(RECEIVED))
  t.match(progress.current, { step: 'analysis', tries: 1, reason: 'HTTP 404' })
  t.match(afterTry(one, progress, picked({ a: 1 }), at(RECEIVED + 1000)).progress.steps, [
    { tries: 2, reason: 'HTTP 404', since: RECEIVED - 5, endedAt: RECEIVED + 1000, fields: ['a'] },
  ])
  t.match(afterTry(step({ name: 'renamed' }), progress, again(), at(RECEIVED)).progress.current, {
    step: 'renamed',
    tries: 1,
  })
})

t.test('only events that a step matches need enrichment', async (t) => {
  const ofAnalyses = steps({ match: matchOf({ type: 'analysis.*' }) })
  t.equal(needsEnrichment(ofAnalyses, event), true)
  t.equal(needsEnrichment(ofAnalyses, anEvent({ type: 'startup.created' })), false)
  t.equal(needsEnrichment([], event), false)
})
