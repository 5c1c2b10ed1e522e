/** The routes as a tree of lines. */
import { describe } from '../../core/match/describe.ts'
import type { QuietHours, RouteNode, Router } from '../../core/routing/route.ts'
import { padTo, widthOf } from '../../core/text/width.ts'
import { colour, printable, type Terminal, textWidth, wrap } from '../terminal/terminal.ts'

/** A line about a route: a keyword and a text, which may wrap. */
export interface Remark {
  readonly key: string
  readonly text: string
  /** Shown dimmed. */
  readonly faint?: boolean
}

export interface Branch {
  readonly title: string
  readonly remarks: readonly Remark[]
  readonly branches: readonly Branch[]
}

const KEY_WIDTH = 6
const NARROWEST = 16

export function drawRoutes(terminal: Terminal, router: Pick<Router, 'routes' | 'unrouted'>): string[] {
  return [
    colour(terminal, 'dim', 'tried in order; the first that matches takes the event'),
    ...drawTree(terminal, [...router.routes.map(branchOf), lastBranch(router)]),
  ]
}

/** Draws branches below each other, as wide as the terminal. */
export function drawTree(terminal: Terminal, branches: readonly Branch[]): string[] {
  return drawAll(terminal, branches, '', textWidth(terminal))
}

function branchOf({ taken, match, continues, inherits, quietHours, routes }: RouteNode): Branch {
  const { route, receivers, template } = taken
  const below = routes.length === 0 ? '' : ', when no route below it takes the event'
  const to = receivers.length === 0 ? 'no one' : receivers.join(', ')
  return {
    title: route,
    remarks: [
      { key: 'if', text: match === null ? 'any event' : describe(match) },
      { key: 'to', text: to + inherited(inherits.receivers) + below, faint: inherits.receivers },
      ...(template === null
        ? []
        : [
            {
              key: 'as',
              text: `template ${template}${inherited(inherits.template)}`,
              faint: inherits.template,
            },
          ]),
      ...quietRemarks(quietHours),
      ...(continues ? [{ key: '↓', text: 'then the next route is tried' }] : []),
    ],
    branches: routes.map(branchOf),
  }
}

function quietRemarks(quietHours: QuietHours): Remark[] {
  if (quietHours.critical) return [{ key: 'mute', text: 'never: it is critical' }]
  const { mute_time_intervals: mute, active_time_intervals: active, when_muted } = quietHours
  if (mute.length + active.length === 0) return []
  const times = [
    ...(mute.length === 0 ? [] : [`in ${mute.join(', ')}`]),
    ...(active.length === 0 ? [] : [`outside ${active.join(', ')}`]),
  ]
  const what = when_muted === 'drop' ? 'messages are dropped' : 'messages wait'
  return [{ key: 'mute', text: `${times.join(', ')}: ${what}` }]
}

function inherited(is: boolean): string {
  return is ? ' (inherited)' : ''
}

function lastBranch({ routes, unrouted }: Pick<Router, 'routes' | 'unrouted'>): Branch {
  const catcher = routes.find(({ match }) => match === null)
  const takers = unrouted === null ? 'no one; stored and counted as unrouted' : unrouted.receivers.join(', ')
  const text = catcher === undefined ? takers : `nothing: "${catcher.taken.route}" takes every event`
  return { title: 'events that no route takes', remarks: [{ key: 'to', text }], branches: [] }
}

function drawAll(terminal: Terminal, branches: readonly Branch[], indent: string, width: number): string[] {
  return branches.flatMap((branch, at) => {
    const isLast = at === branches.length - 1
    return drawOne(
      terminal,
      branch,
      { indent, stem: isLast ? '└─ ' : '├─ ', trunk: isLast ? '   ' : '│  ' },
      width,
    )
  })
}

interface Edges {
  readonly indent: string
  readonly stem: string
  readonly trunk: string
}

function drawOne(
  terminal: Terminal,
  branch: Branch,
  { indent, stem, trunk }: Edges,
  width: number,
): string[] {
  const edge = (text: string) => colour(terminal, 'dim', text)
  const inner = indent + trunk
  const beside = branch.branches.length > 0 ? '│  ' : '   '
  const room = (used: string, key = 0) => Math.max(NARROWEST, width - widthOf(used) - key)
  const title = wrap(printable(branch.title), room(indent + stem), true)
  const remarks = branch.remarks.flatMap(({ key, text, faint }) =>
    wrap(printable(text), room(inner + beside, KEY_WIDTH), true).map((line, at) => {
      const front = padTo(at === 0 ? key : '', KEY_WIDTH)
      return edge(inner + beside + front) + (faint ? edge(line) : line)
    }),
  )
  return [
    ...title.map(
      (line, at) =>
        edge(indent + (at === 0 ? stem : inner.slice(indent.length))) + colour(terminal, 'bold', line),
    ),
    ...remarks,
    ...drawAll(terminal, branch.branches, inner, width),
  ]
}
