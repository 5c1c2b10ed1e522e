/**
 * When each alert of packaging/prometheus/alerts.yaml fires, and when it does not: for promtool's own unit tests. Each case holds
 * for one instance, and for three on one store of which the first has what the case says.
 */
import { sharedGauges } from '../monitoring/packaged.ts'

export interface AlertCase {
  readonly name: string
  /** In promtool's notation, one value a minute; without them `job` and `instance` are added. */
  readonly series: Readonly<Record<string, string>>
  /** When it is looked at. */
  readonly at: string
  /** The labels of each that fires then, without job, instance and severity. */
  readonly firing: readonly Readonly<Record<string, string>>[]
}

const steady = '5x60'
const failures = (reason: string) =>
  `hookbridge_verification_failures_total{source="cuuro",reason="${reason}"}`
const events = (result: string, type = 'a') =>
  `hookbridge_events_total{source="cuuro",type="${type}",result="${result}"}`
const deliveries = (outcome: string) =>
  `hookbridge_deliveries_total{channel="slack",receiver="deals",outcome="${outcome}"}`
const depth = (state: string) => `hookbridge_queue_depth{channel="slack",state="${state}"}`
const heartbeats = (result: string) => `hookbridge_heartbeats_total{result="${result}"}`
const rejected = (code: string) => `hookbridge_requests_rejected_total{code="${code}"}`
const lag = (le: string) => `hookbridge_event_loop_lag_seconds_bucket{le="${le}"}`
const commit = (le: string) => `hookbridge_store_commit_duration_seconds_bucket{le="${le}"}`
const up = (instance: string) => `up{job="hookbridge",instance="${instance}"}`
/** A series of each of three instances. */
const ofThree = (metric: string, values: readonly [string, string, string]) =>
  Object.fromEntries(values.map((one, index) => [onInstance(metric, index), one]))
const cuuro = { source: 'cuuro' }
const deals = { channel: 'slack', receiver: 'deals' }

export const alertCases: Readonly<Record<string, readonly AlertCase[]>> = {
  HookbridgeDown: [
    { name: 'it does not answer', series: { up: '1 1 0x10' }, at: '5m', firing: [{}] },
    { name: 'it answers', series: { up: '1x10' }, at: '5m', firing: [] },
    { name: 'a scrape was lost', series: { up: '1 1 1 0 1 1' }, at: '3m', firing: [] },
  ],
  HookbridgeInstanceDown: [
    {
      name: 'one of three',
      series: { [up('a')]: '1x20', [up('b')]: '0x20', [up('c')]: '1x20' },
      at: '6m',
      firing: [{}],
    },
    { name: 'all of them', series: { [up('a')]: '0x20', [up('b')]: '0x20' }, at: '6m', firing: [] },
    {
      name: 'it is replaced',
      series: { [up('a')]: '1x20', [up('b')]: '1 0 0 _x20', [up('c')]: '_ _ 1x20' },
      at: '8m',
      firing: [],
    },
    {
      name: 'the one that answers has another store',
      series: { [up('a')]: '0x20', 'up{job="hookbridge-test",instance="b"}': '1x20' },
      at: '6m',
      firing: [],
    },
  ],
  HookbridgeAbsent: [
    { name: 'nobody is watched', series: { 'up{job="node"}': '1x10' }, at: '6m', firing: [{}] },
    { name: 'another name', series: { 'up{job="hookbridge-live"}': '1x10' }, at: '6m', firing: [] },
    { name: 'it is down, but watched', series: { up: '0x10' }, at: '6m', firing: [] },
  ],
  HookbridgeRestarting: [
    { name: 'five starts', series: { process_start_time_seconds: '1 2 3 4 5' }, at: '5m', firing: [{}] },
    { name: 'one start', series: { process_start_time_seconds: '1 1 2 2 2' }, at: '5m', firing: [] },
  ],
  HookbridgeVerificationFailing: [
    {
      name: 'the secret is wrong',
      series: { [failures('wrong_signature')]: '0+1x60', [events('stored')]: '0x60' },
      at: '25m',
      firing: [cuuro],
    },
    {
      name: 'the clock is wrong',
      series: { [failures('timestamp_out_of_range')]: '0+1x60', [events('stored')]: '0x60' },
      at: '25m',
      firing: [cuuro],
    },
    {
      name: 'a scanner among many events',
      series: { [failures('wrong_signature')]: '0+1x60', [events('stored')]: '0+9x60' },
      at: '25m',
      firing: [],
    },
    {
      name: 'a browser, which signs nothing',
      series: { [failures('missing_signature')]: '0+9x60', [events('stored')]: '0x60' },
      at: '25m',
      firing: [],
    },
    {
      name: 'a few at each of three instances',
      series: {
        ...ofThree(failures('wrong_signature'), ['0x20 1 2 3x20', '0x20 1 2 3x20', '0x20 1 2 3x20']),
        [events('stored')]: '0x60',
      },
      at: '29m',
      firing: [cuuro],
    },
    {
      name: 'two in a quarter of an hour',
      series: { [failures('wrong_signature')]: '0x20 1 2x20', [events('stored')]: '0x60' },
      at: '28m',
      firing: [],
    },
  ],
  HookbridgeEventsUnrouted: [
    { name: 'one', series: { [events('unrouted')]: '0x9 1x20' }, at: '12m', firing: [cuuro] },
    {
      name: 'the first of a type that was never seen',
      series: { [events('unrouted')]: '0x30', [events('unrouted', 'new')]: '_x9 1x20' },
      at: '12m',
      firing: [cuuro],
    },
    {
      name: 'all are routed',
      series: { [events('unrouted')]: '0x30', [events('stored')]: '0+5x30' },
      at: '12m',
      firing: [],
    },
    { name: 'some, an hour ago', series: { [events('unrouted')]: steady }, at: '50m', firing: [] },
    {
      name: 'one instance starts again',
      series: ofThree(events('unrouted'), [steady, '5x10 0x50', steady]),
      at: '14m',
      firing: [],
    },
    {
      name: 'some at each instance',
      series: ofThree(events('unrouted'), ['0x9 1x20', '0x9 2x20', '0x9 3x20']),
      at: '12m',
      firing: [cuuro],
    },
  ],
  HookbridgeEventsQuarantined: [
    { name: 'one', series: { [events('quarantined', '')]: '0x9 1x20' }, at: '12m', firing: [cuuro] },
    { name: 'some, an hour ago', series: { [events('quarantined', '')]: steady }, at: '50m', firing: [] },
  ],
  HookbridgeRequestsTurnedAway: [
    {
      name: 'overloaded',
      series: { [rejected('overloaded')]: '0+5x60' },
      at: '25m',
      firing: [{ code: 'overloaded' }],
    },
    {
      name: 'every instance is overloaded',
      series: ofThree(rejected('overloaded'), ['0+5x60', '0+5x60', '0+5x60']),
      at: '25m',
      firing: [{ code: 'overloaded' }],
    },
    {
      name: 'unverified',
      series: { [rejected('rate_limited')]: '0+5x60' },
      at: '25m',
      firing: [{ code: 'rate_limited' }],
    },
    { name: 'a moment', series: { [rejected('overloaded')]: '0x5 9x60' }, at: '25m', firing: [] },
    { name: 'other errors', series: { [rejected('not_found')]: '0+5x60' }, at: '25m', firing: [] },
  ],
  HookbridgeInternalErrors: [
    {
      name: 'one',
      series: { [rejected('internal')]: '0x9 1x20' },
      at: '12m',
      firing: [{ code: 'internal' }],
    },
    {
      name: 'none',
      series: { [rejected('internal')]: '0x30', [rejected('bad_request')]: '0+1x30' },
      at: '12m',
      firing: [],
    },
  ],
  HookbridgeDeliveriesParked: [
    { name: 'some', series: { [depth('parked')]: '2x20' }, at: '6m', firing: [{ channel: 'slack' }] },
    { name: 'resent before long', series: { [depth('parked')]: '2 2 2 0x20' }, at: '6m', firing: [] },
    {
      name: 'others wait',
      series: { [depth('parked')]: '0x20', [depth('retrying')]: '9x20' },
      at: '6m',
      firing: [],
    },
  ],
  HookbridgeDeliveriesDead: [
    { name: 'one', series: { [deliveries('dead')]: '0x9 1x20' }, at: '12m', firing: [deals] },
    {
      name: 'one at each instance',
      series: ofThree(deliveries('dead'), ['0x9 1x20', '0x9 1x20', '0x9 1x20']),
      at: '12m',
      firing: [deals],
    },
    {
      name: 'none',
      series: { [deliveries('dead')]: '3x30', [deliveries('delivered')]: '0+5x30' },
      at: '12m',
      firing: [],
    },
  ],
  HookbridgeDestinationFailing: [
    {
      name: 'three in a row',
      series: {
        'hookbridge_destination_consecutive_failures{channel="slack",receiver="deals"}': '0 1 2 3x20',
      },
      at: '9m',
      firing: [deals],
    },
    {
      name: 'two, and then one that succeeds',
      series: {
        'hookbridge_destination_consecutive_failures{channel="slack",receiver="deals"}': '1 2 2 2 0x20',
      },
      at: '9m',
      firing: [],
    },
  ],
  HookbridgeQueueTooOld: [
    {
      name: 'later and later',
      series: { 'hookbridge_queue_oldest_due_age_seconds{channel="slack"}': '0+60x60' },
      at: '20m',
      firing: [{ channel: 'slack' }],
    },
    {
      name: 'it keeps up',
      series: { 'hookbridge_queue_oldest_due_age_seconds{channel="slack"}': '0 30 300 599 30x60' },
      at: '20m',
      firing: [],
    },
  ],
  HookbridgeStoreFailing: [
    {
      name: 'again and again',
      series: { 'hookbridge_store_failures_total{during="append"}': '0+2x20' },
      at: '5m',
      firing: [{ during: 'append' }],
    },
    {
      name: 'the database is away',
      series: ofThree('hookbridge_store_failures_total{during="append"}', ['0+2x20', '0+1x20', '0+3x20']),
      at: '5m',
      firing: [{ during: 'append' }],
    },
    {
      name: 'never',
      series: { 'hookbridge_store_failures_total{during="append"}': '7x20' },
      at: '5m',
      firing: [],
    },
  ],
  HookbridgeCommitsSlow: [
    {
      name: 'a slow disk',
      series: { [commit('0.1')]: '0+1x60', [commit('1')]: '0+9x60', [commit('+Inf')]: '0+9x60' },
      at: '30m',
      firing: [{}],
    },
    {
      name: 'one in a hundred is slow',
      series: { [commit('0.1')]: '0+99x60', [commit('1')]: '0+100x60', [commit('+Inf')]: '0+100x60' },
      at: '30m',
      firing: [],
    },
    {
      name: 'nothing is written',
      series: { [commit('0.1')]: '7x60', [commit('1')]: '9x60', [commit('+Inf')]: '9x60' },
      at: '30m',
      firing: [],
    },
  ],
  HookbridgeEventLoopSlow: [
    {
      name: 'busy',
      series: { [lag('0.1')]: '0+400x60', [lag('0.25')]: '0+600x60', [lag('+Inf')]: '0+600x60' },
      at: '30m',
      firing: [{}],
    },
    {
      name: 'short stops',
      series: { [lag('0.1')]: '0+590x60', [lag('0.25')]: '0+600x60', [lag('+Inf')]: '0+600x60' },
      at: '30m',
      firing: [],
    },
  ],
  HookbridgeReloadFailed: [
    {
      name: 'mistakes',
      series: { hookbridge_config_last_reload_successful: '1 0x20' },
      at: '8m',
      firing: [{}],
    },
    {
      name: 'mistakes that all instances read',
      series: ofThree('hookbridge_config_last_reload_successful', ['1 0x20', '1 0x20', '1 1 0x20']),
      at: '9m',
      firing: [{}],
    },
    {
      name: 'fixed soon',
      series: { hookbridge_config_last_reload_successful: '1 0 0 1x20' },
      at: '8m',
      firing: [],
    },
  ],
  HookbridgeHeartbeatMissing: [
    {
      name: 'the monitor does not answer',
      series: { [heartbeats('failed')]: '0+1x60', [heartbeats('sent')]: '5x60' },
      at: '20m',
      firing: [{}],
    },
    {
      name: 'the service does not work',
      series: { [heartbeats('withheld')]: '0+1x60', [heartbeats('sent')]: '5x60' },
      at: '20m',
      firing: [{}],
    },
    {
      name: 'some are lost',
      series: { [heartbeats('failed')]: '0+1x60', [heartbeats('sent')]: '0+1x60' },
      at: '20m',
      firing: [],
    },
    {
      name: 'there is no server.heartbeat_url',
      series: { [heartbeats('failed')]: '0x60', [heartbeats('sent')]: '0x60' },
      at: '20m',
      firing: [],
    },
  ],
}

/** The cases as a file for `promtool test rules`, as JSON, which is YAML. */
export function promtoolTests(ruleFile: string): string {
  const tests = Object.entries(alertCases).flatMap(([alert, cases]) =>
    cases
      .flatMap((one) => [1, 3].map((instances) => ({ ...one, instances })))
      .map(({ name, series, at, firing, instances }) => ({
        name: `${alert}, ${instances} instances: ${name}`,
        interval: '1m',
        input_series: Object.entries(series).flatMap(([metric, values]) =>
          onInstances(metric, values, instances),
        ),
        promql_expr_test: [
          {
            // Without what every alert has, and what differs is what the case says.
            expr: `sum without (job, instance, severity) (ALERTS{alertname="${alert}",alertstate="firing"})`,
            eval_time: at,
            exp_samples: firing.map((labels) => ({
              labels: `{${pairs({ alertname: alert, alertstate: 'firing', ...labels })}}`,
              value: 1,
            })),
          },
        ],
      })),
  )
  return JSON.stringify({ rule_files: [ruleFile], evaluation_interval: '1m', tests }, null, 2)
}

/** What each of them reports. Those that share a store agree on what is in it; of all else, only the first has what the case says. */
function onInstances(metric: string, values: string, count: number) {
  if (metric.includes('job=')) return [{ series: metric, values }]
  const name = nameOf(metric)
  const isShared = name === 'up' || sharedGauges.includes(name)
  const others = isShared ? values : (restingAt.get(name) ?? '0x60')
  return Array.from({ length: count }, (_, index) => ({
    series: onInstance(metric, index),
    values: index === 0 ? values : others,
  }))
}

/** Of an instance to which nothing happens. */
const restingAt = new Map([
  ['process_start_time_seconds', '1x60'],
  ['hookbridge_config_last_reload_successful', '1x60'],
])

function nameOf(metric: string): string {
  return metric.replace(/\{.*/, '')
}

function onInstance(metric: string, index: number): string {
  const [labels = ''] = /(?<=\{).*(?=\})/.exec(metric) ?? []
  const target = ['job="hookbridge"', `instance="127.0.0.${index + 1}:8080"`]
  return `${nameOf(metric)}{${[...target, ...(labels === '' ? [] : [labels])].join(',')}}`
}

function pairs(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .map(([label, value]) => `${label}="${value}"`)
    .join(',')
}
