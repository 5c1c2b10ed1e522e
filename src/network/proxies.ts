/** The proxies that HTTPS_PROXY, HTTP_PROXY and NO_PROXY name, and which requests go through them. */
import { Secret } from '../core/secret.ts'
import { isLoopback } from './loopback.ts'
import { compileNoProxy } from './no-proxy.ts'
import { decodePercent } from './percent.ts'

export type Env = Readonly<Record<string, string | undefined>>

export interface HttpProxy {
  readonly protocol: 'http:' | 'https:'
  readonly hostname: string
  readonly port: number
  /** `proxy.example.com:3128`: for messages, without credentials. */
  readonly name: string
  /** The variable that names it. */
  readonly variable: string
  /** Its URL, with the credentials. */
  readonly url: Secret
  /** The value of Proxy-Authorization; null without credentials. */
  readonly authorization: Secret | null
}

/** Made once for a process, from its environment. */
export interface Proxies {
  readonly https: HttpProxy | null
  readonly http: HttpProxy | null
  /** The proxy for requests to this URL; null if they are sent directly, as always to a loopback address. */
  for(url: URL): HttpProxy | null
  /** The parts of the proxies' URLs that must not be shown. */
  readonly secrets: readonly Secret[]
}

export interface ProxyProblem {
  /** `wrong`: nothing can be sent. `warning`: something is probably not as intended. */
  readonly level: 'wrong' | 'warning'
  /** What is wrong, without the value: it may hold a password. */
  readonly message: string
  readonly hint: string
}

export interface ReadProxies {
  readonly proxies: Proxies
  readonly problems: readonly ProxyProblem[]
}

/** Every request goes directly. */
export const noProxies: Proxies = { https: null, http: null, for: () => null, secrets: [] }

const FORM = 'http://proxy.example.com:3128, or http://USER:PASSWORD@proxy.example.com:3128'

/**
 * Reads the variables in both spellings; the lower-case one wins, as with curl. Each proxy is for URLs of its own scheme.
 * ALL_PROXY is not read.
 */
export function readProxies(env: Env): ReadProxies {
  const problems: ProxyProblem[] = []
  const read = (name: string): { proxy: HttpProxy; secrets: readonly Secret[] } | null => {
    const [variable, text] = valueIn(env, name)
    if (text === '') return null
    const parsed = parseProxy(variable, text)
    if (parsed.ok) return parsed
    problems.push({ level: 'wrong', message: `${variable} ${parsed.message}`, hint: parsed.hint })
    return null
  }
  const https = read('HTTPS_PROXY')
  const http = read('HTTP_PROXY')
  const [noProxyVariable, noProxyText] = valueIn(env, 'NO_PROXY')
  const noProxy = compileNoProxy(noProxyText)
  for (const entry of noProxy.unreadable) {
    problems.push({
      level: 'warning',
      message: `${noProxyVariable} has an entry that matches no host: ${JSON.stringify(entry.slice(0, 60))}`,
      hint: 'write hosts, as in example.com, .example.com, 10.0.0.0/8 or host:8443, with commas between them',
    })
  }
  problems.push(...unread(env))
  const choose = { 'https:': https?.proxy ?? null, 'http:': http?.proxy ?? null }
  return {
    problems,
    proxies: {
      https: choose['https:'],
      http: choose['http:'],
      for({ protocol, hostname, port }) {
        const proxy = protocol === 'https:' || protocol === 'http:' ? choose[protocol] : null
        if (proxy === null || isLoopback(hostname)) return null
        const effective = port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port)
        return noProxy.covers(hostname, effective) ? null : proxy
      },
      secrets: [...(https?.secrets ?? []), ...(http?.secrets ?? [])],
    },
  }
}

/** Warns about variables that are set but not used. */
function unread(env: Env): ProxyProblem[] {
  const isSet = (name: string) => valueIn(env, name)[1] !== ''
  if (isSet('HTTPS_PROXY')) return []
  for (const name of ['HTTP_PROXY', 'ALL_PROXY']) {
    if (!isSet(name)) continue
    const [variable] = valueIn(env, name)
    return [
      {
        level: 'warning',
        message: `${variable} is set and HTTPS_PROXY is not: requests to https URLs, such as Slack's, use no proxy`,
        hint: 'set HTTPS_PROXY as well if they must use it',
      },
    ]
  }
  return []
}

/** The variable that is used, and its value; an empty one counts as unset. */
function valueIn(env: Env, name: string): readonly [variable: string, value: string] {
  const lower = name.toLowerCase()
  const value = env[lower]?.trim()
  return value ? [lower, value] : [name, env[name]?.trim() ?? '']
}

type ParsedProxy =
  | { readonly ok: true; readonly proxy: HttpProxy; readonly secrets: readonly Secret[] }
  | { readonly ok: false; readonly message: string; readonly hint: string }

function parseProxy(variable: string, text: string): ParsedProxy {
  const hint = `write ${FORM}; characters such as % @ : / # in the password are written %25 %40 %3A %2F %23`
  // As with curl, a proxy without a scheme is an HTTP proxy.
  const full = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`
  const url = URL.parse(full)
  if (url === null || url.hostname === '') return { ok: false, message: 'is not the URL of a proxy', hint }
  const { protocol, hostname, username, password } = url
  if (protocol !== 'http:' && protocol !== 'https:') {
    const message = `names a proxy that speaks ${protocol.slice(0, -1)}, and only HTTP proxies are supported`
    return { ok: false, message, hint: `name the proxy's HTTP port, as in ${FORM}, or unset the variable` }
  }
  const port = url.port === '' ? (protocol === 'https:' ? 443 : 80) : Number(url.port)
  const [user, pass] = [decodePercent(username) ?? username, decodePercent(password) ?? password]
  const token = Buffer.from(`${user}:${pass}`).toString('base64')
  const hasLogin = username !== '' || password !== ''
  const secrets = [text, password, pass, token].filter((part) => hasLogin && part !== '')
  return {
    ok: true,
    proxy: {
      protocol,
      hostname: hostname.replace(/^\[(.*)\]$/, '$1'),
      port,
      name: `${hostname}:${port}`,
      variable,
      url: new Secret(full),
      authorization: hasLogin ? new Secret(`Basic ${token}`) : null,
    },
    secrets: [...new Set(secrets)].map((part) => new Secret(part)),
  }
}
