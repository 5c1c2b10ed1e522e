/** Warnings about what a valid configuration defines but never uses. */

import { NOTICE_SOURCE, noticeTypes } from '../../core/notice/notice.ts'
import type { Interpolated } from '../file/interpolate.ts'
import { conceal } from '../file/origin.ts'
import { type Path, type Problem, type ProblemCode, warning } from '../problem.ts'
import type { Config } from '../schema/schema.ts'
import { checkReach } from './match/reach.ts'

type Route = Config['routes'][number]

/** `ownTemplates`: the operator's templates that do not ship with the product. */
export function checkUsage(
  config: Config,
  ownTemplates: readonly string[],
  { document, origins }: Pick<Interpolated, 'document' | 'origins'>,
): Problem[] {
  const warn = (code: ProblemCode, path: Path, message: string, hint: string) =>
    warning(code, document.file, document.keyAt(path), message, hint)
  const lineOf = (path: Path) => document.at(path).line
  const sources = Object.keys(config.sources)
  const { unreachable, mayTake } = checkReach(config.routes, ['routes'], { sources }, lineOf)
  const forNotices = checkReach(
    config.notices?.routes ?? [],
    ['notices', 'routes'],
    { sources: [NOTICE_SOURCE], types: noticeTypes },
    lineOf,
  )
  const routes = config.routes.flatMap(withBelow)
  const ofNotices = (config.notices?.routes ?? []).flatMap(withBelow)
  const used = [
    ...[...routes, ...ofNotices].flatMap(({ receivers }) => receivers ?? []),
    ...(config.unrouted?.receivers ?? []),
    ...(config.notices?.receivers ?? []),
    ...Object.values(config.receivers).map(({ fallback }) => fallback),
  ]
  const unusedReceivers = Object.keys(config.receivers)
    .filter((name) => !used.includes(name))
    .map((name) => {
      const message = `the receiver "${name}" is never used`
      return warn('unused_receiver', ['receivers', name], message, 'name it in a route, or remove it')
    })
  const problems = [
    ...[...unreachable, ...forNotices.unreachable].map(({ code, path, message, hint }) =>
      warning(code, document.file, document.at(path), conceal(message, path, origins), hint),
    ),
    ...unusedReceivers,
  ]
  // `unrouted` uses any source and template, and an unreachable route may be meant to use them.
  if (config.unrouted !== undefined || unreachable.some(({ code }) => code !== 'no_receivers'))
    return problems
  const unusedSources = sources
    .filter((name) => !mayTake('source', name))
    .map((name) => {
      const message = `no route takes the events of the source "${name}"`
      return warn('unused_source', ['sources', name], message, 'add a route for them, or remove it')
    })
  const named = new Set([...routes, ...ofNotices].map(({ template }) => template))
  const unusedTemplates = ownTemplates
    .filter((name) => name !== 'default' && !named.has(name) && !mayTake('type', name))
    .map((name) => {
      const message = `the template "${name}" is never used: no route names it, and none takes events of that type`
      return warn('unused_template', ['templates'], message, 'name it in a route, or remove its folder')
    })
  return [...problems, ...unusedSources, ...unusedTemplates]
}

/** A route and all below it. */
export function withBelow(route: Route): Route[] {
  return [route, ...(route.routes ?? []).flatMap(withBelow)]
}
