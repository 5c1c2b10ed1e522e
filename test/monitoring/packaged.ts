/** The expressions of packaging/: alert rules and dashboard, each with where it stands. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parse } from 'yaml'
import { z } from 'zod'

export const rulesFile = fileURLToPath(new URL('../../packaging/prometheus/alerts.yaml', import.meta.url))
const dashboardFile = fileURLToPath(new URL('../../packaging/grafana/dashboard.json', import.meta.url))

const rules = z.strictObject({
  groups: z.array(
    z.strictObject({
      name: z.string(),
      rules: z.array(
        z.strictObject({
          alert: z.string().regex(/^Hookbridge[A-Z]\w+$/),
          expr: z.string(),
          for: z.string().optional(),
          labels: z.strictObject({ severity: z.enum(['critical', 'warning']) }),
          annotations: z.strictObject({
            summary: z.string().min(10),
            description: z.string().min(20),
            runbook: z.string().min(20),
          }),
        }),
      ),
    }),
  ),
})
const source = z.looseObject({ type: z.literal('prometheus'), uid: z.literal('${datasource}') })
const panel = z.looseObject({
  id: z.int().positive(),
  type: z.enum(['row', 'stat', 'timeseries', 'heatmap', 'table']),
  title: z.string().min(1),
  gridPos: z.strictObject({
    x: z.int().min(0),
    y: z.int().min(0),
    w: z.int().min(1),
    h: z.int().min(1),
  }),
  datasource: source.optional(),
  targets: z
    .array(z.looseObject({ refId: z.string().regex(/^[A-Z]$/), expr: z.string(), datasource: source }))
    .optional(),
})
/** What Grafana wants of a dashboard that is imported. */
const dashboard = z.looseObject({
  id: z.null(),
  uid: z.string().min(1),
  title: z.string(),
  schemaVersion: z.int().min(36),
  panels: z.array(panel).min(10),
  templating: z.strictObject({
    list: z.array(
      z.looseObject({
        name: z.string(),
        type: z.enum(['datasource', 'query']),
        definition: z.string().optional(),
      }),
    ),
  }),
  annotations: z.strictObject({ list: z.array(z.looseObject({ name: z.string(), expr: z.string() })) }),
})

/** Read from the store: instances that share one all report the same. */
export const sharedGauges: readonly string[] = [
  'hookbridge_queue_depth',
  'hookbridge_queue_oldest_due_age_seconds',
  'hookbridge_destination_consecutive_failures',
  'hookbridge_destination_last_success_timestamp_seconds',
  'hookbridge_enrichments_waiting',
]

export type Rule = z.infer<typeof rules>['groups'][number]['rules'][number]
export type Dashboard = z.infer<typeof dashboard>

export function readRules(): Rule[] {
  return rules.parse(parse(readFileSync(rulesFile, 'utf8'))).groups.flatMap((group) => group.rules)
}

export function readDashboard(): Dashboard {
  return dashboard.parse(JSON.parse(readFileSync(dashboardFile, 'utf8')))
}

export interface Placed {
  readonly where: string
  readonly expression: string
}

/** Those of the dashboard: panels, annotations, and what fills its variables. */
export function dashboardExpressions({ panels, annotations, templating }: Dashboard): Placed[] {
  return [
    ...panels.flatMap(({ title, targets = [] }) =>
      targets.map(({ expr }) => ({ where: `panel ${title}`, expression: expr })),
    ),
    ...annotations.list.map(({ name, expr }) => ({ where: `annotation ${name}`, expression: expr })),
    ...templating.list.flatMap(({ name, definition }) => {
      if (definition === undefined) return []
      const [, metric, label] = /^label_values\((.+), (\w+)\)$/.exec(definition) ?? []
      if (metric === undefined || label === undefined) throw new Error(`variable ${name}: ${definition}`)
      return [{ where: `variable ${name}`, expression: `count by (${label}) (${metric})` }]
    }),
  ]
}

/** As Grafana fills them in. */
export function withoutVariables(expression: string): string {
  return expression.replaceAll('$__rate_interval', '1m').replaceAll(/\$\w+/g, '.*')
}
