/** The files of docs/scale.md are YAML, fit together, and their configuration is right. */
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
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
  const mounted = deployment.spec.template.spec.volumes.map(({ name }: { name: string }) => name)
  t.same(
    container.volumeMounts.map(({ name }: { name: string }) => name),
    mounted,
  )
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
