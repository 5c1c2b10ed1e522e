/** The log loses nothing, and what others say is never more than words there. */
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t from 'tap'
import { logText } from '../../src/app/log/log-text.ts'
import { killAfter } from '../support/processes.ts'

const module = fileURLToPath(new URL('../../src/app/log/log.ts', import.meta.url))
const words = 'refused\x1b[2Jby\r\n{"level":30,"msg":"forged"}\x9b31m\u202e\u2066\u2028'

/** What a log writes of a message and a field that hold the words. */
async function written(format: 'text' | 'json'): Promise<string> {
  const script = `
    const { createLog, flushLog } = await import(${JSON.stringify(module)})
    const log = await createLog({ format: ${JSON.stringify(format)} })
    log.warn({ source: ${JSON.stringify(words)} }, ${JSON.stringify(words)})
    await flushLog(log)`
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script])
  return stdout
}

t.test('on a terminal', async (t) => {
  const text = await written('text')
  t.match(text, /^\d\d:\d\d:\d\dZ WARN refused \[2Jby \{"level":30,"msg":"forged"\} 31m {2}source=refused /)
  // Its own line breaks are all there is.
  t.notMatch(text, /[^\P{Cc}\n]|\p{Bidi_Control}|\u2028/u)
  t.notMatch(text, /^\s*\{/m, 'no line of its own')
})

const DELIVERY = {
  id: 'evt_01KARZ000001QW5XKTN3MD4E7A',
  delivery: 'dlv_2QX7000000001',
  route: 'analyses',
  channel: 'slack',
  target: '#deal-flow',
  attempt: 1,
  duration_ms: 212,
}
const EVENT = {
  id: 'evt_01KARZ000001QW5XKTN3MD4E7A',
  message_id: 'msg_1',
  source: 'cuuro',
  type: 'analysis.completed',
  subject: 'an_1',
  secret_index: 0,
  deliveries: 2,
}

t.test('for a person, a line for each event and each attempt', async (t) => {
  for (const [level, msg, fields, line] of [
    [
      30,
      'event stored',
      EVENT,
      'event  analysis.completed  2 messages  evt_01KARZ000001QW5XKTN3MD4E7A  an_1',
    ],
    [
      30,
      'event stored, to be enriched',
      { ...EVENT, deliveries: 0 },
      'event stored, to be enriched  analysis.completed  evt_01KARZ000001QW5XKTN3MD4E7A  an_1',
    ],
    [
      30,
      'event enriched',
      {
        id: EVENT.id,
        source: 'cuuro',
        type: EVENT.type,
        steps: { analysis: 'fetched', company: 'left out' },
        deliveries: 2,
        waited_ms: 76,
      },
      'event enriched  analysis.completed  2 messages  analysis fetched  company left out  evt_01KARZ000001QW5XKTN3MD4E7A',
    ],
    [
      40,
      'event stored, but no route takes it',
      { ...EVENT, deliveries: 0, subject: null },
      'WARN event stored, but no route takes it  analysis.completed  0 messages  evt_01KARZ000001QW5XKTN3MD4E7A',
    ],
    [
      40,
      'event quarantined: no event type',
      { ...EVENT, type: null, subject: null, deliveries: 0 },
      'WARN event quarantined: no event type  0 messages  evt_01KARZ000001QW5XKTN3MD4E7A',
    ],
    [30, 'delivery delivered', DELIVERY, 'delivered  slack #deal-flow  attempt 1, 212 ms  dlv_2QX7000000001'],
    [
      40,
      'delivery delivered',
      { ...DELIVERY, notes: ['unknown variable data.x'] },
      'WARN delivered  slack #deal-flow  attempt 1, 212 ms  dlv_2QX7000000001  note: unknown variable data.x',
    ],
    [
      40,
      'delivery retrying: connect ECONNREFUSED',
      { ...DELIVERY, next_attempt: '2026-11-23T12:01:03.120Z' },
      'WARN retrying  slack #deal-flow  attempt 1, 212 ms, next at 12:01:03Z  dlv_2QX7000000001  connect ECONNREFUSED',
    ],
    [
      50,
      'delivery parked: channel_not_found: correct\nit',
      DELIVERY,
      'ERROR parked  slack #deal-flow  attempt 1, 212 ms  dlv_2QX7000000001  channel_not_found: correct it',
    ],
    [
      30,
      'listening',
      { url: 'http://127.0.0.1:8080', sources: ['http://127.0.0.1:8080/webhooks/cuuro'] },
      'listening  url=http://127.0.0.1:8080 sources=http://127.0.0.1:8080/webhooks/cuuro',
    ],
    [30, 'stopping', { signal: 'SIGINT' }, 'stopping  signal=SIGINT'],
    [
      40,
      'request rejected',
      { source: 'x', code: 'unknown_source' },
      'WARN request rejected  source=x code=unknown_source',
    ],
    [
      50,
      'unexpected error',
      { err: { type: 'Error', message: 'a bug', stack: 'Error: a bug\n    at \u001b[2Jhere' } },
      'ERROR unexpected error\n    Error: a bug\n    at  [2Jhere',
    ],
  ] as const) {
    const json = JSON.stringify({ level, time: '2026-11-23T12:00:01.123Z', ...fields, msg })
    t.equal(logText(json, false), `12:00:01Z ${line}\n`)
    const coloured = logText(json, true)
    t.equal(coloured.replace(/\u001b\[\d+m/g, ''), `12:00:01Z ${line}\n`)
    t.match(coloured, level >= 50 ? '\u001b[31m' : level >= 40 ? '\u001b[33m' : /\u001b\[3[26]m/)
  }
  t.equal(logText('no JSON', true), 'no JSON\n')
})

t.test('as JSON lines', async (t) => {
  const text = await written('json')
  t.equal(text.trimEnd().split('\n').length, 1)
  t.match(JSON.parse(text), { level: 40, msg: words, source: words })
  t.notMatch(text, /[^\P{Cc}\n]|\p{Bidi_Control}|\u2028/u)
})

/** What a program prints that has a log. */
async function printed(body: string): Promise<string> {
  const script = `
    const { createLog, flushLog } = await import(${JSON.stringify(module)})
    const log = await createLog({})
    ${body}`
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], {
    maxBuffer: 100_000_000,
  })
  return stdout
}

/** The numbers that the lines hold. */
function numbers(text: string): number[] {
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line).number)
}

t.test('lines are written together, whole and in order', async (t) => {
  const count = 20_000
  const all = Array.from({ length: count }, (_, number) => number)
  const logAll = `for (let number = 0; number < ${count}; number++) log.info({ number }, 'é漢😀')`
  t.strictSame(numbers(await printed(`${logAll}; await flushLog(log)`)), all, 'once they are asked for')
})

t.test('a line is written soon, also if none follows', async (t) => {
  const script = `
    const { createLog } = await import(${JSON.stringify(module)})
    const log = await createLog({})
    log.info({ number: 1 })
    setInterval(() => {}, 60_000)`
  const program = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  killAfter(t, program)
  const [line] = await once(program.stdout, 'data')
  t.strictSame(numbers(String(line)), [1])
})

t.test('what waits is written when the process ends', async (t) => {
  t.strictSame(
    numbers(await printed('log.info({ number: 1 }); log.error({ number: 2 }); process.exit(0)')),
    [1, 2],
  )
})
