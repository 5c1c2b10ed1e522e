import type { DeliveryRecord } from '../../src/store/store.ts'
import { type MailServer, startMailServer } from './mail-server.ts'
import { type SlackServer, startSlackServer } from './slack/server.ts'

export interface Sinks {
  readonly slack: SlackServer
  readonly mail: MailServer
}

export async function startSinks(
  t: { teardown(action: () => Promise<void>): unknown },
  delay = 0,
): Promise<Sinks> {
  const slack = await startSlackServer({ delay })
  const mail = await startMailServer({ delay })
  t.teardown(async () => {
    await slack.close()
    await mail.close()
  })
  return { slack, mail }
}

/** How often each delivery's message arrived, by delivery id: every message carries it. */
export function arrivals({ slack, mail }: Sinks): Map<string, number> {
  const ids = [
    ...slack.messages.map(({ metadata }) => /dlv_\w+/.exec(JSON.stringify(metadata ?? ''))?.[0]),
    ...mail.messages.map(({ raw }) => /^X-Hookbridge-Delivery: (\S+)/im.exec(String(raw))?.[1]),
  ]
  const counts = new Map<string, number>()
  for (const id of ids) {
    if (id === undefined) throw new Error('a message came without its delivery id')
    counts.set(id, (counts.get(id) ?? 0) + 1)
  }
  return counts
}

/** Deliveries that arrived more often than their recorded ambiguous attempts explain, or not at all. */
export function unexplained(sinks: Sinks, deliveries: readonly DeliveryRecord[]): string[] {
  const counts = arrivals(sinks)
  return deliveries.flatMap((delivery) => {
    const arrived = counts.get(delivery.id) ?? 0
    const ambiguous = delivery.history.filter(({ outcome }) => outcome.kind === 'ambiguous').length
    return arrived >= 1 && arrived <= 1 + ambiguous
      ? []
      : [`${delivery.id}: ${arrived} arrived, ${ambiguous} ambiguous`]
  })
}
