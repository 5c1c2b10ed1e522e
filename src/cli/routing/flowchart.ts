/** The routes as a Mermaid flowchart. Every label is quoted and escaped, so that no name can change the chart. */

import type { Destination } from '../../core/delivery/destination.ts'
import { describe } from '../../core/match/describe.ts'
import type { RouteNode, Router } from '../../core/routing/route.ts'

type Destinations = ReadonlyMap<string, readonly Destination[]>

interface Chart {
  readonly lines: string[]
  /** The node of each receiver. */
  readonly receivers: ReadonlyMap<string, string>
}

/** Solid arrows: the way of events. Dotted arrows: the next route, if this one does not match. */
export function flowchart(
  { routes, unrouted }: Pick<Router, 'routes' | 'unrouted'>,
  destinations: Destinations,
): string {
  const chart: Chart = {
    lines: ['flowchart LR', '  events(["events"])'],
    receivers: new Map([...destinations.keys()].map((name, index) => [name, `receiver${index}`])),
  }
  for (const [name, ofReceiver] of destinations) drawReceiver(chart, name, ofReceiver)
  arrow(chart, 'events', 'route0')
  drawLevel(chart, routes, 'route')
  drawUnrouted(chart, routes, unrouted)
  return chart.lines.join('\n')
}

/** Not drawn if a route without a match takes every remaining event. */
function drawUnrouted(chart: Chart, routes: readonly RouteNode[], unrouted: Router['unrouted']): void {
  if (routes.some(({ match }) => match === null)) return
  const words = unrouted === null ? 'stored and counted as unrouted' : 'events that no route takes'
  chart.lines.push(`  unrouted["${words}"]`, `  route${routes.length - 1} -. "no route took it" .-> unrouted`)
  for (const name of unrouted?.receivers ?? []) arrow(chart, 'unrouted', idOf(chart, name))
}

function drawReceiver({ lines, receivers }: Chart, name: string, ofReceiver: readonly Destination[]): void {
  const shown = ofReceiver.map(({ channel, target }) =>
    channel === target ? channel : `${channel} ${target}`,
  )
  lines.push(`  ${receivers.get(name)}([${label([name, ...shown])}])`)
}

/** Siblings are tried one after another; each one's own routes before it takes the event itself. */
function drawLevel(chart: Chart, routes: readonly RouteNode[], prefix: string): void {
  for (const [index, { taken, match, continues, inherits, routes: below }] of routes.entries()) {
    const id = `${prefix}${index}`
    const template = taken.template === null ? [] : [`template ${taken.template}`]
    const condition = match === null ? 'any event' : describe(match)
    chart.lines.push(`  ${id}[${label([taken.route, condition, ...template])}]`)
    if (below.length > 0) {
      drawLevel(chart, below, `${id}_`)
      arrow(chart, id, `${id}_0`, 'first')
    }
    const why = [...(below.length > 0 ? ['else'] : []), ...(inherits.receivers ? ['inherited'] : [])].join(
      ', ',
    )
    for (const name of taken.receivers) arrow(chart, id, idOf(chart, name), why)
    if (index === routes.length - 1) continue
    const next = `${prefix}${index + 1}`
    if (continues) arrow(chart, id, next, 'then')
    else if (match !== null) chart.lines.push(`  ${id} -. "no match" .-> ${next}`)
  }
}

function arrow({ lines }: Chart, from: string, to: string, words = ''): void {
  lines.push(words === '' ? `  ${from} --> ${to}` : `  ${from} -- "${words}" --> ${to}`)
}

function idOf({ receivers }: Chart, name: string): string {
  const id = receivers.get(name)
  if (id === undefined) throw new Error(`a route names a receiver without destinations: ${name}`)
  return id
}

function label(lines: readonly string[]): string {
  return `"${lines.map(escaped).filter(Boolean).join('<br/>')}"`
}

/**
 * Mermaid interprets Markdown, HTML, icons, formulas and comments in a label: everything but letters, digits and harmless
 * punctuation becomes an entity. A list or a heading can only begin at the start of a line.
 */
function escaped(text: string): string {
  return text
    .replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]+/gu, ' ')
    .replaceAll(/[^\p{L}\p{M}\p{N} .,/()@=-]/gu, entity)
    .replace(/^[^\p{L}]/u, (first) => (first.startsWith('#') ? first : entity(first)))
}

function entity(char: string): string {
  return `#${char.codePointAt(0)};`
}
