/** Opens a tunnel through a proxy, with HTTP's CONNECT. Failures are reported as the proxy's. */
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { redact } from '../core/secret.ts'
import { ConnectFailure, type ConnectProblem, codeOf, oneLine, wordsOf } from './connect-failure.ts'
import type { HttpProxy } from './proxies.ts'

// As in src/http/hardening.ts: an import would load Node's WebSocket.
const { request } = process.getBuiltinModule('node:http')

/** Asks the proxy at the other end of `socket` for a tunnel to `authority`, such as `slack.com:443`. Rejects with a ConnectFailure. */
export function openTunnel(
  socket: Socket,
  proxy: HttpProxy,
  authority: string,
  timeoutMs: number,
): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const fail = (problem: ConnectProblem, cause?: unknown) => {
      clearTimeout(timer)
      socket.destroy()
      reject(new ConnectFailure(problem, cause))
    }
    const timer = setTimeout(() => fail(noAnswer(proxy, timeoutMs)), timeoutMs)
    const asked = request({
      method: 'CONNECT',
      path: authority,
      createConnection: () => socket,
      headers: {
        host: authority,
        ...(proxy.authorization !== null && { 'proxy-authorization': proxy.authorization.reveal() }),
      },
    })
    asked.once('connect', (answer) => {
      if (answer.statusCode !== undefined && answer.statusCode >= 200 && answer.statusCode < 300) {
        clearTimeout(timer)
        socket.removeAllListeners('timeout')
        return resolve(socket)
      }
      fail(refusal(proxy, authority, answer))
    })
    asked.once('error', (error) => fail(broken(proxy, error), error))
    asked.end()
  })
}

/** Why the proxy itself could not be reached. */
export function unreachable(proxy: HttpProxy, error: unknown, timeoutMs: number): ConnectProblem {
  const code = codeOf(error)
  const hint = `check that the proxy runs, and host and port in ${proxy.variable}`
  if (/TIMEOUT|ETIMEDOUT/.test(code)) return noAnswer(proxy, timeoutMs)
  if (/^ERR_SSL|^EPROTO/.test(code)) {
    return {
      code: 'proxy_tls',
      message: `the proxy ${proxy.name} does not speak TLS (${code})`,
      hint: `write http:// in ${proxy.variable}: the scheme is that of the connection to the proxy, also for https URLs`,
      permanent: true,
    }
  }
  const what =
    code === 'ECONNREFUSED'
      ? 'refuses the connection: nothing listens there'
      : /^(?:ENOTFOUND|EAI_)/.test(code)
        ? `cannot be found (${code})`
        : `cannot be reached (${wordsOf(error)})`
  return { code: 'proxy_unreachable', message: `the proxy ${proxy.name} ${what}`, hint, permanent: false }
}

function noAnswer(proxy: HttpProxy, timeoutMs: number): ConnectProblem {
  return {
    code: 'proxy_timeout',
    message: `the proxy ${proxy.name} does not answer within ${timeoutMs} ms`,
    hint: `check that the proxy works, and host and port in ${proxy.variable}`,
    permanent: false,
  }
}

/** The proxy accepted the connection, but then closed it or sent something other than HTTP. */
function broken(proxy: HttpProxy, error: Error): ConnectProblem {
  if (codeOf(error).startsWith('HPE_')) {
    return {
      code: 'proxy_not_http',
      message: `the server at ${proxy.name} is not an HTTP proxy`,
      hint: `correct host and port in ${proxy.variable}; if the proxy itself expects TLS, write https://`,
      permanent: true,
    }
  }
  return {
    code: 'proxy_failing',
    message: `the proxy ${proxy.name} closed the connection without an answer`,
    hint: `ask the administrator of the proxy; if the proxy itself expects TLS, write https:// in ${proxy.variable}`,
    permanent: false,
  }
}

function refusal(proxy: HttpProxy, authority: string, answer: IncomingMessage): ConnectProblem {
  const { statusCode: status = 0, headers } = answer
  const words = oneLine(redact(answer.statusMessage ?? '', secretsOf(proxy)), 80)
  const said = words === '' ? String(status) : `${status} ${words}`
  // Tinyproxy answers a wrong login with 401.
  const isLogin = status === 407 || (status === 401 && proxy.authorization !== null)
  if (isLogin) return loginProblem(proxy, said, headers['proxy-authenticate'])
  if (status >= 500 || status === 408 || status === 429) {
    // 501 is from a server that does not implement CONNECT.
    if (status === 501) return noTunnel(proxy, said)
    return {
      code: 'proxy_failing',
      message: `the proxy ${proxy.name} cannot connect to ${authority} (${said})`,
      hint: `try again later; if this persists, ask the administrator of the proxy whether it reaches ${authority}`,
      permanent: false,
    }
  }
  if (status === 403 || status === 401 || status === 451) {
    return {
      code: 'proxy_refused',
      message: `the proxy ${proxy.name} does not allow connections to ${authority} (${said})`,
      hint:
        `ask the administrator of the proxy to allow CONNECT to ${authority}, then resend; if the host is to be reached ` +
        'without the proxy, name it in NO_PROXY',
      permanent: true,
    }
  }
  return noTunnel(proxy, said)
}

function noTunnel(proxy: HttpProxy, said: string): ConnectProblem {
  return {
    code: 'proxy_not_http',
    message: `the server at ${proxy.name} does not open tunnels (${said})`,
    hint: `it may be a web server, or require a login in a browser first: correct host and port in ${proxy.variable}`,
    permanent: true,
  }
}

const CREDENTIALS = 'http://USER:PASSWORD@…, with characters such as % @ : / # written %25 %40 %3A %2F %23'

export function loginProblem(
  proxy: HttpProxy,
  said: string,
  offered: string | readonly string[] | undefined,
): ConnectProblem {
  const schemes = [offered ?? []].flat().map((offer) => oneLine(offer.trim().split(/[\s,]/)[0] ?? '', 20))
  const takesBasic = schemes.length === 0 || schemes.some((scheme) => scheme.toLowerCase() === 'basic')
  const others = schemes.filter((scheme) => scheme !== '').join(', ')
  const common = { code: 'proxy_login', permanent: true } as const
  if (!takesBasic) {
    return {
      ...common,
      message: `the proxy ${proxy.name} asks for a login by ${others} (${said})`,
      hint:
        'only Basic is supported: ask the administrator of the proxy for an account with Basic or an exception for this ' +
        'machine, or run a local proxy that logs in, such as cntlm or px, and name that one',
    }
  }
  return proxy.authorization === null
    ? {
        ...common,
        message: `the proxy ${proxy.name} asks for a login (${said})`,
        hint: `put user and password into ${proxy.variable}: ${CREDENTIALS}; then restart, and resend`,
      }
    : {
        ...common,
        message: `the proxy ${proxy.name} does not accept the login (${said})`,
        hint: `correct user and password in ${proxy.variable}: ${CREDENTIALS}; then restart, and resend`,
      }
}

function secretsOf({ authorization }: HttpProxy) {
  return authorization === null ? [] : [authorization]
}
