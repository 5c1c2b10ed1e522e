/** The part of a channel that finds out whether messages would arrive. */
import type { Finding } from '../core/finding.ts'
import type { Proxies } from '../network/proxies.ts'

export interface ChannelDoctor<Settings = unknown, Receiver = unknown> {
  /**
   * Checks, without sending a message, whether messages to these receivers would arrive. Does not throw whatever the
   * destination does, and always ends. No finding contains a secret. What cannot be checked is a finding too.
   * `timeoutMs`: how long to wait for each answer.
   */
  check(
    settings: Settings | undefined,
    receivers: ReadonlyMap<string, Receiver>,
    timeoutMs: number,
    proxies: Proxies,
  ): Promise<readonly Finding[]>
}
