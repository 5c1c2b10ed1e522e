import type { ChannelEnvironment } from '../../src/channels/channel.ts'
import { noProxies } from '../../src/network/proxies.ts'

/** The time limit of an attempt that is to have an answer, on a machine however busy. */
export const IN_TIME_MS = 60_000

/** What a channel is opened with. */
export function channelEnvironment(
  timeout = IN_TIME_MS,
  more: Partial<ChannelEnvironment> = {},
): ChannelEnvironment {
  return {
    timeout,
    proxies: noProxies,
    print: () => {},
    // Tests may replace it.
    now: () => Date.now(),
    beganAt: performance.timeOrigin,
    ...more,
  }
}
