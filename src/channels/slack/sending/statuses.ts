/** The meaning of an answer's status, if it names none of Slack's errors; it may come from a proxy. */
import type { HintContext, Meaning } from './errors.ts'
import type { Answer } from './transport.ts'

type Status = Pick<Answer, 'status' | 'isWhole' | 'retryAfter'>

export function meaningOfStatus(
  answer: Status,
  words: string,
  { isWebhook }: Pick<HintContext, 'isWebhook'>,
): Meaning {
  const { status } = answer
  const setting = isWebhook ? 'webhook_url' : 'channels.slack.api_url'
  if (status >= 300 && status < 400) return park(redirected(setting))
  if (MAY_PASS.has(status) && answer.retryAfter !== null) return { kind: 'retry' }
  if (status >= 400 && status < 500) return refused(answer, setting, isWebhook)
  return failed(status, words)
}

// With Retry-After: a rate limit, and a size that is too large only for now (RFC 9110, section 15.5.14).
const MAY_PASS: ReadonlySet<number> = new Set([403, 413])

function park(hint: string): Meaning {
  return { kind: 'park', hint }
}

/** Redirects are not followed: the message would be sent to an address that is not configured, and a POST may become a GET. */
function redirected(setting: string): string {
  return (
    `if the address has changed, put the new one into ${setting}; ` +
    'if a proxy redirects to its login or to a page that blocks, allow this machine there'
  )
}

function refused({ status, isWhole }: Status, setting: string, isWebhook: boolean): Meaning {
  switch (status) {
    // Request Timeout, Misdirected Request, Too Early, Too Many Requests: they ask for another attempt.
    case 408:
    case 421:
    case 425:
    case 429:
      return { kind: 'retry' }
    case 404:
    case 405:
      return park(`nothing at this address accepts messages: correct ${setting}`)
    case 407:
      return park('the proxy asks for a login: put user and password into the URL in HTTPS_PROXY')
    case 410:
      return park(
        isWebhook
          ? 'the webhook is gone; create another one, and put its URL into webhook_url'
          : `correct ${setting}`,
      )
    case 413:
      return {
        kind: 'refuse',
        hint: 'a proxy in between refuses messages of this size: shorten the template, slack.yaml, or raise its limit',
      }
    default: {
      const check = `check the proxy in between, and ${setting}`
      return park(isWhole ? `not an answer from Slack, which names its errors: ${check}` : check)
    }
  }
}

// Messages of proxies (Envoy, Varnish, Fastly) that forwarded a request and lost the connection before the answer.
const LOST_AFTERWARDS =
  /reset before headers(?!.*connection failure)|backend fetch failed|first byte timeout|backend read error/i
// Cloudflare, if it could not connect: refused, unreachable, no TLS, no DNS. After 520, 522 and 524 the request may have been
// forwarded.
const NOT_PASSED_ON: ReadonlySet<number> = new Set([521, 523, 525, 526, 530])

function failed(status: number, words: string): Meaning {
  // Not Implemented, HTTP Version Not Supported: it did not understand the request, and will not.
  if (status === 501 || status === 505)
    return park('the proxy in between does not support this request: fix it, or bypass it')
  // RFC 6585: from a captive portal, not from a server.
  if (status === 511) return park('the network asks for a login: log in, or have this machine exempted')
  // RFC 9110: the server cannot handle the request now. Proxies also answer it if they reach no server.
  if (status === 503 && !LOST_AFTERWARDS.test(words)) return { kind: 'retry' }
  if (NOT_PASSED_ON.has(status)) return { kind: 'retry' }
  // A server may fail after it posted the message; a gateway (502, 504) does not say whether it had passed it on.
  return { kind: 'ambiguous' }
}
