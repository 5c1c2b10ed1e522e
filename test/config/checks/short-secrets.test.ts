/** What `check` says about signing secrets that can be guessed: the rule of `doctor`. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { checkConfig } from '../../../src/app/check.ts'
import { temporaryFolder } from '../../support/service.ts'

t.test('a signing secret of less than 24 bytes is a warning', async (t) => {
  const file = join(temporaryFolder(t), 'config.yaml')
  writeFileSync(
    file,
    `sources: { shop: { svix: { secrets: ["\${LONG}", "\${SHORT}"] } } }
receivers: { log: { console: {} } }
routes: [{ receivers: [log] }]
`,
  )
  const secretOf = (bytes: number) => `whsec_${Buffer.alloc(bytes, 'x').toString('base64')}`
  const found = async (short: string) =>
    (await checkConfig(file, { LONG: secretOf(24), SHORT: short })).problems.map(
      ({ severity, line, column, message, hint }) => `${severity} ${line}:${column} ${message} (${hint})`,
    )
  const warning =
    'warning 1:49 sources.shop.svix.secrets[1] has fewer than 24 bytes. A short secret can be guessed, and with it anyone ' +
    'could send events (create a new secret at the sender (in Cuuro: rotate the secret), and list both until the old one has expired)'
  t.same(await found('whsec_AAAA'), [warning])
  t.same(await found(secretOf(23)), [warning])
  t.same(await found(secretOf(32)), [])
})
