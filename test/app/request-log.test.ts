import { pino } from 'pino'
import t from 'tap'
import { createRequestLog } from '../../src/app/log/request-log.ts'
import type { ErrorCode } from '../../src/core/errors.ts'
import { describeFact } from '../../src/pipeline/describe-fact.ts'
import { until } from '../support/until.ts'

function rejectionLog(periodMs?: number) {
  const lines: Record<string, unknown>[] = []
  const log = pino({ base: null }, { write: (line: string) => lines.push(JSON.parse(line)) })
  const { add, stop } = createRequestLog(log, 'requests rejected', periodMs)
  const reject = (code: ErrorCode, address: string, count: number) => {
    for (let n = 0; n < count; n++)
      add(
        describeFact({ kind: 'rejected', source: 'cuuro', code, address, messageId: 'msg_1' }),
        code,
        address,
      )
  }
  return { lines, reject, stop }
}

t.test('the first are logged one by one, the rest as one summary', async (t) => {
  const { lines, reject, stop } = rejectionLog()
  reject('not_found', '192.0.2.1', 20)
  t.equal(lines.length, 20)
  t.match(lines[0], {
    level: 40,
    msg: 'request rejected',
    source: 'cuuro',
    code: 'not_found',
    address: '192.0.2.1',
    message_id: 'msg_1',
  })
  reject('wrong_signature', '192.0.2.2', 5)
  reject('not_found', '192.0.2.3', 2)
  for (const last of [4, 5, 6, 7]) reject('not_found', `192.0.2.${last}`, 1)
  t.equal(lines.length, 20)
  stop()
  t.equal(lines.length, 21)
  const { time: _, ...summary } = lines[20] ?? {}
  t.same(summary, {
    level: 40,
    msg: '11 more requests rejected within 60 s',
    codes: { wrong_signature: 5, not_found: 6 },
    addresses: { '192.0.2.2': 5, '192.0.2.3': 2, '192.0.2.4': 1, '192.0.2.5': 1, '192.0.2.6': 1 },
  })
})

t.test('where all were logged, there is no summary; the next period begins anew', async (t) => {
  const { lines, reject, stop } = rejectionLog(20)
  reject('not_found', '192.0.2.1', 21)
  await until(() => lines.length === 21, 'the summary')
  reject('not_found', '192.0.2.1', 20)
  t.equal(lines.length, 41)
  stop()
  t.equal(lines.length, 41)
})

t.test('addresses beyond the first thousand are in the counts alone', async (t) => {
  const { lines, reject, stop } = rejectionLog()
  for (let n = 0; n < 2_000; n++) reject('not_found', `2001:db8::${n.toString(16)}`, 1)
  reject('not_found', '192.0.2.1', 100)
  stop()
  t.match(lines.at(-1), { msg: '2080 more requests rejected within 60 s', codes: { not_found: 2_080 } })
  const { addresses } = lines.at(-1) as { addresses: Record<string, number> }
  t.notOk('192.0.2.1' in addresses)
})
