import type { CompiledConfig } from '../../config/compiled.ts'
import { describe } from '../../core/match/describe.ts'
import type { QuietHours, RouteMatch, RouteNode } from '../../core/routing/route.ts'
import { load } from '../config/load.ts'
import type { Define } from '../context.ts'
import { printTable } from '../terminal/table.ts'
import { CommandError, print, printJson, type Terminal } from '../terminal/terminal.ts'
import { flowchart } from './flowchart.ts'
import { drawRoutes } from './route-tree.ts'

export const defineRoutes: Define = (command, context) => {
  command
    .option('--mermaid', 'print a Mermaid flowchart, for a README or a wiki')
    .option('--json', 'print JSON')
    .action((options: { mermaid?: boolean; json?: boolean }) => {
      if (options.mermaid && options.json) throw new CommandError('give either --mermaid or --json', 2)
      const compiled = load(context)
      if (options.json) printJson(context.terminal, asJson(compiled))
      else if (options.mermaid) print(context.terminal, flowchart(compiled.router, compiled.destinations))
      else show(context.terminal, compiled)
    })
}

function show(terminal: Terminal, { router, destinations }: CompiledConfig): void {
  print(terminal, drawRoutes(terminal, router).join('\n'))
  print(terminal, '')
  const rows = [...destinations].flatMap(([receiver, ofReceiver]) =>
    ofReceiver.map((destination) => ({ receiver, ...destination })),
  )
  printTable(terminal, rows, [
    { title: 'RECEIVER', value: ({ receiver }) => receiver, shrinks: 'end' },
    { title: 'CHANNEL', value: ({ channel }) => channel },
    { title: 'TARGET', value: ({ target }) => target, shrinks: 'end' },
  ])
}

function asJson({ router, destinations }: CompiledConfig) {
  return {
    routes: router.routes.map(routeJson),
    unrouted: router.unrouted === null ? null : { receivers: router.unrouted.receivers },
    receivers: Object.fromEntries(
      [...destinations].map(([name, ofReceiver]) => [
        name,
        ofReceiver.map(({ channel, target }) => ({ channel, target })),
      ]),
    ),
  }
}

interface RouteJson extends Omit<RouteMatch, 'muting'>, QuietHours {
  readonly match: string | null
  readonly continue: boolean
  readonly inherited: readonly string[]
  readonly routes: readonly RouteJson[]
}

function routeJson({ taken, match, continues, inherits, quietHours, routes }: RouteNode): RouteJson {
  const { muting: _muting, ...shown } = taken
  return {
    ...shown,
    ...quietHours,
    match: match === null ? null : describe(match),
    continue: continues,
    inherited: (['receivers', 'template'] as const).filter((key) => inherits[key]),
    routes: routes.map(routeJson),
  }
}
