/** Commands of a user who may not read the store, which is for root and the service's own. */
import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { openStore } from '../../../src/store/open.ts'
import { whileClosed } from '../../support/closed.ts'
import { hookbridge } from '../../support/hookbridge.ts'
import { temporaryFolder } from '../../support/service.ts'

const config = `
store: { url: "sqlite:data/inner/store.db" }
sources: { cuuro: { svix: { secrets: ["\${WEBHOOK_SECRET}"] } } }
channels: { console: {} }
receivers: { log: { console: {} } }
routes: [{ receivers: [log] }]
`
const commands = [
  ['events'],
  ['deliveries'],
  ['events', 'show', 'evt_1'],
  ['resend', '--state', 'parked'],
  ['explain', 'evt_1'],
  ['backup', 'copy.db'],
  ['migrate-store', 'sqlite:data/inner/store.db', 'sqlite:other.db'],
]

t.test('a store that this user may not read is not said to be missing', async (t) => {
  const cwd = temporaryFolder(t)
  chmodSync(cwd, 0o755)
  writeFileSync(join(cwd, 'config.yaml'), config)
  const path = join(cwd, 'data/inner/store.db')
  for (const command of commands)
    t.match(await hookbridge(command, { cwd }), { code: 1, err: /there is no/ }, command.join(' '))
  await (await openStore(`sqlite:${path}`, 'service')).close()
  for (const closed of [join(cwd, 'data'), join(cwd, 'data/inner')]) {
    for (const command of commands) {
      const { code, out, err } = await whileClosed(closed, () => hookbridge(command, { cwd }))
      t.match({ code, out }, { code: 1, out: '' }, `${command.join(' ')}, ${closed}`)
      t.match(err, /this user \(uid \d+\) may not read /)
      t.match(err, `${path}; run this as root, or as the service's user`)
      t.notMatch(err, /there is no|_cannot be made/)
    }
  }
})
