/** The schema of `server:`. */
import { isIP } from 'node:net'
import * as z from 'zod'
import { isSafeUrl, rate, secret } from '../../channels/settings.ts'
import { networkPattern } from '../../core/receiving/addresses.ts'
import { adminToken, duration, isBare, isNetwork, size } from './kinds.ts'

const WEBHOOK_PATH = /\/webhooks(?:\/[^/]*)?\/*$/

/** Why the text is not an address to listen on; null if it may be one. */
function hostMistake(host: string): string | null {
  const [, scheme, name = '', port] =
    /^(\w+:\/\/)?(\[[^\]]*\]|[^\s/:]*(?::[^\s/:]*:[^\s/]*)?|[^\s/:]*)(?::(\d+))?\/*$/.exec(host) ?? []
  const bare = name.replace(/^\[(.*)\]$/, '$1')
  if (scheme !== undefined || (port !== undefined && isIP(host) === 0))
    return `must be an address alone: write host: ${asYaml(bare)}${port === undefined ? '' : ` and port: ${port}`}`
  if (host === '*') return 'must be an address: for all addresses write 0.0.0.0'
  if (host !== bare && isIP(bare) === 6) return `must be without brackets: write ${asYaml(bare)}`
  if (host.includes('/') && isNetwork(host)) return 'must be one address, not a network'
  if (host.includes('/')) return 'must be an address; for a Unix socket set server.admin_socket'
  if (/\s/.test(host)) return 'must be one address, without spaces'
  return null
}

/** Why the text is not a URL for senders; null if it is one. */
function publicUrlMistake(text: string): string | null {
  if (isSafeUrl(text) && isBare(text))
    return WEBHOOK_PATH.test(text)
      ? `must be without the path of a webhook: write ${text.replace(WEBHOOK_PATH, '')}`
      : null
  const mistake = 'must be an https URL without a query'
  const [, scheme] = /^([a-z][a-z0-9+.-]*):\/\//i.exec(text) ?? []
  const url = URL.parse(scheme === undefined ? `https://${text}` : text)
  if (url === null || url.hostname === '' || !/^https?:$/.test(url.protocol))
    return `${mistake}, such as https://hooks.example.com`
  const path = url.pathname.replace(WEBHOOK_PATH, '').replace(/\/+$/, '')
  return `${mistake}; write https://${url.host}${path}`
}

function isHeartbeat(text: string): boolean {
  if (!isSafeUrl(text)) return false
  const { username, password, hash } = new URL(text)
  return username + password + hash === ''
}

/** Quoted if it contains a colon, which has a meaning in YAML. */
function asYaml(host: string): string {
  if (host === '') return '0.0.0.0'
  return host.includes(':') ? JSON.stringify(host) : host
}

export const server = z
  .strictObject({
    host: z
      .string()
      .min(1, { error: 'must not be empty' })
      .superRefine((host, context) => {
        const message = hostMistake(host)
        if (message !== null) context.addIssue({ code: 'custom', message })
      })
      .default('127.0.0.1')
      .describe('The address to listen on. 0.0.0.0 means all addresses.')
      .meta({ examples: ['127.0.0.1', '0.0.0.0'] }),
    port: z.int().min(0).max(65_535).default(8080).describe('The port to listen on. 0 means any free port.'),
    public_url: z
      .string()
      .superRefine((url, context) => {
        const message = publicUrlMistake(url)
        if (message !== null) context.addIssue({ code: 'custom', message })
      })
      .transform((url) => url.replace(/(?<!\/)\/+$/, ''))
      .optional()
      .describe(
        'The URL at which senders reach the service, without /webhooks/…. `hookbridge doctor` tests it.',
      )
      .meta({ examples: ['https://hooks.example.com'] }),
    trust_proxy: z
      .union(
        [
          z.literal(false),
          z.literal('loopback'),
          z
            .array(
              z
                .string()
                .refine((text) => text === 'loopback' || isNetwork(text), {
                  error: 'must be an address such as 10.0.0.1, a network such as 10.0.0.0/8, or loopback',
                })
                .meta({ pattern: `^(?:loopback|${networkPattern})$` }),
            )
            .min(1, { error: 'must list at least one address; false trusts none' }),
        ],
        { error: 'must be loopback, a list of addresses and networks, or false' },
      )
      .default('loopback')
      .describe(
        'The proxies whose X-Forwarded-For header is trusted: `loopback`, a list of addresses and networks, or false for none.',
      )
      .meta({ examples: ['loopback', ['10.0.0.0/8'], false] }),
    body_limit: size()
      .refine((bytes) => bytes >= 1_024 && bytes <= 8_388_608, { error: 'must be from 1kb to 8mb' })
      .prefault('256kb')
      .describe('The largest request body that is accepted, from 1kb to 8mb.')
      .meta({ examples: ['256kb', '1mb'] }),
    request_timeout: duration()
      .refine((ms) => ms >= 1_000, { error: 'must be at least 1s' })
      .prefault('10s')
      .describe('How long a sender may take to send a request, at least 1s.'),
    max_pending: z
      .int()
      .min(1)
      .max(100_000)
      .default(1_000)
      .describe(
        'How many requests may be in progress at once. Further ones are answered 429, as are large bodies (over 16 kB) while those in progress take 64 MB.',
      ),
    max_connections: z
      .int()
      .min(1)
      .max(100_000)
      .default(4_096)
      .describe(
        'How many connections may be open at once, if the limit of open files allows it. Further ones are closed.',
      ),
    unverified: z
      .union(
        [
          z.literal(false),
          z
            .strictObject({
              rate: rate()
                .prefault('5/s')
                .describe('The sustained rate of failures that one address may have.'),
              burst: z
                .int()
                .min(1)
                .max(1_000_000)
                .default(100)
                .describe('How many failures one address may have at once before `rate` applies.'),
            })
            .describe('The limit on failures.'),
        ],
        { error: 'must be {rate: 5/s, burst: 100}, or false for no limit' },
      )
      .prefault({ rate: '5/s', burst: 100 })
      .describe(
        'How many requests from one address (for IPv6, from one /64) may fail verification before the address is answered 429: a sustained `rate` (default 5/s) and a `burst` (default 100). false: no limit.',
      )
      .meta({ examples: [{ rate: '5/s', burst: 100 }, false] }),
    heartbeat_url: secret()
      .refine((url) => isHeartbeat(url.reveal()), {
        error:
          'must be an https URL without a user, password or fragment, such as https://hc-ping.com/YOUR-KEY',
      })
      .optional()
      .describe(
        'A URL of a monitor, such as healthchecks.io or Uptime Kuma. The service requests it every minute while it works, and the monitor raises an alarm when the requests stop.',
      )
      .meta({ examples: ['${HEARTBEAT_URL}'] }),
    admin_socket: z
      .string()
      .min(1, { error: 'must name a path' })
      .optional()
      .describe(
        "A Unix socket for POST /-/reload (without a token), /metrics and the health checks. Only root and the service's own user can connect. A relative path is resolved against $RUNTIME_DIRECTORY, or else against the folder of this file.",
      )
      .meta({ examples: ['/run/hookbridge/admin.sock'] }),
    admin_token: adminToken
      .optional()
      .describe(
        'The token for POST /-/reload on `port`, at least 16 characters. Without it, `port` does not offer /-/reload.',
      )
      .meta({ examples: ['${HOOKBRIDGE_ADMIN_TOKEN}'] }),
    watch: z
      .boolean()
      .default(false)
      .describe('Reload automatically when this file, a template or a file with a secret changes.'),
  })
  .describe('The HTTP server.')
