/** What one event takes in the store: with its plan, its deliveries, their attempts and all indexes. */
import { statSync } from 'node:fs'
import { fire, signedShots } from '../load.ts'
import type { DiskRow } from './results.ts'
import { type Lab, startService, toOneChannel, until } from './service.ts'

const EVENTS = 500
const CONNECTIONS = 20
const SMALL_BODY = 120
const LARGE_BODY = 2_000
const CASES = [
  { body: SMALL_BODY, receivers: { all: { slack: { channel: '#deal-flow' } } } },
  {
    body: SMALL_BODY,
    receivers: { all: { slack: { channel: '#deal-flow' }, email: { to: ['partners@example.com'] } } },
  },
  { body: LARGE_BODY, receivers: { all: { slack: { channel: '#deal-flow' } } } },
] as const

export async function measureDisk(lab: Lab): Promise<readonly DiskRow[]> {
  const rows: DiskRow[] = []
  const fresh = await startService(lab, { name: 'disk empty', ...toOneChannel })
  await fresh.stop()
  const empty = statSync(fresh.store).size
  for (const { body, receivers } of CASES) {
    const messages = Object.keys(receivers.all).length
    const service = await startService(lab, {
      name: `disk ${body} ${messages}`,
      receivers,
      routes: [{ receivers: ['all'] }],
    })
    const shots = signedShots(EVENTS, lab.secret, 'bench', () => ({
      text: 'x'.repeat(body - SMALL_BODY + 10),
    }))
    await fire(service.process().port, shots, CONNECTIONS)
    await until(() => service.slack.messages.length + service.mail.messages.length >= EVENTS * messages)
    // The last attempts are recorded, and the log is copied into the file.
    await service.stop()
    rows.push({ body, messages, bytesPerEvent: (statSync(service.store).size - empty) / EVENTS })
  }
  return rows
}
