/** What an answer means by its status alone: it does not name an error of Slack's, and may be that of a proxy. */
import type { HintContext, Meaning } from './errors.ts'

/** Of Slack's own, of the proxies in front of it, and of those between us and them. */
export function meaningOfStatus(
  status: number,
  words: string,
  { isWebhook }: Pick<HintContext, 'isWebhook'>,
): Meaning {
  const setting = isWebhook ? 'webhook_url' : 'channels.slack.api_url'
  if (status >= 300 && status < 400) return park(redirected(setting))
  if (status >= 400 && status < 500) return refused(status, setting, isWebhook)
  return failed(status, words)
}

function park(hint: string): Meaning {
  return { kind: 'park', hint }
}

/** Nothing is sent on: the other address may be anyone's, and a POST would become a GET. */
function redirected(setting: string): string {
  return (
    `where it moved for good, put the new address into ${setting}; ` +
    'a page to log in at, or that forbids, is that of a proxy: let it pass this machine'
  )
}

function refused(status: number, setting: string, isWebhook: boolean): Meaning {
  switch (status) {
    // Request Timeout, Misdirected Request, Too Early, Too Many Requests: they ask for another attempt.
    case 408:
    case 421:
    case 425:
    case 429:
      return { kind: 'retry' }
    case 404:
    case 405:
      return park(`nothing takes messages at this address: correct ${setting}`)
    case 407:
      return park('the proxy asks for a login: put user and password into its URL')
    case 410:
      return park(
        isWebhook
          ? 'the webhook is gone; make another one, and put its URL into webhook_url'
          : `correct ${setting}`,
      )
    case 413:
      return {
        kind: 'refuse',
        hint: 'something in between takes no message of this size: shorten slack.yaml',
      }
    default:
      return park(
        `Slack names the errors that it refuses with: look at the proxy in between, and at ${setting}`,
      )
  }
}

// Words of proxies that passed a request on, and lost the connection before the answer: Envoy, Varnish, Fastly.
const LOST_AFTERWARDS =
  /reset before headers(?!.*connection failure)|backend fetch failed|first byte timeout|backend read error/i
// Cloudflare, when it did not get through: refused, unreachable, no TLS, no DNS. Its 520, 522 and 524 may come after.
const NOT_PASSED_ON: ReadonlySet<number> = new Set([521, 523, 525, 526, 530])

function failed(status: number, words: string): Meaning {
  // Not Implemented, HTTP Version Not Supported: it did not understand the request, and will not.
  if (status === 501 || status === 505)
    return park('look at the proxy in between: it does not understand the request')
  // RFC 6585: whoever intercepts the network answers this, never a server.
  if (status === 511) return park('the network asks for a login: log in, or let this machine pass')
  // RFC 9110: it is not able to handle the request now. Proxies say it too where they reach no server.
  if (status === 503 && !LOST_AFTERWARDS.test(words)) return { kind: 'retry' }
  if (NOT_PASSED_ON.has(status)) return { kind: 'retry' }
  // A server may fail after it posted the message; a gateway (502, 504) does not say whether it had passed it on.
  return { kind: 'ambiguous' }
}
