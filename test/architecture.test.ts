/** Reads every import of src/ and fails on any that the layers do not allow. */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'

const src = fileURLToPath(new URL('../src', import.meta.url))

/** Who may import whom; a value `types` means `import type` only. */
const allowed: Readonly<Record<string, Readonly<Record<string, 'all' | 'types'>>>> = {
  core: { core: 'all' },
  // What a URL of PostgreSQL says, for those who check it, use it or show it.
  'postgres-url': { 'postgres-url': 'all' },
  // What every folder that names files to the operator needs of the file system.
  files: { files: 'all' },
  sources: { sources: 'all', core: 'all', network: 'all' },
  store: { store: 'all', core: 'all', files: 'all', 'postgres-url': 'all' },
  // Connections to other machines, by HTTP.
  network: { network: 'all', core: 'all' },
  channels: { channels: 'all', core: 'all', network: 'all' },
  enrich: { enrich: 'all', core: 'all', network: 'all' },
  // Hosts that no connection would be made to are reported where they are written.
  config: { config: 'all', core: 'all', channels: 'all', network: 'all', 'postgres-url': 'all' },
  // StoreUnavailable is part of the store's contract, and a value: see pipelineValues.
  pipeline: { pipeline: 'all', core: 'all', store: 'types', channels: 'types', sources: 'types' },
  http: { http: 'all', core: 'all', pipeline: 'types', store: 'types', sources: 'types' },
  // Traces are made from the facts of the pipeline, as the log is; nobody below app knows of them.
  telemetry: { telemetry: 'all', core: 'all', network: 'all', pipeline: 'types' },
  demo: { demo: 'all', core: 'all' },
  install: { install: 'all', config: 'all', files: 'all' },
  cli: {
    cli: 'all',
    app: 'all',
    config: 'all',
    core: 'all',
    demo: 'all',
    enrich: 'all',
    files: 'all',
    install: 'all',
    network: 'all',
    'postgres-url': 'all',
    sources: 'all',
    store: 'all',
    channels: 'all',
    telemetry: 'all',
  },
  app: {
    app: 'all',
    core: 'all',
    config: 'all',
    enrich: 'all',
    network: 'all',
    'postgres-url': 'all',
    sources: 'all',
    store: 'all',
    channels: 'all',
    pipeline: 'all',
    http: 'all',
    telemetry: 'all',
  },
  main: { cli: 'all' },
  // What programs import: fronts of the package with contracts of their own, so that what is behind them can change.
  index: { app: 'all', config: 'all', network: 'all' },
  signing: { core: 'all', sources: 'all' },
}
const contractFiles = ['store/store.ts', 'channels/channel.ts']

/** The folder that owns each npm package. zod is the language of settings, which channels own. */
const owners: Readonly<Record<string, readonly string[]>> = {
  '@opentelemetry/api': ['telemetry'],
  '@opentelemetry/exporter-trace-otlp-proto': ['telemetry'],
  '@opentelemetry/resources': ['telemetry'],
  '@opentelemetry/sdk-trace': ['telemetry'],
  '@slack/web-api': ['channels/slack'],
  'close-with-grace': ['cli'],
  commander: ['cli'],
  'fast-string-truncated-width': ['core/text/width'],
  'fastest-levenshtein': ['core/text/nearest'],
  fastify: ['http'],
  jose: ['channels/email'],
  liquidjs: ['core'],
  'markdown-it': ['channels/email'],
  nodemailer: ['channels/email'],
  oauth4webapi: ['channels/email'],
  pg: ['store/postgres'],
  pino: ['app'],
  'postal-mime': ['cli', 'demo'],
  'prom-client': ['http'],
  re2js: ['core'],
  'smtp-server': ['demo'],
  svix: ['sources'],
  ulid: ['app'],
  undici: ['network', 'channels/slack'],
  yaml: ['config'],
  zod: ['config', 'channels'],
}
const builtinsOf: Readonly<Record<string, readonly string[]>> = { core: [], 'node:sqlite': ['store'] }

interface Import {
  readonly file: string
  readonly layer: string
  readonly specifier: string
  /** The file within src/ that it names; null for a package. */
  readonly target: string | null
  readonly typeOnly: boolean
}

function layerOf(file: string): string {
  return file.includes('/') ? (file.split('/')[0] ?? '') : file.replace('.ts', '')
}

function sources(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name)
    return entry.isDirectory() ? sources(path) : entry.name.endsWith('.ts') ? [path] : []
  })
}

function importsOf(path: string): Import[] {
  const file = relative(src, path)
  const text = readFileSync(path, 'utf8')
  const toImport = (specifier: string, typeOnly: boolean): Import => {
    const target = specifier.startsWith('.') ? relative(src, resolve(dirname(path), specifier)) : null
    return { file, layer: layerOf(file), specifier, target, typeOnly }
  }
  const onDemand = [...text.matchAll(/\bimport\('([^']+)'\)/g)].map(([, specifier = '']) =>
    toImport(specifier, false),
  )
  const statements = text.matchAll(
    /^(?:import|export) (type )?(\{[^}]*\}|\* as \w+|\*|\w+(?:, \{[^}]*\})?) from '([^']+)'/gm,
  )
  const atStart = [...statements].map(([, type, names = '', specifier = '']) => {
    const listed = /^\{(.*)\}$/s
      .exec(names)?.[1]
      ?.split(',')
      .map((name) => name.trim())
      .filter(Boolean)
    const typeOnly = type !== undefined || (listed?.every((name) => name.startsWith('type ')) ?? false)
    return toImport(specifier, typeOnly)
  })
  return [...atStart, ...onDemand]
}

/** `@scope/name` or `name`, of an import that may reach into the package. */
function packageOf(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/')
}

const imports = sources(src).flatMap(importsOf)

t.test('layers import only what the table allows', async (t) => {
  t.ok(imports.length > 100, 'imports were found')
  for (const { file, layer, target, typeOnly } of imports) {
    if (target === null) continue
    const to = layerOf(target)
    const rule = allowed[layer]?.[to]
    const fine = rule === 'all' || (rule === 'types' && (typeOnly || contractFiles.includes(target)))
    t.ok(fine, `${file} imports ${target}`)
    if (layer === 'channels' && to === 'channels') {
      const [from = '', other = ''] = [file, target].map((path) => path.split('/')[1] ?? '')
      const list = file === 'channels/channels.ts'
      t.ok(list || from === other || other.endsWith('.ts'), `${file} stays out of other channels: ${target}`)
    }
  }
})

t.test('each npm package has one owner, and core is pure', async (t) => {
  for (const { file, layer, specifier } of imports.filter(({ specifier }) => !specifier.startsWith('.'))) {
    const owner = owners[packageOf(specifier)] ?? builtinsOf[specifier]
    if (specifier.startsWith('node:')) {
      t.ok(layer !== 'core' && (owner === undefined || owner.includes(layer)), `${file} imports ${specifier}`)
    } else {
      const mine = owner?.some((folder) => file.startsWith(`${folder}/`) || file === `${folder}.ts`) ?? false
      t.ok(mine, `${file} imports ${specifier}, owned by ${owner?.join(', ') ?? 'nobody'}`)
    }
  }
})

t.test('core has no clock, no chance and no asynchrony', async (t) => {
  for (const path of sources(join(src, 'core'))) {
    const text = readFileSync(path, 'utf8').replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '')
    t.notMatch(
      text,
      /\bDate\.now\b|\bnew Date\(\)|\bMath\.random\b|\basync\b|\bawait\b|\bPromise\b|\bprocess\./,
      relative(src, path),
    )
  }
})

t.test('no circle of imports, whether of values, of types or on demand', async (t) => {
  const edges = imports.flatMap(({ file, target }) => (target === null ? [] : [[file, target] as const]))
  const ofLayers = edges.map(([from, to]) => [layerOf(from), layerOf(to)] as const)
  t.strictSame(circles(graphOf(edges)), [], 'of files')
  t.strictSame(circles(graphOf(ofLayers.filter(([from, to]) => from !== to))), [], 'of folders')
})

type Graph = ReadonlyMap<string, ReadonlySet<string>>

function graphOf(edges: readonly (readonly [from: string, to: string])[]): Graph {
  const graph = new Map<string, Set<string>>()
  for (const [from, to] of edges) graph.set(from, (graph.get(from) ?? new Set()).add(to))
  return graph
}

/** Those that reach each other, sorted. */
function circles(graph: Graph): string[][] {
  const reached = new Map([...graph.keys()].map((node) => [node, reach(graph, node)]))
  const found = [...graph.keys()]
    .filter((node) => reached.get(node)?.has(node))
    .map((node) => [...(reached.get(node) ?? [])].filter((other) => reached.get(other)?.has(node)).sort())
  return [...new Map(found.map((circle) => [circle.join(), circle])).values()].sort()
}

function reach(graph: Graph, start: string): ReadonlySet<string> {
  const seen = new Set<string>()
  const visit = (node: string) => {
    for (const next of graph.get(node) ?? []) {
      if (seen.has(next)) continue
      seen.add(next)
      visit(next)
    }
  }
  visit(start)
  return seen
}

t.test('only main.ts ends the process', async (t) => {
  for (const path of sources(src)) {
    const file = relative(src, path)
    if (file !== 'main.ts') t.notMatch(readFileSync(path, 'utf8'), /process\.exit\(/, file)
  }
})
