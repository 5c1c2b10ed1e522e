import type { ChannelEnvironment } from '../../src/channels/channel.ts'
import { noProxies } from '../../src/network/proxies.ts'

/** What a channel is opened with. */
export function channelEnvironment(
  timeout: number,
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
