/** The README's YAML works, and the files it names are there. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { runTests } from '../src/config/checks/tests.ts'
import { loadConfig } from '../src/config/load.ts'
import { hookbridge } from './support/hookbridge.ts'
import { environment, temporaryFolder } from './support/service.ts'

const root = new URL('../', import.meta.url)
const readme = readFileSync(new URL('README.md', root), 'utf8')

t.test('the YAML of the README is a configuration', async (t) => {
  // The configuration of the program is whole, and the package's own suite runs it.
  const text = readme.replace(/<!-- program -->[\s\S]*<!-- \/program -->/, '')
  const blocks = [...text.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, text]) => text)
  t.equal(blocks.length, 3)
  const file = join(temporaryFolder(t), 'config.yaml')
  const rest = `
sources: { cuuro: { svix: { secrets: ["\${WEBHOOK_SECRET}"] } } }
channels:
  slack: { token: "\${SLACK_BOT_TOKEN}" }
  email: { smtp: "\${SMTP_URL}", from: "Alerts <alerts@example.com>" }
`
  writeFileSync(file, rest + blocks.join('\n'))
  const loaded = loadConfig(file, { ...environment, SMTP_URL: 'smtp://127.0.0.1:2525' })
  t.same(loaded.ok ? loaded.warnings : loaded.problems, [])
  if (loaded.ok)
    t.same(
      runTests(loaded.compiled, () => 'none'),
      [],
    )
})

t.test('links to files lead somewhere', async (t) => {
  const links = [...readme.matchAll(/\]\((?!https?:|#)([^)]+)\)/g)].map(([, path]) => path ?? '')
  t.ok(links.length > 5)
  for (const path of links) t.ok(existsSync(new URL(path, root)), path)
})

t.test('the picture of the routes is what the command draws of the example', async (t) => {
  const { code, out, err } = await hookbridge(
    ['routes', '--mermaid', '--config', fileURLToPath(new URL('config.example.yaml', root))],
    { env: { CUURO_WEBHOOK_SECRET: environment.WEBHOOK_SECRET, SMTP_URL: 'smtp://127.0.0.1:2525' } },
  )
  t.equal(code, 0, err)
  const shown = /<!-- routes -->\n```mermaid\n([\s\S]*?)```\n<!-- \/routes -->/.exec(readme)?.[1]
  t.equal(shown, out)
})

t.test('the explanation is what the command says of the example', async (t) => {
  const shown = /<!-- explain -->\n```\n\$ hookbridge (.*)\n([\s\S]*?)```\n<!-- \/explain -->/.exec(readme)
  const { code, out, err } = await hookbridge(
    [...(shown?.[1] ?? '').split(' '), '--config', fileURLToPath(new URL('config.example.yaml', root))],
    { env: { CUURO_WEBHOOK_SECRET: environment.WEBHOOK_SECRET, SMTP_URL: 'smtp://127.0.0.1:2525' } },
  )
  t.equal(code, 0, err)
  t.equal(shown?.[2], out)
})
