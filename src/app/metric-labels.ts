import type { CompiledConfig } from '../config/compiled.ts'
import type { Match } from '../core/match/match.ts'
import { NOTICE_TEMPLATE } from '../core/notice/notice.ts'
import type { RouteNode } from '../core/routing/route.ts'
import type { MetricLabels } from '../http/metrics/labels.ts'

/** The labels that this configuration can produce: their metrics start at 0. */
export function metricLabelsOf({
  config,
  router,
  destinations: byReceiver,
  fallbacks,
  templates,
}: CompiledConfig): MetricLabels {
  const destinations = [...byReceiver].flatMap(([receiver, ofReceiver]) =>
    [...Map.groupBy(ofReceiver, ({ channel }) => channel)].map(([channel, ofChannel]) => ({
      channel,
      receiver,
      targets: ofChannel.map(({ target }) => target),
    })),
  )
  const nodes = router.routes.flatMap(withBelow)
  const ofRoutes = new Set(nodes.map(({ taken }) => taken.template))
  const types = [
    ...nodes.flatMap(({ match }) => (match === null ? [] : typesIn(match))),
    ...Object.keys(config.links?.byType ?? {}).filter(isLiteral),
    // A folder of templates that no route names is there for its event type.
    ...[...templates.names].filter(
      (name) => name !== 'default' && name !== NOTICE_TEMPLATE && !ofRoutes.has(name),
    ),
  ]
  return {
    sources: Object.keys(config.sources),
    types: [...new Set(types)],
    steps: config.enrich.map(({ name }) => name),
    channels: [...new Set(destinations.map(({ channel }) => channel))],
    destinations,
    fallbacks: [...fallbacks.keys()],
  }
}

function withBelow(node: RouteNode): readonly RouteNode[] {
  return [node, ...node.routes.flatMap(withBelow)]
}

/** The event types that a match names in full. */
function typesIn(match: Match): readonly string[] {
  if (match.kind === 'not') return typesIn(match.part)
  if (match.kind !== 'field') return match.parts.flatMap(typesIn)
  if (match.path !== 'type' && match.path !== 'event.type') return []
  // The value of a variable may be a secret.
  return literalsIn(match.written)
}

function literalsIn(wanted: unknown): readonly string[] {
  if (Array.isArray(wanted)) return wanted.flatMap(literalsIn)
  if (typeof wanted === 'object' && wanted !== null) return 'in' in wanted ? literalsIn(wanted.in) : []
  return typeof wanted === 'string' && isLiteral(wanted) ? [wanted] : []
}

/** Neither a wildcard nor a variable. */
function isLiteral(text: string): boolean {
  return !/[*\\$]/.test(text)
}
