import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { hookbridge } from '../../support/hookbridge.ts'
import { environment, temporaryFolder } from '../../support/service.ts'

const env = { CUURO_WEBHOOK_SECRET: environment.WEBHOOK_SECRET, SMTP_URL: 'smtp://127.0.0.1:2525' }

t.test('it writes what check accepts, and never overwrites', async (t) => {
  const cwd = temporaryFolder(t)
  t.match(await hookbridge(['init'], { cwd }), { code: 0, err: '' })
  t.strictSame(readdirSync(cwd).toSorted(), ['config.schema.json', 'config.yaml', 'templates'])
  t.ok(existsSync(join(cwd, 'templates/analysis.completed/slack.yaml')))
  t.match(await hookbridge(['check'], { cwd, env }), { code: 0, err: '', out: /fine/ })
  const before = readFileSync(join(cwd, 'config.yaml'), 'utf8')
  t.match(await hookbridge(['init'], { cwd }), { code: 1, err: /config\.yaml.* exist; nothing was written/ })
  t.equal(readFileSync(join(cwd, 'config.yaml'), 'utf8'), before)
  t.match(
    await hookbridge(['check'], { cwd, env: { ...env, SMTP_URL: '' } }),
    { code: 1 },
    'an empty variable',
  )
})

const isCommand = /^ {5}(.*)$/gm

t.test('the commands that it prints are those of one who runs it so', async (t) => {
  const cwd = temporaryFolder(t)
  const printed = async (folder: string, command?: string) => {
    const { out } = await hookbridge(['init', folder], { cwd, ...(command !== undefined && { command }) })
    return [...out.matchAll(isCommand)].map(([, line]) => line)
  }
  t.same(await printed('.'), [
    'hookbridge check',
    'hookbridge serve',
    'hookbridge send --type analysis.completed',
  ])
  t.same(await printed('in here', 'npx hookbridge'), [
    "npx hookbridge check --config 'in here/config.yaml'",
    "npx hookbridge serve --config 'in here/config.yaml'",
    "npx hookbridge send --type analysis.completed --config 'in here/config.yaml'",
  ])
  const elsewhere = join(temporaryFolder(t), 'made')
  t.match(await printed(elsewhere), [`hookbridge check --config ${elsewhere}/config.yaml`, /serve/, /send/])
})

t.test('the first of them works as it stands', async (t) => {
  const cwd = temporaryFolder(t)
  const { out } = await hookbridge(['init', 'here'], { cwd })
  const [[, check = ''] = []] = out.matchAll(isCommand)
  const [, ...args] = check.split(' ')
  t.match(await hookbridge(args, { cwd, env }), { code: 0, out: /fine/ })
})
