/** Checks whether senders reach this service: sends its public address a request without a signature. */
import type { ErrorCode } from '../core/errors.ts'
import { type Finding, fine, unknown, warning, wrong } from '../core/finding.ts'
import { ownProperty } from '../core/json/json.ts'
import { ConnectFailure } from '../network/connect-failure.ts'
import { type HttpClient, openHttp } from '../network/http.ts'
import type { Proxies } from '../network/proxies.ts'

const LARGEST_ANSWER_BYTES = 5_000_000
const UNREACHED =
  'Senders cannot reach this service. They retry, but their events are lost once they give up.'
const TLS_FAILURE = /ERR_SSL|ERR_TLS|EPROTO/

/** `code`: the error code if the answer came from Hookbridge; null for any other answer. */
interface ProbeResult {
  readonly status: number
  readonly code: string | null
}

function urlFor(publicUrl: string, source: string): string {
  return `${publicUrl}/webhooks/${source}`
}

export function noPublicUrl(source: string): Finding {
  return unknown(
    'public_url_unset',
    'whether senders reach this service cannot be checked: server.public_url is not set',
    `The URL to give the sender is ${urlFor('https://YOUR-HOST', source)} (in Cuuro: Settings > Developers > Webhooks).`,
    'set server.public_url to the address that your proxy serves, as in https://hooks.example.com',
  )
}

/** `timeout`: milliseconds. Never throws. */
export async function checkPublicUrl(
  publicUrl: string,
  source: string,
  timeout: number,
  proxies: Proxies,
): Promise<Finding> {
  const url = urlFor(publicUrl, source)
  const http = openHttp({
    proxies,
    timeoutMs: timeout,
    hostSetting: 'server.public_url',
    largestAnswerBytes: LARGEST_ANSWER_BYTES,
    // Senders do not trust the authorities of this machine.
    trustSystem: false,
  })
  try {
    return classify(await probe(http, url), url)
  } catch (error) {
    return unanswered(error, url, timeout)
  } finally {
    await http.close()
  }
}

/** Follows no redirect: senders do not either. */
async function probe(http: HttpClient, url: string): Promise<ProbeResult> {
  const headers = { 'content-type': 'application/json' }
  const response = await http.fetch(url, { method: 'POST', headers, body: '{}' })
  return { status: response.status, code: codeIn(await response.text()) }
}

function codeIn(text: string): string | null {
  try {
    const code = ownProperty(JSON.parse(text), 'error')
    return typeof code === 'string' && /^[a-z_]{1,40}$/.test(code) ? code : null
  } catch {
    return null
  }
}

function classify({ status, code }: ProbeResult, url: string): Finding {
  if (status === 401 && is(code, 'missing_signature'))
    return fine('public_url_ok', `${url} reaches this service`)
  if (status === 403 && is(code, 'address_not_allowed'))
    return fine(
      'public_url_ok',
      `${url} reaches this service (and refuses this machine, which allow_ips does not list)`,
    )
  if (
    is(code, 'overloaded') ||
    is(code, 'rate_limited') ||
    is(code, 'store_unavailable') ||
    is(code, 'stopping')
  ) {
    return warning(
      'public_url_busy',
      `${url} reaches this service, which currently answers ${status} ${code}`,
      '',
      'look into its log',
    )
  }
  const { finding, what, hint } = elsewhere(status, code)
  return wrong(finding, `${url} ${what}`, UNREACHED, hint)
}

function elsewhere(status: number, code: string | null): { finding: string; what: string; hint: string } {
  if (is(code, 'unknown_source')) {
    return {
      finding: 'public_url_unknown_source',
      what: 'reaches a service that does not know this source',
      hint: 'restart the service with this configuration, or correct server.public_url',
    }
  }
  if (is(code, 'not_found')) {
    return {
      finding: 'public_url_wrong_path',
      what: 'reaches the service at another path',
      hint: 'configure the proxy to forward the path unchanged: /webhooks/…, without a prefix',
    }
  }
  if (status >= 300 && status < 400) {
    return {
      finding: 'public_url_redirected',
      what: `is redirected (${status}), which senders do not follow`,
      hint: 'set server.public_url, and the URL at the sender, to the target of the redirect',
    }
  }
  if (status === 401 || status === 403) {
    return {
      finding: 'public_url_login',
      what: `asks for a login (${status})`,
      hint: 'configure the proxy to forward /webhooks/ without a login: requests are signed',
    }
  }
  if (status === 404 || status === 405) {
    return {
      finding: 'public_url_not_found',
      what: `does not exist (${status})`,
      hint: 'configure the proxy to forward POST /webhooks/ to this service',
    }
  }
  if (status >= 502 && status <= 504) {
    return {
      finding: 'public_url_bad_gateway',
      what: `reaches the proxy, but the proxy does not reach this service (${status})`,
      hint: 'start "hookbridge serve", and configure the proxy to forward to server.host and server.port',
    }
  }
  return {
    finding: 'public_url_other',
    what: `is answered by another service (${status})`,
    hint: 'correct server.public_url, or configure the proxy to forward /webhooks/ to this service',
  }
}

function is(code: string | null, expected: ErrorCode): boolean {
  return code === expected
}

function unanswered(error: unknown, url: string, timeout: number): Finding {
  const { hostname, port } = new URL(url)
  if (error instanceof ConnectFailure) return notConnected(error, url)
  const code = causeOf(error)
  if (TLS_FAILURE.test(code)) {
    const hint = 'configure the proxy to terminate TLS there, or correct the port in server.public_url'
    return wrong('public_url_tls', `${url} does not speak TLS (${code})`, UNREACHED, hint)
  }
  if (code === 'ENOTFOUND' || code.startsWith('EAI_')) {
    return wrong(
      'public_url_no_host',
      `${url}: no such host (${code})`,
      UNREACHED,
      `add a DNS record for ${hostname}, or correct server.public_url`,
    )
  }
  if (code === 'ECONNREFUSED') {
    const hint = `start the proxy, and open port ${port || '443'} in the firewall`
    return wrong('public_url_refused', `${url}: nothing listens there`, UNREACHED, hint)
  }
  if (/Timeout|TIMEOUT/.test(code)) {
    return wrong(
      'public_url_timeout',
      `${url} does not answer within ${timeout / 1000} s`,
      UNREACHED,
      `check the firewall and the proxy; from inside your network the address may not be reachable at all`,
    )
  }
  return wrong(
    'public_url_unreachable',
    `${url} cannot be reached (${code})`,
    UNREACHED,
    'check the proxy and server.public_url',
  )
}

function notConnected({ code, message, hint }: ConnectFailure, url: string): Finding {
  if (code.startsWith('proxy_')) {
    const summary = `whether senders reach ${url} could not be checked: ${message}`
    return unknown('public_url_proxy', summary, 'Senders come from outside, not through this proxy.', hint)
  }
  const renew =
    code === 'certificate_untrusted'
      ? 'use a certificate of a public authority, with its intermediate certificates: senders trust no others'
      : hint
  const seen = 'If a proxy decrypts outgoing TLS, this is its certificate: then check from another network.'
  return wrong('public_url_certificate', `${url}: ${message}`, `${UNREACHED} ${seen}`, renew)
}

/** The error's code, or its name. */
function causeOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  if (!(cause instanceof Error)) return 'unknown'
  return 'code' in cause && typeof cause.code === 'string' ? cause.code : cause.name
}
