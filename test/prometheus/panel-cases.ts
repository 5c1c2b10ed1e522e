/** What panels show of a store that three instances share, beside a service with a store of its own: promtool's unit tests. */
import { type Dashboard, withoutVariables } from '../monitoring/packaged.ts'

const instances = [
  'job="hookbridge",instance="a"',
  'job="hookbridge",instance="b"',
  'job="hookbridge",instance="c"',
]
const alone = 'job="hookbridge-test",instance="d"'

/** By metric and labels: what all three report, and what the fourth does. */
const reported: Readonly<Record<string, readonly [number, number]>> = {
  'hookbridge_queue_depth{channel="slack",state="parked"': [2, 5],
  'hookbridge_queue_depth{channel="email",state="parked"': [1, 0],
  'hookbridge_queue_depth{channel="slack",state="retrying"': [4, 7],
  'hookbridge_queue_oldest_due_age_seconds{channel="slack"': [30, 20],
  'hookbridge_destination_consecutive_failures{channel="slack",receiver="deals"': [3, 0],
}

const shown: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  'Waiting for a person': { '{}': 8 },
  'Oldest due delivery': { '{}': 30 },
  'Deliveries that wait': { '{state="parked"}': 8, '{state="retrying"}': 11 },
  'Age of the oldest due delivery': { '{channel="slack"}': 30 },
  Destinations: { '{channel="slack",receiver="deals"}': 3 },
}

/** A file for `promtool test rules`, as JSON, which is YAML. */
export function promtoolPanelTests({ panels }: Dashboard): string {
  const input = Object.entries(reported).flatMap(([metric, [shared, other]]) => [
    ...instances.map((target) => ({ series: `${metric},${target}}`, values: `${shared}x10` })),
    { series: `${metric},${alone}}`, values: `${other}x10` },
  ])
  const expressions = Object.entries(shown).map(([title, samples]) => {
    const expr = panels.find((panel) => panel.title === title && panel.targets !== undefined)?.targets?.[0]
      ?.expr
    if (expr === undefined) throw new Error(`there is no panel ${title}`)
    return {
      expr: withoutVariables(expr),
      eval_time: '5m',
      exp_samples: Object.entries(samples).map(([labels, value]) => ({ labels, value })),
    }
  })
  const tests = [{ name: 'one store', interval: '1m', input_series: input, promql_expr_test: expressions }]
  return JSON.stringify({ evaluation_interval: '1m', tests })
}
