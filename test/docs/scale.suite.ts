/** The files of docs/scale.md are YAML, fit together, and their configuration is right. */
import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { parse, parseAllDocuments } from 'yaml'
import { hookbridge } from '../support/hookbridge.ts'
import { secret, temporaryFolder } from '../support/service.ts'
import { fenced, readPage, root, section } from './pages.ts'

const page = readPage('docs/scale.md')
const file = (name: string) => readFileSync(new URL(`packaging/scale/${name}`, root), 'utf8')
const secrets = {
  store_url: 'postgres://hookbridge:geheim@db.example.com/hookbridge',
  webhook_secret: secret,
  slack_token: 'xoxb-of-this-test',
}

t.test('the configurations pass the check', async (t) => {
  const folder = temporaryFolder(t)
  for (const [name, value] of Object.entries(secrets)) writeFileSync(join(folder, name), `${value}\n`)
  const [config] = parseAllDocuments(file('kubernetes.yaml')).map((document) => document.toJS())
  const configs = [...fenced(section(page, 'config'), 'yaml'), config.data['config.yaml']]
  t.equal(configs.length, 2)
  for (const text of configs) {
    const path = join(folder, 'config.yaml')
    writeFileSync(path, text.replaceAll(/\/(run|etc\/hookbridge)\/secrets/g, folder))
    const { code, out, err } = await hookbridge(['check', '--config', path])
    t.equal(code, 0, out + err)
  }
})

t.test('a change of the ConfigMap is applied', async (t) => {
  const [{ data }] = parseAllDocuments(file('kubernetes.yaml')).map((document) => document.toJS())
  // Nothing sends SIGHUP to the pods.
  t.equal(parse(data['config.yaml']).server.watch, true)
})

t.test('the Compose file mounts what it uses', async (t) => {
  const { services, secrets, volumes } = parse(file('compose.yaml'), { merge: true })
  for (const [name, service] of Object.entries<{ secrets?: string[]; depends_on?: object }>(services)) {
    for (const used of service.secrets ?? []) t.ok(used in secrets, `${name} uses ${used}`)
    const dependsOn = service.depends_on ?? []
    for (const other of Array.isArray(dependsOn) ? dependsOn : Object.keys(dependsOn))
      t.ok(other in services, other)
  }
  t.ok('postgres' in volumes)
  t.same(services.proxy.volumes, ['./nginx.conf:/etc/nginx/conf.d/default.conf:ro'])
  const behind = [...file('nginx.conf').matchAll(/server (\S+):8080 /g)].map(([, host]) => host)
  t.same(
    behind,
    Object.keys(services).filter((name) => name.startsWith('hookbridge-')),
  )
})

t.test('the commands of the page make what the Compose file names', async (t) => {
  const folder = temporaryFolder(t)
  const etc = join(folder, 'etc')
  cpSync(new URL('packaging/scale', root), join(folder, 'packaging/scale'), { recursive: true })
  const [config = ''] = fenced(section(page, 'config'), 'yaml')
  writeFileSync(join(folder, 'config.yaml'), config)
  const calls = runCommands(folder, etc)
  const [image] = calls.flatMap((call) => /^build -f (\S+) -t (\S+) \.$/.exec(call)?.slice(1) ?? []).slice(1)
  t.strictSame(calls.at(-1), 'compose up --detach')

  const { services, secrets } = parse(file('compose.yaml'), { merge: true })
  const here = join(folder, 'packaging/scale')
  const files = Object.values<{ file: string }>(secrets).map((one) => join(here, one.file))
  t.equal(files.length, 4)
  for (const path of files)
    t.equal(statSync(path).mode & 0o777, 0o644, `${path} is readable in the container`)
  t.equal(statSync(join(here, 'secrets')).mode & 0o777, 0o700, 'and nobody else gets there')
  t.strictSame(readdirSync(join(here, 'secrets')).length, files.length, 'no secret is made in vain')

  const { postgres, 'hookbridge-1': instance } = services
  t.equal(image, instance.image)
  for (const { volumes = [] } of Object.values<{ volumes?: string[] }>(services)) {
    const paths = volumes.map((volume) => volume.split(':')[0] ?? '').filter((path) => /^[./]/.test(path))
    for (const path of paths) {
      const made = path.startsWith('/')
        ? path.replace('/etc/hookbridge', join(etc, 'hookbridge'))
        : join(here, path)
      t.ok(existsSync(made), path)
    }
  }
  t.equal(readFileSync(join(etc, 'hookbridge/config.yaml'), 'utf8'), config)
  const named = [...config.matchAll(/\/run\/secrets\/(\w+)/g)].map(([, name]) => name)
  t.strictSame(named.toSorted(), instance.secrets.toSorted(), 'the configuration reads what it is given')

  const url = new URL(readFileSync(join(here, secrets.store_url.file), 'utf8').trim())
  const password = readFileSync(join(here, secrets.postgres_password.file), 'utf8').trim()
  t.ok(password.length >= 32)
  t.match(url, { username: postgres.environment.POSTGRES_USER, password, pathname: '/hookbridge' })
  t.ok(url.hostname in services, 'its host is the service')
})

t.test('the manifest has what a rolling deployment needs', async (t) => {
  const documents = parseAllDocuments(file('kubernetes.yaml'))
  t.same(
    documents.flatMap(({ errors }) => errors),
    [],
  )
  const [config, deployment, budget, service] = documents.map((document) => document.toJS())
  t.same(
    [config, deployment, budget, service].map(({ kind }) => kind),
    ['ConfigMap', 'Deployment', 'PodDisruptionBudget', 'Service'],
  )
  const { labels } = deployment.spec.template.metadata
  t.same(deployment.spec.selector.matchLabels, labels)
  t.same(budget.spec.selector.matchLabels, labels)
  t.same(service.spec.selector, labels)
  t.ok(budget.spec.minAvailable < deployment.spec.replicas, 'a node can be emptied')
  const [container] = deployment.spec.template.spec.containers
  t.equal(container.livenessProbe.httpGet.path, '/livez')
  t.equal(container.readinessProbe.httpGet.path, '/readyz')
  const { httpGet, periodSeconds, failureThreshold } = container.startupProbe
  t.equal(httpGet.path, '/livez')
  t.equal(periodSeconds * failureThreshold, 30 * 60, 'an update of the schema is not cut off')
  const mounted = deployment.spec.template.spec.volumes.map(({ name }: { name: string }) => name)
  t.same(
    container.volumeMounts.map(({ name }: { name: string }) => name),
    mounted,
  )
})

t.test('the manifest mounts what it names, and the page makes its secrets', async (t) => {
  const [config, deployment] = parseAllDocuments(file('kubernetes.yaml')).map((document) => document.toJS())
  const { containers, volumes } = deployment.spec.template.spec
  const [container] = containers
  const mountOf = (name: string) =>
    container.volumeMounts.find((mount: { name: string }) => mount.name === name).mountPath
  const [key = ''] = Object.keys(config.data)
  t.strictSame(container.env, [{ name: 'HOOKBRIDGE_CONFIG', value: `${mountOf('config')}/${key}` }])
  const of = (kind: string) => volumes.find((volume: object) => kind in volume)[kind]
  t.equal(of('configMap').name, config.metadata.name)
  const made = /kubectl create secret generic (\S+) (.*)/.exec(page)
  t.equal(of('secret').secretName, made?.[1])
  const secrets = made?.[2]?.split(' ').map((option) => option.replace('--from-file=', '')) ?? []
  const read = [...config.data[key].matchAll(/\{ file: (\S+) \}/g)].map(([, path]) => path)
  t.strictSame(read.toSorted(), secrets.map((name) => `${mountOf('secrets')}/${name}`).toSorted())
})

t.test("the manifest fits the types of Kubernetes' API", async (t) => {
  const documents = parseAllDocuments(file('kubernetes.yaml')).map((document) => document.toJS())
  t.same(problemsOf(t, documents), [])
  const misspelt = structuredClone(documents)
  misspelt[1].spec.template.spec.containers[0].livenesProbe = {}
  misspelt[2].spec.minAvailable = [2]
  t.match(problemsOf(t, misspelt), [
    /'"livenesProbe"' does not exist in type 'Container'/,
    /Type 'number\[\]' is not assignable to type/,
  ])
})

/** Runs those of the page without Docker and root; returns the arguments of each call of docker. */
function runCommands(folder: string, etc: string): readonly string[] {
  const [script = ''] = fenced(section(page, 'compose'), 'sh')
  const called = join(folder, 'called')
  const mine = script
    .replaceAll('/etc/hookbridge', join(etc, 'hookbridge'))
    .replace('sudo install -D -o 10001 -g 10001', 'install -D')
  const shell = `set -eu\ndocker() { echo "$*" >> ${called}; }\n${mine}`
  const { status, stderr } = spawnSync('bash', ['-c', shell], { cwd: folder, input: '', encoding: 'utf8' })
  if (status !== 0) throw new Error(stderr)
  return readFileSync(called, 'utf8').trimEnd().split('\n')
}

/** What the compiler says of them: it knows every key and its type. */
function problemsOf(
  t: Test,
  documents: readonly { readonly apiVersion: string; readonly kind: string }[],
): readonly string[] {
  const program = join(temporaryFolder(t), 'manifest.ts')
  const types = fileURLToPath(new URL('node_modules/kubernetes-types', root))
  const lines = documents.flatMap((document, index) => {
    const group = document.apiVersion.includes('/') ? document.apiVersion : `core/${document.apiVersion}`
    return [
      `import type { ${document.kind} } from ${JSON.stringify(`${types}/${group}`)}`,
      `export const document${index}: ${document.kind} = ${JSON.stringify(document)}`,
    ]
  })
  writeFileSync(program, lines.join('\n'))
  const tsc = fileURLToPath(new URL('node_modules/.bin/tsc', root))
  const settings = [
    '--noEmit',
    '--strict',
    '--module',
    'esnext',
    '--moduleResolution',
    'bundler',
    '--types',
    '',
  ]
  // tap loads its hooks into each Node that is started, and the compiler does not start with them.
  const command = ['--unset=NODE_OPTIONS', process.execPath, tsc, ...settings, program]
  // Where no tsconfig.json is.
  const { stdout, stderr } = spawnSync('env', command, { encoding: 'utf8', cwd: dirname(program) })
  return (stdout + stderr).split('\n').filter((line) => line !== '')
}
