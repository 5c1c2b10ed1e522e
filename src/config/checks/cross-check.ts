/** What the schema cannot say: that the parts of a configuration fit together. Works on whatever part is sound. */
import type { Channel, Position } from '../../channels/channel.ts'
import { isObject, ownProperty } from '../../core/json.ts'
import { compileMatch } from '../../core/match/match.ts'
import { compileLinks } from '../../core/template/links.ts'
import { conceal, concerns, isAt, type Origin } from '../file/origin.ts'
import type { YamlDocument } from '../file/yaml-document.ts'
import { meant, nearest, type Path, type Problem, type ProblemCode, pathName, quote } from '../problem.ts'
import { filledSchema } from '../schema/json-schema.ts'
import { placeAt } from '../schema/place.ts'
import { checkReach } from './reach.ts'

export interface CheckContext {
  readonly document: YamlDocument
  /** The document's value, with its variables filled in. */
  readonly value: unknown
  readonly origins: readonly Origin[]
  readonly channels: readonly Channel[]
  /** The templates that a route may name; null where they are not known. */
  readonly templates: ReadonlySet<string> | null
  /** Those that the operator made, beside or over the shipped ones. */
  readonly ownTemplates: readonly string[]
}

type Tell = (code: ProblemCode, place: Position, message: string, hint: string) => void

interface Checker extends CheckContext {
  readonly error: Tell
  readonly warn: Tell
  /** Null where nobody can tell which there are. */
  readonly receivers: readonly string[] | null
  readonly used: Set<string>
}

export function crossCheck(context: CheckContext): Problem[] {
  const problems: Problem[] = []
  const tell =
    (severity: Problem['severity']): Tell =>
    (code, { line, column }, message, hint) =>
      problems.push({ severity, code, file: context.document.file, line, column, message, hint })
  const receivers = ownProperty(context.value, 'receivers')
  const checker: Checker = {
    ...context,
    error: tell('error'),
    warn: tell('warning'),
    receivers: isObject(receivers) ? Object.keys(receivers) : null,
    used: new Set(),
  }
  checkRoutes(ownProperty(context.value, 'routes'), ['routes'], false, checker)
  checkReachable(checker)
  checkNames(
    ownProperty(ownProperty(context.value, 'unrouted'), 'receivers'),
    ['unrouted', 'receivers'],
    checker,
  )
  checkUnused(checker)
  checkSettings(checker)
  checkLinks(checker)
  checkSecrets(context.document.value, [], checker)
  return problems
}

/** Whether a text at this path is a variable or a file that could not be filled in: told already. */
function isBroken({ origins }: Checker, path: Path): boolean {
  return origins.some((origin) => origin.broken && isAt(origin, path))
}

function checkReachable({ value, origins, document, warn, ownTemplates }: Checker): void {
  const isBroken = (path: Path) => origins.some((origin) => origin.broken && concerns(origin, path))
  const { unreachable, mayTake } = checkReach(value, isBroken, (path) => document.at(path).line)
  for (const { code, path, message, hint } of unreachable) {
    warn(code, document.at(path), conceal(message, path, origins), hint)
  }
  const [sources, routes] = [ownProperty(value, 'sources'), ownProperty(value, 'routes')]
  // Without routes, or with one that takes nothing by mistake, what they do not use is no mistake of its own.
  if (
    !Array.isArray(routes) ||
    routes.length === 0 ||
    unreachable.some(({ code }) => code !== 'no_receivers')
  )
    return
  // What no route takes may still be told to someone.
  const fallsBack = ownProperty(value, 'unrouted') !== undefined
  for (const name of isObject(sources) ? Object.keys(sources) : []) {
    if (fallsBack || mayTake('source', name)) continue
    const message = `no route takes the events of the source "${name}"`
    warn('unused_source', document.keyAt(['sources', name]), message, 'add a route for them, or remove it')
  }
  const named = new Set(templatesNamed(routes))
  for (const name of ownTemplates) {
    if (fallsBack || name === 'default' || named.has(name) || mayTake('type', name)) continue
    const message = `nothing uses the template "${name}": no route names it, and none takes events of that type`
    warn('unused_template', document.at(['templates']), message, 'name it in a route, or remove its folder')
  }
}

function templatesNamed(routes: readonly unknown[]): unknown[] {
  return routes.flatMap((route) => {
    const below = ownProperty(route, 'routes')
    return [ownProperty(route, 'template'), ...(Array.isArray(below) ? templatesNamed(below) : [])]
  })
}

function checkRoutes(raw: unknown, path: Path, inherited: boolean, checker: Checker): void {
  if (!Array.isArray(raw)) return
  for (const [index, route] of raw.entries()) {
    if (isObject(route)) checkRoute(route, [...path, index], inherited, checker)
  }
}

function checkRoute(route: object, path: Path, inherited: boolean, checker: Checker): void {
  const { document, error } = checker
  const routes = ownProperty(route, 'routes')
  const named = inherited || Object.hasOwn(route, 'receivers')
  // Merge keys are told as such; what they would have brought is no mistake of its own.
  if (!named && !Object.hasOwn(route, '<<') && !(Array.isArray(routes) && routes.length > 0)) {
    const hint = 'add receivers: […]'
    error('no_receivers', document.at(path), 'a route without receivers, and without routes of its own', hint)
  }
  checkNames(ownProperty(route, 'receivers'), [...path, 'receivers'], checker)
  checkTemplate(ownProperty(route, 'template'), [...path, 'template'], checker)
  if (Object.hasOwn(route, 'match')) checkMatch(ownProperty(route, 'match'), [...path, 'match'], checker)
  checkRoutes(routes, [...path, 'routes'], named, checker)
}

function checkNames(raw: unknown, path: Path, checker: Checker): void {
  const { document, error, receivers, used } = checker
  // Without its brackets it is wrong, but it says who is meant.
  if (typeof raw === 'string') used.add(raw)
  if (!Array.isArray(raw) || receivers === null) return
  const seen = new Set<string>()
  for (const [index, name] of raw.entries()) {
    const place = [...path, index]
    if (typeof name !== 'string') continue
    if (isBroken(checker, place)) {
      // It may be any of them.
      for (const receiver of receivers) used.add(receiver)
      continue
    }
    const written = quote(document.scalar(place)?.text ?? '')
    if (seen.has(name)) {
      error('wrong_value', document.at(place), `the receiver ${written} is here twice`, 'remove one')
    } else if (!receivers.includes(name)) {
      error('unknown_receiver', document.at(place), `unknown receiver ${written}`, meant(name, receivers))
    }
    used.add(name)
    // Whoever was meant is not forgotten.
    used.add(nearest(name, receivers) ?? name)
    seen.add(name)
  }
}

function checkTemplate(name: unknown, path: Path, checker: Checker): void {
  const { templates, document, error } = checker
  if (typeof name !== 'string' || templates === null || templates.has(name) || isBroken(checker, path)) return
  const message = `unknown template ${quote(document.scalar(path)?.text ?? '')}`
  error('unknown_template', document.at(path), message, meant(name, [...templates]))
}

function checkMatch(raw: unknown, path: Path, checker: Checker): void {
  const compiled = compileMatch(raw)
  if (compiled.ok) return
  for (const problem of compiled.problems) {
    const place = [...path, ...problem.path]
    if (checker.origins.some((origin) => origin.broken && concerns(origin, place))) continue
    // A condition's mistake may be its key or its value: both start at the key.
    const at = problem.path.length > 0 ? checker.document.keyAt(place) : checker.document.at(place)
    checker.error('wrong_match', at, conceal(problem.message, place, checker.origins), '')
  }
}

function checkUnused({ receivers, used, document, warn, value }: Checker): void {
  const routes = ownProperty(value, 'routes')
  // Without routes every receiver is unused, and that is one mistake.
  if (!Array.isArray(routes) || routes.length === 0) return
  const known = [...(receivers ?? [])]
  // A name that is nobody's is likely meant for one that nobody names.
  if ([...used].some((name) => !known.includes(name))) return
  for (const name of known) {
    if (used.has(name)) continue
    warn(
      'unused_receiver',
      document.keyAt(['receivers', name]),
      `no route names the receiver "${name}"`,
      'add it to a route, or remove it',
    )
  }
}

/** Settings of a channel that its receivers need. */
function checkSettings({ value, channels, document, error, receivers }: Checker): void {
  for (const channel of channels) {
    const raw = ownProperty(ownProperty(value, 'channels'), channel.name)
    const settings = raw === undefined ? undefined : channel.settings.safeParse(raw)
    if (settings?.success === false) continue
    const told = new Set<string>()
    for (const name of receivers ?? []) {
      const place = ownProperty(ownProperty(ownProperty(value, 'receivers'), name), channel.name)
      const receiver = place === undefined ? undefined : channel.receiver.safeParse(place)
      if (receiver?.success !== true) continue
      const missing = channel.missingSettings?.(settings?.data, receiver.data) ?? null
      // Many receivers may lack the same setting: that is one mistake.
      if (missing === null || told.has(missing)) continue
      told.add(missing)
      error('missing_settings', document.keyAt(['receivers', name, channel.name]), missing, '')
    }
  }
}

function checkLinks(checker: Checker): void {
  const raw = ownProperty(checker.value, 'links')
  if (!isObject(raw)) return
  const texts: Record<string, string> = {}
  for (const [key, text] of Object.entries(raw)) {
    if (typeof text === 'string' && !isBroken(checker, ['links', key])) texts[key] = text
  }
  const compiled = compileLinks(texts)
  if (compiled.ok) return
  for (const { key, message } of compiled.problems) {
    const path = ['links', key]
    checker.error(
      'wrong_link',
      checker.document.at(path),
      conceal(`links.${key}: ${message}`, path, checker.origins),
      '',
    )
  }
}

/** Secrets that stand in the file itself, where backups and colleagues read them; the path of a file is none. */
function checkSecrets(written: unknown, path: Path, checker: Checker): void {
  if (Array.isArray(written)) {
    for (const [index, item] of written.entries()) checkSecrets(item, [...path, index], checker)
  } else if (isObject(written)) {
    for (const [key, item] of Object.entries(written)) checkSecrets(item, [...path, key], checker)
  } else if (typeof written === 'string' && !written.includes('${') && placeAt(filledSchema(), path).secret) {
    const name = pathName(path)
    checker.warn(
      'plain_secret',
      checker.document.at(path),
      `${name} is a secret in plain text`,
      'write ${NAME} and set the variable, or {file: PATH}',
    )
  }
}
