/** Turns a file into a configuration that can run, or into a list of everything that is wrong with it. */
import { basename, dirname, join, resolve } from 'node:path'
import { channels } from '../channels/channels.ts'
import { ownProperty } from '../core/json/json.ts'
import { checkButtons } from './checks/buttons.ts'
import { checkExamples } from './checks/examples.ts'
import { checkKeys } from './checks/keys.ts'
import { checkLifecycles } from './checks/lifecycles.ts'
import { checkEnriched } from './checks/match/enriched.ts'
import { checkOperators } from './checks/match/operators.ts'
import { checkSocketPath, withPaths } from './checks/paths.ts'
import { checkReferences } from './checks/references.ts'
import { checkPrivacy } from './checks/secrets/privacy.ts'
import { checkSecrets } from './checks/secrets/secrets.ts'
import { checkSecretsInUrls } from './checks/secrets/secrets-in-urls.ts'
import { checkSamples } from './checks/senders/samples.ts'
import { checkSenders } from './checks/senders/senders.ts'
import { checkDoubts, checkSettings, checkTimeouts } from './checks/settings.ts'
import { sampleFile } from './checks/tests/tests.ts'
import { checkIntervalNames, checkIntervals } from './checks/time-intervals.ts'
import { caught } from './checks/unexpected.ts'
import { checkUsage } from './checks/usage.ts'
import { type CompiledConfig, compile } from './compiled.ts'
import { isPipe, readDocument } from './file/document.ts'
import { type Fingerprints, fingerprints, type Note } from './file/fingerprint.ts'
import type { Env, Interpolated } from './file/interpolate.ts'
import { conceal, isAt } from './file/origin.ts'
import { error, inOrder, type Problem, START } from './problem.ts'
import { schema } from './schema/schema.ts'
import { withSecretHeaders } from './secrets.ts'
import { type LoadedTemplates, loadTemplates } from './templates/templates.ts'
import { fill } from './validate/fill.ts'
import { parse } from './validate/parse.ts'

export type Loaded =
  | { readonly ok: true; readonly compiled: CompiledConfig; readonly warnings: readonly Problem[] }
  /** Errors and warnings, in the order of the file. */
  | { readonly ok: false; readonly problems: readonly Problem[]; readonly files: Fingerprints }

/** Reads and checks a configuration, and its templates. It reports whatever is wrong with the file, and does not throw. */
export function loadConfig(file: string, env: Env): Loaded {
  const { files, note } = fingerprints()
  note(file)
  const read = readDocument(file)
  if (!read.ok) return { ...read, files }
  const { document } = read
  const filled = fill(schema, document, env, note)
  const parsed = parse(schema, filled)
  const { loaded, problems: wrongFolder } = loadNamedTemplates(file, filled, note)
  // Tests read these files later, and decide whether a reload takes effect.
  for (const { file: sample } of parsed.ok ? (parsed.data.tests ?? []) : []) {
    if (sample !== undefined) note(sampleFile(file, sample))
  }
  const problems = [
    ...filled.problems,
    ...(parsed.ok
      ? [
          ...checkSettings(parsed.data, document),
          ...checkSocketPath(file, parsed.data, document, env),
          ...checkEnriched(parsed.data, loaded?.ownFiles ?? [], document),
        ]
      : parsed.problems),
    ...checkReferences(filled, loaded?.templates.names ?? null),
    ...checkIntervalNames(filled),
    ...checkKeys(document),
    ...checkSecrets(filled),
    ...checkSecretsInUrls(filled),
    ...wrongFolder,
    ...(loaded?.problems ?? []),
  ]
  if (!parsed.ok || loaded === null || problems.some(({ severity }) => severity === 'error')) {
    return { ok: false, problems: inOrder(file, problems), files }
  }
  const config = withPaths(file, withSecretHeaders(parsed.data, filled.origins), env)
  const compiled = compile(file, files, config, loaded.templates, document)
  const warnings = [
    ...problems,
    ...checkPrivacy(filled, env),
    ...checkDoubts(config, document),
    ...checkTimeouts(config, document),
    ...checkLifecycles(config, document),
    ...checkExamples(filled),
    ...checkUsage(config, loaded.templates.own, filled),
    ...checkIntervals(compiled),
    ...checkSamples(compiled),
    ...[checkButtons, checkOperators, checkSenders]
      .flatMap((check) => caught({ severity: 'warning', file, ...START }, CHECKING, () => check(compiled)))
      .map((problem) => withoutValues(problem, filled)),
  ]
  return { ok: true, compiled, warnings: inOrder(file, warnings) }
}

const CHECKING = 'known events were compared with the configuration'

/** A problem that quotes the configuration, with the names of variables and not their values. */
function withoutValues(problem: Problem, { origins }: Interpolated): Problem {
  const { message, hint } = problem
  return { ...problem, message: conceal(message, [], origins), hint: conceal(hint, [], origins) }
}

/** Reads a configuration once more. A pipe, as in --config <(…), could be read only the first time. */
export function reloadConfig(file: string, env: Env): Loaded {
  if (!isPipe(file)) return loadConfig(file, env)
  const message = 'the configuration came through a pipe, which cannot be read again'
  const hint = 'start with a file to be able to reload it'
  const { files, note } = fingerprints()
  note(file)
  return { ok: false, problems: [error('unreadable_file', file, START, message, hint)], files }
}

interface NamedTemplates {
  /** Null if it is unknown which folder is meant. */
  readonly loaded: LoadedTemplates | null
  readonly problems: readonly Problem[]
}

function loadNamedTemplates(
  file: string,
  { document, value, origins }: Interpolated,
  note: Note,
): NamedTemplates {
  const named = ownProperty(value, 'templates')
  if (named === undefined) return { loaded: loadTemplates(channels), problems: [] }
  const path = ['templates']
  // A problem with the key itself is already reported.
  const isBroken = origins.some((origin) => origin.broken && isAt(origin, path))
  if (typeof named !== 'string' || named === '' || isBroken) return { loaded: null, problems: [] }
  const operator = { folder: resolve(dirname(file), named), shown: join(dirname(file), named), note }
  const loaded = loadTemplates(channels, operator)
  if (!('code' in loaded)) return { loaded, problems: [] }
  const { code } = loaded
  const folder = document.scalar(path)?.text ?? ''
  const [message, hint] =
    code === 'ENOENT' || code === 'ENOTDIR'
      ? [
          `templates: there is no folder ${folder} beside ${basename(file)}`,
          'create it, or remove the key to use the templates that ship with the product',
        ]
      : [
          `templates: the folder ${folder} cannot be read (${code})`,
          'make it readable for the user of the service',
        ]
  return { loaded: null, problems: [error('unreadable_file', file, document.at(path), message, hint)] }
}
