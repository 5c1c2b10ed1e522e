/** From a file to a configuration that can run, or to everything that is wrong with it. */
import { basename, dirname, join, resolve } from 'node:path'
import { channels } from '../channels/channels.ts'
import type { Destination } from '../core/destination.ts'
import type { View } from '../core/event.ts'
import { ownProperty } from '../core/json.ts'
import { compileMatch } from '../core/match/match.ts'
import { compileRoutes, type RouteInput, type Router } from '../core/route.ts'
import type { Secret } from '../core/secret.ts'
import { compileLinks } from '../core/template/links.ts'
import { crossCheck } from './checks/cross-check.ts'
import { checkSocketPath, withPaths } from './checks/paths.ts'
import { checkSamples } from './checks/samples.ts'
import { sampleFile } from './checks/tests.ts'
import { isPipe, readDocument } from './file/document.ts'
import { type Fingerprints, fingerprints, type Note } from './file/fingerprint.ts'
import { type Env, type Interpolated, interpolate } from './file/interpolate.ts'
import type { YamlDocument } from './file/yaml-document.ts'
import { inOrder, type Path, type Problem } from './problem.ts'
import { filledSchema } from './schema/json-schema.ts'
import { placeAt } from './schema/place.ts'
import { type Config, schema } from './schema/schema.ts'
import { secretsOf } from './secrets.ts'
import { type LoadedTemplates, loadTemplates, type Templates } from './templates/templates.ts'
import { parse } from './validate/parse.ts'

/** A checked configuration, with everything compiled that routing and rendering need. */
export interface CompiledConfig {
  /** The configuration file, as it was named. */
  readonly file: string
  /** What it was read from. */
  readonly files: Fingerprints
  /** `store.url` and `server.admin_socket` have absolute paths. */
  readonly config: Config
  /** All of them, to keep them out of logs and messages. */
  readonly secrets: readonly Secret[]
  readonly router: Router
  readonly templates: Templates
  /** Where each receiver's messages go. */
  readonly destinations: ReadonlyMap<string, readonly Destination[]>
  /** The page of what an event is about; empty if there is none. */
  readonly links: (view: View) => string
  /** For the places of what is told later. */
  readonly document: Pick<YamlDocument, 'at' | 'keyAt'>
}

export type Loaded =
  | { readonly ok: true; readonly compiled: CompiledConfig; readonly warnings: readonly Problem[] }
  /** Errors and warnings, in the order of the file. */
  | { readonly ok: false; readonly problems: readonly Problem[]; readonly files: Fingerprints }

/** Reads and checks a configuration, and its templates. Whatever the file holds, it answers and does not throw. */
export function loadConfig(file: string, env: Env): Loaded {
  const { files, note } = fingerprints()
  note(file)
  const read = readDocument(file)
  if (!read.ok) return { ...read, files }
  const { document } = read
  const filled = fill(file, document, env, note)
  const parsed = parse(schema, filled.value, { ...filled, document, jsonSchema: filledSchema() })
  const templates = loadNamedTemplates(file, document, filled, note)
  // Tests read these later, and decide with them whether a reload takes effect.
  for (const { file: sample } of parsed.ok ? (parsed.data.tests ?? []) : []) {
    if (sample !== undefined) note(sampleFile(file, sample))
  }
  const problems = [
    ...filled.problems,
    ...(parsed.ok ? [] : parsed.problems),
    ...crossCheck({
      ...filled,
      document,
      channels,
      templates: templates.names,
      ownTemplates: templates.loaded?.own ?? [],
    }),
    ...templates.problems,
    ...checkSocketPath(file, { ...filled, document }, env),
  ]
  const sorted = inOrder(file, problems)
  if (!parsed.ok || templates.loaded === null || sorted.some(({ severity }) => severity === 'error')) {
    return { ok: false, problems: sorted, files }
  }
  const compiled = toSetup(
    file,
    files,
    document,
    withPaths(file, parsed.data, env),
    templates.loaded.templates,
  )
  return { ok: true, compiled, warnings: inOrder(file, [...sorted, ...checkSamples(compiled)]) }
}

/** Reads a configuration once more. A pipe, as in --config <(…), could be read only the first time. */
export function reloadConfig(file: string, env: Env): Loaded {
  if (!isPipe(file)) return loadConfig(file, env)
  const problem: Problem = {
    severity: 'error',
    code: 'unreadable_file',
    file,
    line: 1,
    column: 1,
    message: 'the configuration came through a pipe, which cannot be read again',
    hint: 'start with a file to be able to reload it',
  }
  const { files, note } = fingerprints()
  note(file)
  return { ok: false, problems: [problem], files }
}

/** What `channel.open` wants to know of the receivers: the settings of each that uses the channel. */
export function receiversOf(config: Config, channel: string): ReadonlyMap<string, unknown> {
  return new Map(
    Object.entries(config.receivers).flatMap(([name, receiver]) =>
      receiver[channel] === undefined ? [] : [[name, receiver[channel]] as const],
    ),
  )
}

/** With variables and files in place. */
export function fill(file: string, document: YamlDocument, env: Env, note: Note): Interpolated {
  const takesText = (path: Path) => placeAt(filledSchema(), path).types.includes('string')
  return interpolate({ document, env, folder: dirname(file), takesText, note })
}

interface NamedTemplates {
  readonly loaded: LoadedTemplates | null
  readonly names: ReadonlySet<string> | null
  readonly problems: readonly Problem[]
}

function loadNamedTemplates(
  file: string,
  document: YamlDocument,
  { value, origins }: Interpolated,
  note: Note,
): NamedTemplates {
  const named = ownProperty(value, 'templates')
  const isBroken = origins.some(({ broken, path }) => broken && path.length === 1 && path[0] === 'templates')
  if (typeof named !== 'string' || named === '' || isBroken) {
    const loaded = loadTemplates(channels)
    // What was meant by a broken `templates` nobody knows.
    const isKnown = named === undefined && loaded !== null
    return { loaded, names: isKnown ? loaded.templates.names : null, problems: loaded?.problems ?? [] }
  }
  const operator = { folder: resolve(dirname(file), named), shown: join(dirname(file), named), note }
  const loaded = loadTemplates(channels, operator)
  if (loaded !== null) return { loaded, names: loaded.templates.names, problems: loaded.problems }
  const problem: Problem = {
    severity: 'error',
    code: 'unreadable_file',
    file,
    ...document.at(['templates']),
    message: `templates: there is no folder ${document.scalar(['templates'])?.text ?? ''} beside ${basename(file)}`,
    hint: 'create it, or remove the key to use the templates that ship with the product',
  }
  return { loaded: null, names: null, problems: [problem] }
}

function toSetup(
  file: string,
  files: Fingerprints,
  document: YamlDocument,
  config: Config,
  templates: Templates,
): CompiledConfig {
  const links = compileLinks(config.links ?? {})
  if (!links.ok) throw new Error('the links were checked and still do not compile')
  return {
    file,
    files,
    config,
    secrets: secretsOf(config),
    router: compileRoutes(toRoutes(config.routes, ownProperty(document.value, 'routes')), config.unrouted),
    templates,
    destinations: destinationsOf(config),
    links: links.links,
    document,
  }
}

/** `written`: the routes before their variables were filled in. */
function toRoutes(routes: Config['routes'], written: unknown): RouteInput[] {
  const inFile: readonly unknown[] = Array.isArray(written) ? written : []
  return routes.map(({ match, routes: below, ...route }, index) => {
    const shown = inFile[index]
    const compiled = match === undefined ? undefined : compileMatch(match, ownProperty(shown, 'match'))
    if (compiled?.ok === false) throw new Error('a match was checked and still does not compile')
    return {
      ...route,
      match: compiled?.match,
      routes: below && toRoutes(below, ownProperty(shown, 'routes')),
    }
  })
}

function destinationsOf(config: Config): ReadonlyMap<string, readonly Destination[]> {
  return new Map(
    Object.entries(config.receivers).map(([name, settings]) => [
      name,
      channels.flatMap((channel) => {
        const receiver = settings[channel.name]
        if (receiver === undefined) return []
        return channel.targets(receiver, name).map((target) => ({ channel: channel.name, ...target }))
      }),
    ]),
  )
}
