/** The image: built from its Containerfile by a real engine, and run as docs/container.md says. */
import { chownSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { parse } from 'yaml'
import { freePort } from '../support/ports.ts'
import { newEvent, post, secret } from '../support/service.ts'
import { until } from '../support/until.ts'
import { startEngine } from './engine.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const containerfile = join(root, 'packaging/container/Containerfile')
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const folder = mkdtempSync(join(tmpdir(), 'hookbridge-container-'))
const engine = startEngine(folder)
t.teardown(() => engine.end())

const IMAGE = 'localhost/hookbridge'
const USER = 10001
// What this machine lacks and the documented line does not know: no systemd for timers and cgroups, no network of
// containers, no right to raise limits. The root is read-only to the last folder, as it is with Docker.
const HERE = [
  ...['--runtime', 'crun', '--cgroups=disabled', '--network=host', '--read-only-tmpfs=false'],
  ...['--health-interval=disable', '--ulimit=nofile=4096:4096', '--ulimit=nproc=4096:4096'],
]
const config = join(folder, 'etc')
const run = (...args: string[]) => engine.podman(['run', '--rm', ...HERE, ...args])
const inside = async (program: string, ...args: string[]) =>
  (await run('--entrypoint', program, IMAGE, ...args)).stdout
/** For what only root may look at. */
const insideAsRoot = async (program: string, ...args: string[]) =>
  (await run('--user=0', '--entrypoint', program, IMAGE, ...args)).stdout

/** The options that docs/container.md gives to `docker run`, with this test's folder for that of the host. */
function documented(): string[] {
  const text = readFileSync(join(root, 'docs/container.md'), 'utf8')
  const [, block = ''] = /```sh\ndocker run (--detach [\s\S]*?)```/.exec(text) ?? []
  const options = block
    .replaceAll('\\\n', ' ')
    .replaceAll('/etc/hookbridge:/', `${config}:/`)
    .trim()
    .split(/\s+/)
  const published = options.indexOf('--publish')
  t.ok(published > 0 && options.at(-1) === 'hookbridge', 'the line is as expected')
  return options.toSpliced(published, 2).slice(0, -1)
}

t.test('every stage builds', async (t) => {
  const [, base = ''] = /^ARG NODE_IMAGE=(\S+)$/m.exec(readFileSync(containerfile, 'utf8')) ?? []
  t.match(base, /^docker\.io\/library\/node:26-bookworm-slim$/)
  await engine.makeBase(base)
  await engine.build(containerfile, root, '--build-arg', `VERSION=${manifest.version}`, '--tag', IMAGE)
})

t.test('it says how it is to be run', async (t) => {
  const { stdout } = await engine.podman(['image', 'inspect', IMAGE])
  const [{ Config: image, Healthcheck: health }] = JSON.parse(stdout)
  t.equal(image.User, `${USER}:${USER}`, 'a number, and not 0')
  t.same([image.Entrypoint, image.Cmd, image.StopSignal], [['hookbridge'], ['serve'], 'SIGTERM'])
  t.same(Object.keys(image.Volumes), ['/var/lib/hookbridge'])
  t.same(health.Test, ['CMD', 'hookbridge', 'health'])
  t.equal(image.Labels['org.opencontainers.image.version'], manifest.version)
  t.equal(image.Labels['org.opencontainers.image.licenses'], manifest.license)
})

t.test('it holds what the service needs, and nothing that helps an intruder', async (t) => {
  t.equal(
    await insideAsRoot('find', '/', '-xdev', '-type', 'f', '-perm', '/6000'),
    '',
    "nothing lends root's rights",
  )
  const writable = ['/opt', '/usr', '-xdev', '-writable', '-not', '-type', 'l']
  t.equal(await inside('find', ...writable), '', 'nothing of it is writable for its user')
  const places = ['/usr/local', '/opt', '/root', '/var/lib/hookbridge', '-regextype', 'egrep']
  const installers = '.*/(npm|npx|yarn|yarnpkg|corepack|\\.npmrc|node-gyp)'
  t.equal(await insideAsRoot('find', ...places, '-regex', installers), '', 'nothing installs packages')
  const product = (await inside('ls', '-A', '/opt/hookbridge')).trim().split('\n')
  t.same(
    product.filter((name) => /^(src|test|bench|build|packaging|node_modules|tsconfig|\.)/.test(name)),
    [],
    'nothing of it is for building or testing, and it needs no package beside it',
  )
  t.ok(product.includes('LICENSE'))
  t.equal((await run(IMAGE, '--version')).stdout, `${manifest.version}\n`)
})

t.test('it is set up and runs as the page says', async (t) => {
  mkdirSync(config, { mode: 0o750 })
  chownSync(config, USER, USER)
  await run('--volume', `${config}:/etc/hookbridge`, IMAGE, 'init', '/etc/hookbridge')
  const starter = parse(readFileSync(join(config, 'config.yaml'), 'utf8'))
  const port = freePort()
  const yaml = `
server: { host: "${starter.server.host}", port: ${port}, admin_socket: ${starter.server.admin_socket} }
store: { url: "${starter.store.url}" }
templates: templates
sources: { cuuro: { svix: { secrets: [{ file: /run/secrets/cuuro }] } } }
receivers: { here: { console: {} } }
routes: [{ receivers: [here] }]
`
  writeFileSync(join(config, 'config.yaml'), yaml)
  const key = join(folder, 'cuuro')
  writeFileSync(key, `${secret}\n`, { mode: 0o400 })
  chownSync(key, USER, USER)
  const mounts = ['--volume', `${config}:/etc/hookbridge:ro`, '--volume', `${key}:/run/secrets/cuuro:ro`]
  t.match((await run(...mounts, IMAGE, 'check')).stdout, /config\.yaml: fine/)

  const options = documented()
  await engine.podman(['run', ...options, ...HERE, '--volume', `${key}:/run/secrets/cuuro:ro`, IMAGE])
  const logs = async () => (await engine.podman(['logs', 'hookbridge'])).stdout
  const url = `http://127.0.0.1:${port}`
  await until(async () => /"msg":"listening"/.test(await logs()), 'the service to listen')
  t.match(await logs(), `"url":"http://0.0.0.0:${port}"`, 'on all addresses of the container')
  const health = () => engine.podman(['healthcheck', 'run', 'hookbridge'], true)

  await t.test('a signed event becomes a message', async (t) => {
    const event = newEvent()
    t.equal((await post(url, event)).status, 202)
    await until(
      async () => (await logs()).includes(`analysis.completed ${event.objectId} → here`),
      'the message',
    )
    const { stdout } = await engine.podman(['exec', 'hookbridge', 'hookbridge', 'events', '--json'])
    t.match(
      JSON.parse(stdout),
      { events: [{ type: 'analysis.completed' }] },
      'commands work beside the service',
    )
  })

  await t.test('process 1 is the service, without rights, on a root that nobody can write to', async (t) => {
    const status = (await engine.podman(['exec', 'hookbridge', 'cat', '/proc/1/status'])).stdout
    t.match(status, /^Uid:\s+10001\s+10001\s+10001\s+10001$/m)
    t.match(status, /^CapEff:\s+0+$/m)
    t.match(status, /^CapBnd:\s+0+$/m)
    t.match(status, /^NoNewPrivs:\s+1$/m)
    t.match(
      (await engine.podman(['exec', 'hookbridge', 'cat', '/proc/1/cmdline'])).stdout,
      /^node\0\S*hookbridge\0serve\0$/,
    )
    const touch = (user: number, path: string) =>
      engine.podman(['exec', `--user=${user}`, 'hookbridge', 'touch', path], true)
    for (const path of ['/opt/hookbridge/x', '/usr/local/bin/x', '/var/x'])
      t.match(await touch(0, path), { code: 1, stderr: /Read-only file system/ }, path)
    t.match(await touch(USER, '/etc/hookbridge/x'), { code: 1, stderr: /Read-only file system/ })
  })

  await t.test('SIGHUP reloads it', async () => {
    writeFileSync(join(config, 'config.yaml'), `${yaml}delivery: { retry_for: 12h }\n`)
    await engine.podman(['kill', '--signal=HUP', 'hookbridge'])
    await until(async () => /"trigger":"signal"/.test(await logs()), 'the reload')
  })

  await t.test('its health is that of the service', async (t) => {
    t.equal((await health()).code, 0)
    await engine.podman(['kill', '--signal=STOP', 'hookbridge'])
    t.equal((await health()).code, 1, 'a service that hangs is not healthy')
    await engine.podman(['kill', '--signal=CONT', 'hookbridge'])
    t.equal((await health()).code, 0)
  })

  await t.test('it stops in order, in time, and starts with what it had', async (t) => {
    const file = '/var/lib/hookbridge/backup.db'
    const backup = ['exec', 'hookbridge', 'hookbridge', 'backup', '--force', file]
    t.match((await engine.podman(backup)).stdout, /: 1 event, .*, checked/)
    await engine.podman(['stop', '--time=10', 'hookbridge'])
    const { stdout } = await engine.podman(['inspect', '--format', '{{.State.ExitCode}}', 'hookbridge'])
    t.equal(stdout.trim(), '0', 'it was not killed')
    t.match(await logs(), /"msg":"stopped"/)
    t.not((await health()).code, 0, 'what is stopped is not healthy')
    const places = ['/etc/hookbridge:ro', '/var/lib/hookbridge'].flatMap((place) => [
      '--volume',
      place.startsWith('/etc') ? `${config}:${place}` : `hookbridge:${place}`,
    ])
    t.match((await run(...places, IMAGE, 'restore', '--force', file)).stdout, /^restored 1 event/)
    await engine.podman(['start', 'hookbridge'])
    await until(async () => (await health()).code === 0, 'the service to be healthy again')
    const { stdout: events } = await engine.podman(['exec', 'hookbridge', 'hookbridge', 'events', '--json'])
    t.equal(JSON.parse(events).events.length, 1, 'the event is still there')
  })
})

t.test('the Compose file says the same', async (t) => {
  const compose = parse(readFileSync(join(root, 'packaging/container/compose.yaml'), 'utf8'))
  const { build, ...service } = compose.services.hookbridge
  t.equal(join(root, 'packaging/container', build.context, build.dockerfile), containerfile)
  const options = [
    ...(service.read_only ? ['--read-only'] : []),
    ...service.tmpfs.flatMap((path: string) => ['--tmpfs', path]),
    ...service.cap_drop.map((name: string) => `--cap-drop=${name}`),
    ...service.security_opt.map((option: string) => `--security-opt=${option}`),
    ...service.volumes.flatMap((volume: string) => [
      '--volume',
      volume.replace('/etc/hookbridge:/', `${config}:/`),
    ]),
    `--restart=${service.restart}`,
  ]
  const ofDocker = ['--detach', '--name', 'hookbridge']
  t.same(
    documented().filter((option) => !ofDocker.includes(option)),
    options,
  )
  t.match(service.ports, ['127.0.0.1:8080:8080'])
})
