/**
 * Whether the host of server.heartbeat_url can be reached. No request is made, because a request with any method would count as a
 * heartbeat.
 */
import { type Finding, fine, wrong } from '../../core/finding.ts'
import type { Secret } from '../../core/secret.ts'
import { ConnectFailure, wordsOf } from '../../network/connect-failure.ts'
import { createConnector } from '../../network/connector.ts'
import type { Proxies } from '../../network/proxies.ts'

const STEPS = 4

/** `timeoutMs`: for making the whole connection. */
export async function heartbeatFinding(
  secret: Secret,
  timeoutMs: number,
  proxies: Proxies,
): Promise<Finding> {
  const { host, hostname, port, protocol } = new URL(secret.reveal())
  const hostSetting = 'server.heartbeat_url'
  const connect = createConnector({
    proxies,
    hostSetting,
    stepMs: Math.ceil(timeoutMs / STEPS),
    allowH2: true,
    trustSystem: true,
  })
  const { promise, resolve } = Promise.withResolvers<Error | null>()
  connect({ host, hostname, port, protocol }, (...[error, socket]) => {
    socket?.destroy()
    resolve(error)
  })
  const error = await promise
  const meaning = 'The log and the metrics of the service show whether it accepts heartbeats.'
  if (error === null) return { ...fine('heartbeat_ok', `${host} of ${hostSetting} can be reached`), meaning }
  const hint = error instanceof ConnectFailure ? error.hint : 'correct the URL, or open the firewall for it'
  const summary = `${host} of ${hostSetting} cannot be reached: ${wordsOf(error)}`
  return wrong('heartbeat_unreachable', summary, 'The monitor behind it will raise the alarm.', hint)
}
