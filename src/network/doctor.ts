import { type Finding, fine, warning, wrong } from '../core/finding.ts'
import { type Env, type HttpProxy, type ProxyProblem, readProxies } from './proxies.ts'

/** What the proxy variables say; no findings if none is set. Makes no connection. */
export function checkProxies(env: Env): readonly Finding[] {
  const { proxies, problems } = readProxies(env)
  const { https, http } = proxies
  const used = [https, http].filter((proxy): proxy is HttpProxy => proxy !== null)
  const listed = used.map(({ variable, name }) => `${name} (${variable})`).join(' and ')
  const mail =
    'Mail does not: this machine must reach the mail server itself. Nor does anything to a loopback address or to a host of NO_PROXY.'
  return [
    ...problems.map(finding),
    ...(used.length === 0
      ? []
      : [{ ...fine('proxy', `HTTP goes out through the proxy ${listed}`), meaning: mail }]),
  ]
}

function finding({ level, message, hint }: ProxyProblem): Finding {
  return level === 'wrong'
    ? wrong('proxy_variable', message, 'Nothing can be sent through it: the service does not start.', hint)
    : warning('proxy_variable', message, '', hint)
}
