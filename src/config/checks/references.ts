/** Names that must exist elsewhere. They are checked even if other parts are wrong. */
import { isObject, ownProperty } from '../../core/json/json.ts'
import { NOTICE_SOURCE } from '../../core/notice/notice.ts'
import type { Interpolated } from '../file/interpolate.ts'
import { isAt } from '../file/origin.ts'
import { error, meant, type Path, type Problem, pathName, quote, warning } from '../problem.ts'

interface Context extends Interpolated {
  /** Null if they are unknown. */
  readonly receivers: readonly string[] | null
  readonly templates: ReadonlySet<string> | null
}

/** `templates`: those that a route may name; null if they are unknown. */
export function checkReferences(filled: Interpolated, templates: ReadonlySet<string> | null): Problem[] {
  const { value } = filled
  const receivers = ownProperty(value, 'receivers')
  const context = { ...filled, templates, receivers: isObject(receivers) ? Object.keys(receivers) : null }
  const unrouted = ownProperty(ownProperty(value, 'unrouted'), 'receivers')
  const notices = ownProperty(value, 'notices')
  return [
    ...checkSourceNames(filled),
    ...checkReceivers(ownProperty(notices, 'receivers'), ['notices', 'receivers'], context),
    ...checkRoutes(ownProperty(notices, 'routes'), ['notices', 'routes'], false, context),
    ...checkRoutes(ownProperty(value, 'routes'), ['routes'], false, context),
    ...sameNames(filled, ['notices', 'routes']),
    ...sameNames(filled, ['routes']),
    ...checkReceivers(unrouted, ['unrouted', 'receivers'], context),
    ...checkFallbacks(receivers, context),
  ]
}

function checkSourceNames({ document, value }: Interpolated): Problem[] {
  if (ownProperty(ownProperty(value, 'sources'), NOTICE_SOURCE) === undefined) return []
  const message = `the name ${NOTICE_SOURCE} is reserved for the built-in source of notices`
  const place = document.keyAt(['sources', NOTICE_SOURCE])
  return [error('wrong_value', document.file, place, message, 'choose another name for this source')]
}

/** Whether its variable could not be filled in, which is already reported. */
function isBroken({ origins }: Context, path: Path): boolean {
  return origins.some((origin) => origin.broken && isAt(origin, path))
}

function checkRoutes(raw: unknown, path: Path, inherited: boolean, context: Context): Problem[] {
  const routes: readonly unknown[] = Array.isArray(raw) ? raw : []
  return routes.flatMap((route, index) =>
    isObject(route) ? checkRoute(route, [...path, index], inherited, context) : [],
  )
}

function checkRoute(route: object, path: Path, inherited: boolean, context: Context): Problem[] {
  const { document } = context
  const routes = ownProperty(route, 'routes')
  const hasReceivers = inherited || Object.hasOwn(route, 'receivers')
  // A merge key is reported separately, and may stand for receivers.
  const isComplete =
    hasReceivers || Object.hasOwn(route, '<<') || (Array.isArray(routes) && routes.length > 0)
  const message = 'this route has neither receivers nor routes'
  return [
    ...(isComplete
      ? []
      : [error('no_receivers', document.file, document.at(path), message, 'add receivers: […]')]),
    ...checkReceivers(ownProperty(route, 'receivers'), [...path, 'receivers'], context),
    ...checkTemplate(ownProperty(route, 'template'), [...path, 'template'], context),
    ...checkRoutes(routes, [...path, 'routes'], hasReceivers, context),
  ]
}

interface NamedRoute {
  readonly name: string
  readonly path: Path
}

/** Routes of the same name, which the history, mails and tests cannot tell apart. Notices have routes of their own. */
function sameNames({ document, value }: Interpolated, path: Path): Problem[] {
  const routes = path.reduce<unknown>((found, key) => ownProperty(found, String(key)), value)
  const firsts = new Map<string, Path>()
  return namesOf(routes, path).flatMap(({ name, path: place }) => {
    const first = firsts.get(name)
    if (first === undefined) {
      firsts.set(name, place)
      return []
    }
    const at = [...place, 'name']
    const written = quote(document.scalar(at)?.text ?? '')
    const line = document.at([...first, 'name']).line
    const message = `${written} is also the name of ${pathName(first)} (line ${line}): the history, mails and tests cannot tell these routes apart`
    return [
      warning(
        'doubtful_setting',
        document.file,
        document.at(at),
        message,
        'choose another name for one of them',
      ),
    ]
  })
}

function namesOf(raw: unknown, path: Path): NamedRoute[] {
  const routes: readonly unknown[] = Array.isArray(raw) ? raw : []
  return routes.flatMap((route, index) => {
    const place = [...path, index]
    const name = ownProperty(route, 'name')
    const below = namesOf(ownProperty(route, 'routes'), [...place, 'routes'])
    return typeof name === 'string' ? [{ name, path: place }, ...below] : below
  })
}

function checkReceivers(raw: unknown, path: Path, context: Context): Problem[] {
  const { document, receivers } = context
  if (!Array.isArray(raw) || receivers === null) return []
  return raw.flatMap((name: unknown, index) => {
    const place = [...path, index]
    if (typeof name !== 'string' || isBroken(context, place)) return []
    const written = quote(document.scalar(place)?.text ?? '')
    if (raw.indexOf(name) < index)
      return [
        error(
          'wrong_value',
          document.file,
          document.at(place),
          `duplicate receiver ${written}`,
          'remove one',
        ),
      ]
    if (receivers.includes(name)) return []
    const message = `unknown receiver ${written}`
    return [error('unknown_receiver', document.file, document.at(place), message, meant(name, receivers))]
  })
}

/** A fallback must be another receiver with destinations, and must not form a loop. */
function checkFallbacks(receivers: unknown, context: Context): Problem[] {
  if (!isObject(receivers)) return []
  const { document } = context
  const fallbackOf = (name: string) => ownProperty(ownProperty(receivers, name), 'fallback')
  const all = Object.keys(receivers)
  return all.flatMap((name) => {
    const path = ['receivers', name, 'fallback']
    const fallback = fallbackOf(name)
    if (typeof fallback !== 'string' || isBroken(context, path)) return []
    const written = quote(document.scalar(path)?.text ?? '')
    const report = (code: 'unknown_receiver' | 'wrong_fallback', message: string, hint: string) => [
      error(code, document.file, document.at(path), message, hint),
    ]
    if (!Object.hasOwn(receivers, fallback))
      return report('unknown_receiver', `unknown receiver ${written}`, meant(fallback, all))
    const names = wayOf(name, fallbackOf)
    // A loop is reported once, for its first receiver.
    if (names.at(-1) === name) {
      if (all.find((other) => names.includes(other)) !== name) return []
      const message = `the fallbacks form a loop: ${names.join(' > ')}`
      return report('wrong_fallback', message, 'choose a fallback outside this loop, or remove it')
    }
    const settings = ownProperty(receivers, fallback)
    if (isObject(settings) && Object.keys(settings).length === 0)
      return report(
        'wrong_fallback',
        `the receiver ${written} has no channel, and so sends nothing`,
        'choose a receiver that has one',
      )
    return []
  })
}

/** Follows fallbacks from a receiver, until one has none or appears again. */
function wayOf(start: string, fallbackOf: (name: string) => unknown): readonly string[] {
  const names = [start]
  for (let next = fallbackOf(start); typeof next === 'string'; next = fallbackOf(next)) {
    const isAgain = names.includes(next)
    names.push(next)
    if (isAgain) break
  }
  return names
}

function checkTemplate(name: unknown, path: Path, context: Context): Problem[] {
  const { templates, document } = context
  if (typeof name !== 'string' || templates === null || templates.has(name) || isBroken(context, path))
    return []
  const message = `unknown template ${quote(document.scalar(path)?.text ?? '')}`
  return [error('unknown_template', document.file, document.at(path), message, meant(name, [...templates]))]
}
