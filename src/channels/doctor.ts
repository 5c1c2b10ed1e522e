/** The part of a channel that finds out whether messages would arrive. */
import type { Finding } from '../core/finding.ts'
import type { Proxies } from '../network/proxies.ts'

export interface ChannelDoctor<Settings = unknown, Receiver = unknown> {
  /**
   * Checks, without sending a message, whether messages to these receivers would arrive. Never throws for what the
   * destination does; ends by itself; no finding holds a secret. What cannot be found out is a finding too.
   * `timeoutMs`: how long to wait for each answer.
   */
  check(
    settings: Settings | undefined,
    receivers: ReadonlyMap<string, Receiver>,
    timeoutMs: number,
    proxies: Proxies,
  ): Promise<readonly Finding[]>
}
