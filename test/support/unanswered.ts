/** Deliveries to five channels of a Slack that carries requests out and loses the answers to some. */
import type { DeliveryRecord } from '../../src/store/store.ts'
import { seeded } from './seeded-random.ts'
import { type SlackServer, startSlackServer } from './slack/server.ts'

const channels = ['#a', '#b', '#c', '#d', '#e']
const LOST_SHARE = 0.2

/** `lookUps`: whether the app may read what was posted. */
export async function startLossySlack(
  t: { teardown(action: () => Promise<void>): unknown },
  lookUps: boolean,
): Promise<SlackServer> {
  const scopes = ['chat:write', 'channels:read', ...(lookUps ? ['channels:history'] : [])]
  const slack = await startSlackServer({ scopes, channels })
  t.teardown(() => slack.close())
  const random = seeded(14)
  slack.behave = () => (random() < LOST_SHARE ? 'accept-and-reset' : undefined)
  return slack
}

/** Every event makes five deliveries. The configuration but for server and store. */
export function toFiveChannels(slackUrl: string, timeout = '2s'): string {
  const receivers = channels.map((channel) => `  ${channel.slice(1)}: { slack: { channel: "${channel}" } }`)
  return `
sources:
  cuuro: { svix: { secrets: ["\${WEBHOOK_SECRET}"] } }
channels:
  slack: { token: "\${SLACK_BOT_TOKEN}", api_url: "${slackUrl}", rate: 1000/s, burst: 100 }
receivers:
${receivers.join('\n')}
routes:
  - receivers: [a, b, c, d, e]
delivery: { timeout: ${timeout} }
`
}

export interface Account {
  readonly state: string
  /** Messages in Slack. */
  readonly arrived: number
  /** Attempts that ended without an answer. */
  readonly unanswered: number
  /** Attempts that posted, and were answered. */
  readonly posted: number
  /** It was found that one of those without an answer had posted. */
  readonly found: boolean
}

export function accountsOf(slack: SlackServer, deliveries: readonly DeliveryRecord[]): readonly Account[] {
  const arrivals = Map.groupBy(
    slack.messages,
    ({ metadata }) => /dlv_\w+/.exec(JSON.stringify(metadata))?.[0],
  )
  return deliveries.map(({ id, state, history }) => {
    const of = (kind: string) => history.filter(({ outcome }) => outcome.kind === kind)
    const found = of('sent').filter(({ outcome }) => outcome.lookUp === 'found').length
    return {
      state,
      arrived: arrivals.get(id)?.length ?? 0,
      unanswered: of('ambiguous').length,
      posted: of('sent').length - found,
      found: found > 0,
    }
  })
}
