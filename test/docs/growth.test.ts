/** The tables and plots of docs/performance.md and docs/capacity.md are those of the results that are kept beside them. */
import t from 'tap'
import { endToEndMs } from '../../bench/burst.ts'
import { readResults, type SomeResults } from '../../bench/growth/results.ts'
import { named, signedShots } from '../../bench/load.ts'
import { loadOf } from '../../build/capacity.ts'
import { growthDocs } from '../../build/growth.ts'
import { summaryOf } from '../../src/core/template/summary/summary.ts'
import { startMailServer } from '../support/mail-server.ts'
import { startSlackServer } from '../support/slack/server.ts'
import { readPage } from './pages.ts'

const conditions = {
  date: '2026-01-31',
  cpu: 'a processor',
  cores: 2,
  node: '26.0.0',
  loadBefore: 0.1,
  loadAfter: 1.2,
}
const route = { by: 'a value', routes: 10, cpuMs: 3, ratio: 1, checkMs: 20 }
const stored = { stored: 10_000, cpuMs: 2, ratio: 1, purgeMs: 0.1, purgeRatio: 1, purgePages: 0.9 }
const waiting = {
  dead: 'a server',
  live: 'Slack',
  when: 'running',
  waiting: 10,
  p50Ms: 4,
  p99Ms: 20,
  slowestMs: 31,
} as const
const all: SomeResults = {
  routes: { conditions, rows: [route, { ...route, routes: 1_000, cpuMs: 3.1, ratio: 1.03 }] },
  events: { conditions, rows: [{ ...stored, readyMs: 700, readyRatio: 1 }] },
  backlog: { conditions, rows: [{ ...waiting, ratio: 1, cpuMs: 2, cpuRatio: 1, messages: 700 }] },
  memory: {
    conditions,
    rows: {
      perSecond: 500,
      minutes: 10,
      samples: [{ seconds: 2, mb: 120 }],
      earlyMb: 200,
      lateMb: 202,
      ratio: 1.01,
      heap: [{ seconds: 30, events: 15_000, mb: 26.4 }],
      bytesPerEvent: 3,
      cpu: 0.9,
    },
  },
  disk: { conditions, rows: [{ body: 120, messages: 1, bytesPerEvent: 2_500 }] },
}

t.test('every table and plot is what the results make', async (t) => {
  for (const [path, text] of growthDocs(readResults()))
    t.equal(readPage(path), text, `${path}: run npm run docs`)
})

t.test('every part has its tables and its plot', async (t) => {
  const files = growthDocs(all)
  t.same(
    [...files.keys()],
    [
      ...['routes', 'events', 'backlog', 'memory'].map((name) => `docs/pictures/growth/${name}.svg`),
      'docs/performance.md',
      'docs/capacity.md',
    ],
  )
  const pages = `${files.get('docs/performance.md')}${files.get('docs/capacity.md')}`
  t.same(
    [...pages.matchAll(/<!-- growth (\w+) -->\n\|/g)].map(([, name]) => name),
    ['routes', 'events', 'backlog', 'memory', 'assumptions', 'cpu', 'disk', 'examples', 'target'],
  )
  t.match(pages, '| a value | 1,000 | 3.10 | 1.03 | 20 |')
  t.match(
    pages,
    'Measured on 2026-01-31: 2 cores of a processor, Node 26.0.0, load 0.1 before and 1.2 after.',
  )
  t.match(files.get('docs/pictures/growth/memory.svg'), 'Memory at 500 events a second')
})

t.test('what was not measured stays as it is', async (t) => {
  const files = growthDocs({})
  t.same([...files.keys()], ['docs/performance.md', 'docs/capacity.md'])
  for (const [path, text] of files) t.equal(text, readPage(path))
})

t.test('the model of capacity', async (t) => {
  t.match(loadOf(120), { store: 'SQLite', cores: 0.5, serverCores: 0, gbPerDay: 25.92, mailConnections: 12 })
  const large = loadOf(2_400)
  t.equal(large.store, 'PostgreSQL')
  t.equal(large.gbRetained.toFixed(6), '15552.000000')
  t.equal(large.cores.toFixed(6), '15.000000', 'an instance takes more CPU than with SQLite')
  t.equal(large.serverCores.toFixed(6), '9.000000', 'and the server nearly as much as that')
  t.equal(loadOf(240).store, 'SQLite', 'while one core is enough')
  t.equal(loadOf(241).store, 'PostgreSQL')
})

t.test('the messages of a benchmark say which event they are about', async (t) => {
  const [shot] = signedShots(1, 'whsec_c2VjcmV0', 'bench', named)
  const [, body = ''] = String(shot?.bytes).split('\r\n\r\n')
  const { event: type, data } = JSON.parse(body)
  const event = { id: 'evt_1', type, source: 'bench', subject: data.id, received_at: '', sent_at: '' }
  const { name } = summaryOf({ event, data, payload: { event: type, data }, enriched: {}, lifecycle: null })
  t.match(name, shot?.objectId)
})

t.test('an event of a benchmark without a message is a failure, not a time', async (t) => {
  const [slack, mail] = [await startSlackServer(), await startMailServer()]
  t.teardown(() => Promise.all([slack.close(), mail.close()]))
  t.throws(() => endToEndMs(new Map([['an id', 0]]), slack, mail), /no message shows an id/)
})
